"""Merging beside other writers: who waits for whom, and what became of it."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import insert, select, text, update

from backoffice.imports.merge import take_lock
from backoffice.imports.read import FileRefused
from backoffice.models import Order, OrderLine, Product
from tests import stored
from tests.imports.conftest import counts

LINES = "order,product,quantity,unit_price\nORD0001,SKU0001,7,1\nORD0001,SKU0002,8,1\n"
COLUMNS = ["order_id", "line_no", "product_id", "quantity", "unit_price"]


def wait_until_somebody_waits(app):
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(200):
        with stored.elsewhere(app) as connection:
            if connection.scalar(waiting):
                return
        time.sleep(0.05)
    raise AssertionError("nobody waited")


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
class TestLinesOfAnOrderThatStaffAreSaving:
    def test_wait_for_the_order_and_then_take_the_next_free_number(self, app, load, make):
        [order] = make.orders(1, lines=1)
        make.products(2)

        with ThreadPoolExecutor(1) as threads:
            with stored.elsewhere(app) as staff:
                staff.execute(update(Order).values(version=Order.version + 1))
                imported = threads.submit(load, "order-lines", LINES)
                wait_until_somebody_waits(app)
                staff.execute(update(OrderLine).values(quantity=5))
                line = select(Order.id, text("2"), Product.id, text("4"), text("1"))
                line = line.join(Product, Product.sku == "SKU0003")
                staff.execute(insert(OrderLine).from_select(COLUMNS, line))
            report = imported.result()

        assert counts(report) == (1, 1, 0, 0)
        lines = [(line.line_no, line.quantity) for line in stored.lines(app, order)]
        assert lines == [(1, 7), (2, 4), (3, 8)]

    def test_are_refused_when_staff_took_their_number(self, app, load, make):
        [order] = make.orders(1, lines=1)
        file = "order,line_no,product,quantity,unit_price\nORD0001,2,SKU0001,7,1\n"

        with ThreadPoolExecutor(1) as threads:
            with stored.elsewhere(app) as staff:
                staff.execute(update(Order).values(version=Order.version + 1))
                imported = threads.submit(load, "order-lines", file)
                wait_until_somebody_waits(app)
                line = select(
                    OrderLine.order_id, text("2"), OrderLine.product_id, text("1"), text("1")
                )
                staff.execute(insert(OrderLine).from_select(COLUMNS, line))

            with pytest.raises(FileRefused, match="changed during the import: import again"):
                imported.result()
        assert [line.quantity for line in stored.lines(app, order)] == [1, 1]


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
class TestTakeLock:
    def test_outwaits_the_patience_of_a_page_and_leaves_it_as_it_was(self, app, session):
        begun = Event()

        def write():
            with stored.elsewhere(app) as connection:
                connection.execute(update(Product).values(stock=1))
                begun.set()
                time.sleep(0.5)

        with ThreadPoolExecutor(1) as threads:
            writing = threads.submit(write)
            assert begun.wait(5)
            connection = session.connection(execution_options={"begins_reading": True})
            connection.execute(text("PRAGMA busy_timeout = 50"))
            try:
                take_lock(connection, Product.__table__)

                assert connection.scalar(text("PRAGMA busy_timeout")) == 50
            finally:
                connection.execute(text("PRAGMA busy_timeout = 10000"))
                session.rollback()
            writing.result()
