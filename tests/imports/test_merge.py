"""Merging beside other writers: who waits for whom, and what became of it."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, event, func, insert, select, text, update

from backoffice.database import db, somebody_waits
from backoffice.imports import ledger, merge, work
from backoffice.imports.read import FileRefused
from backoffice.models import ImportRun, Order, OrderLine, Product, Supplier
from tests import stored
from tests.imports.conftest import counts, products
from tests.pages import filled, post, visit

LINES = "order,product,quantity,unit_price\nORD0001,SKU0001,7,1\nORD0001,SKU0002,8,1\n"
COLUMNS = ["order_id", "line_no", "product_id", "quantity", "unit_price"]
NEXT_LINE = select(OrderLine.order_id, text("2"), OrderLine.product_id, text("1"), text("1"))
ADDED = {"product": "SKU0001", "quantity": "9", "unit_price": "5", "discount": "0", "id": ""}


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
    def test_wait_for_its_lines_and_then_take_the_next_free_number(self, app, load, make):
        [order] = make.orders(1, lines=1)
        make.products(2)

        with ThreadPoolExecutor(1) as threads:
            with stored.elsewhere(app) as staff:
                staff.execute(update(OrderLine).values(quantity=5))
                line = select(Order.id, text("2"), Product.id, text("4"), text("1"))
                line = line.join(Product, Product.sku == "SKU0003")
                staff.execute(insert(OrderLine).from_select(COLUMNS, line))
                imported = threads.submit(load, "order-lines", LINES)
                wait_until_somebody_waits(app)
            report = imported.result()

        assert counts(report) == (1, 1, 0, 0)
        lines = [(line.line_no, line.quantity) for line in stored.lines(app, order)]
        assert lines == [(1, 7), (2, 4), (3, 8)]

    def test_change_the_line_to_which_staff_gave_their_number(self, app, load, make):
        [order] = make.orders(1, lines=1)
        file = "order,line_no,product,quantity,unit_price\nORD0001,2,SKU0001,7,1\n"

        with ThreadPoolExecutor(1) as threads:
            with stored.elsewhere(app) as staff:
                staff.execute(insert(OrderLine).from_select(COLUMNS, NEXT_LINE))
                imported = threads.submit(load, "order-lines", file)
                wait_until_somebody_waits(app)
            report = imported.result()

        assert (counts(report), report.meanwhile) == ((0, 1, 0, 0), 1)
        assert [line.quantity for line in stored.lines(app, order)] == [1, 7]

    def test_are_told_to_staff_who_come_second(self, app, client, make):
        """One who adds a line, and one who changes a line, that an import is just writing."""
        [order] = make.orders(1, lines=1)
        added = {f"lines-1-{name}": text for name, text in ADDED.items()}

        for typed in (added, {"lines-0-quantity": "3"}):
            with ThreadPoolExecutor(1) as threads:
                with stored.elsewhere(app) as importing:
                    written = update(OrderLine).values(version=OrderLine.version + 1)
                    importing.execute(written.where(OrderLine.line_no == 1))
                    if typed is added:
                        importing.execute(insert(OrderLine).from_select(COLUMNS, NEXT_LINE))
                    form = visit(client, "/admin/orders/edit/", id=order).form
                    saved = threads.submit(post, client, "orders", order, filled(form, typed))
                    wait_until_somebody_waits(app)
                assert saved.result().status == 409

        assert [line.quantity for line in stored.lines(app, order)] == [1, 1]


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
class TestARowThatStaffHold:
    def test_keeps_the_import_waiting_but_not_other_staff(self, app, load, make, session):
        make.products(20)
        held = update(Product).where(Product.sku == "SKU0020").values(stock=5)
        other = update(Product).where(Product.sku == "SKU0001").values(stock=6)
        file = "sku,stock\n" + "".join(f"SKU{n:04},7\n" for n in range(1, 21))

        with ThreadPoolExecutor(1) as threads:
            with stored.elsewhere(app) as staff:
                staff.execute(held)
                imported = threads.submit(load, "products", file)
                wait_until_somebody_waits(app)
                with stored.elsewhere(app) as second:
                    second.execute(text("SET lock_timeout = '2s'"))
                    second.execute(other)
            report = imported.result()

        assert counts(report) == (0, 20, 0, 0)
        assert set(session.scalars(select(Product.stock))) == {7}


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
class TestALongTurn:
    """On SQLite, chunks go on in one transaction until somebody wants to write."""

    @pytest.fixture
    def chunks(self, monkeypatch):
        monkeypatch.setattr(work, "FEWEST_ROWS", 10)
        monkeypatch.setattr(work, "MOST_ROWS", 10)

    def test_is_one_transaction_while_nobody_waits(self, chunks, app, load, make):
        make.suppliers()
        began = []
        engine = stored.engine(app)

        def note(_connection, _cursor, statement, *_):
            began.append(statement == "BEGIN IMMEDIATE")

        event.listen(engine, "before_cursor_execute", note)
        try:
            report = load("products", products(100))
        finally:
            event.remove(engine, "before_cursor_execute", note)

        assert counts(report) == (100, 0, 0, 0)
        assert sum(began) == 3  # its beginning in the ledger, all rows, its end

    def test_ends_when_staff_want_to_write(self, chunks, app, load, make, session, monkeypatch):
        make.suppliers()
        session.rollback()
        saved = []

        def save(number):
            with app.app_context():
                db.session.execute(update(Supplier).values(name=f"{number}"))
                seen = db.session.scalar(select(func.count()).select_from(Product))
                db.session.commit()
                saved.append(seen)

        real = merge.Merge._chunk

        def and_staff_come(self, after, rows, *, look_again):
            if after in {31, 61}:
                threads.submit(save, after)
                while not somebody_waits(self.connection):
                    time.sleep(0.005)
            return real(self, after, rows, look_again=look_again)

        monkeypatch.setattr(merge.Merge, "_chunk", and_staff_come)
        with ThreadPoolExecutor(2) as threads:
            report = load("products", products(100))

        assert counts(report) == (100, 0, 0, 0)
        assert len(saved) == 2
        assert saved[0] < saved[1] < 100


class TestRowsThatOthersChangeDuringTheImport:
    """Between the check and the merge: while the import waits for its turn it has checked nothing,
    so what others do there is done in the first look at the ledger."""

    @pytest.fixture
    def meanwhile(self, app, monkeypatch):
        """Has the work done by another connection when the import has been checked."""

        def meanwhile(work):
            begin = ledger.begin

            def and_begin(*arguments):
                with ThreadPoolExecutor(1) as threads:
                    threads.submit(others).result()
                return begin(*arguments)

            def others():
                with stored.elsewhere(app) as staff:
                    work(staff)

            if stored.engine(app).dialect.name == "sqlite":
                pytest.skip("SQLite's writer is already inside its transaction there")
            monkeypatch.setattr(ledger, "begin", and_begin)

        return meanwhile

    def test_are_changed_when_somebody_else_inserted_them(self, load, make, meanwhile, session):
        make.suppliers()
        supplier = session.scalar(select(Supplier.id))
        row = {"sku": "P1", "name": "Theirs", "price": 9, "supplier_id": supplier}
        meanwhile(lambda staff: staff.execute(insert(Product).values(row)))

        report = load("products", products(3))

        assert (counts(report), report.meanwhile) == ((2, 1, 0, 0), 1)
        assert session.scalar(select(Product.name).where(Product.sku == "P1")) == "Product 1"

    def test_are_left_alone_when_somebody_else_made_the_same_change(
        self, load, make, meanwhile, session
    ):
        make.products(2)
        meanwhile(lambda staff: staff.execute(update(Product).values(stock=7)))

        report = load("products", "sku,stock\nSKU0001,7\nSKU0002,8\n")

        assert (counts(report), report.meanwhile) == ((0, 1, 1, 0), 1)

    @pytest.mark.parametrize("renamed", ["Product 3", "Other"])
    def test_are_taken_whole_from_the_file_when_somebody_edited_them(
        self, load, make, meanwhile, session, renamed
    ):
        """Whether or not another row of the file changes the column that they edited."""
        make.suppliers()
        load("products", products(4))
        edited = update(Product).where(Product.sku.in_(["P1", "P2"]))
        edited = edited.values(name="Theirs", version=Product.version + 1)
        meanwhile(lambda staff: staff.execute(edited))
        file = products(4, lambda n: "7" if n == 1 else f"{n}.50").replace("Product 3", renamed)

        report = load("products", file)

        assert report.meanwhile == 1
        names = session.scalars(select(Product.name).order_by(Product.sku)).all()
        assert names == ["Product 0", "Product 1", "Theirs", renamed]

    def test_refuse_the_file_when_somebody_deleted_one(self, load, make, meanwhile, session):
        make.products(3)
        gone = delete(Product).where(Product.sku == "SKU0002")
        meanwhile(lambda staff: staff.execute(gone))

        with pytest.raises(FileRefused, match="line 3: the product was deleted during the import"):
            load("products", "sku,stock\nSKU0001,7\nSKU0002,7\nSKU0003,7\n")

        stocks = session.scalars(select(Product.stock)).all()
        assert 7 not in stocks
        assert session.scalar(select(ImportRun.state)) == "cancelled"
