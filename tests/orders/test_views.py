"""Orders and customers on screen."""

from decimal import Decimal

import pytest
from sqlalchemy import update

from backoffice.database import db
from backoffice.models import OrderLine
from tests import stored
from tests.pages import visit


class TestOrderList:
    def test_shows_the_newest_first_with_its_customer(self, client, make):
        make.customers(name="Alfreds")
        make.orders(2)

        page = visit(client, "/admin/orders/")

        assert page.keys == ["ORD0002", "ORD0001"]
        assert page.rows[0] == [
            *("ORD0002", "Alfreds", "placed", "2", "29.97", "2026-01-01", "–", "–"),
        ]

    def test_shows_lines_and_total_for_the_rows_of_the_page_only(self, client, make, statements):
        make.orders(1, lines=0)
        make.orders(1, lines=3)

        with statements() as ran:
            page = visit(client, "/admin/orders/")

        assert [row[3:5] for row in page.rows] == [["3", "59.94"], ["0", "0.00"]]
        assert sum("order_lines" in sql for sql in ran) == 1

    def test_adds_up_exactly_on_request(self, app, client, make):
        make.orders(2, lines=2)
        make.orders(1, lines=1, status="draft")
        with app.app_context():
            db.session.execute(update(OrderLine).values(discount=Decimal("0.3333")))
            db.session.commit()

        page = visit(client, "/admin/orders/", status="placed", totals="1")
        (foot,) = page.root.all("tfoot")

        # 6 at 9.99, with 33.33 % off: 39.961998
        assert [cell.text for cell in foot.all("td")][2:4] == ["4", "39.96"]
        assert foot.text.startswith("All 2")

    def test_adds_up_the_first_column_as_well(self, client, make):
        make.orders(2, lines=2)

        page = visit(client, "/admin/orders/", columns="total,number,lines", totals="1")
        (foot,) = page.root.all("tfoot")

        assert [cell.text for cell in (*foot.all("th"), *foot.all("td"))] == [
            *("All 2: 59.94", "", "4"),
        ]

    def test_is_added_up_on_the_one_connection_that_is_left(self, app, client, make):
        make.orders(2, lines=2)
        pool = stored.engine(app).pool
        others = [pool.connect() for _ in range(pool.size() + pool._max_overflow - 1)]

        page = visit(client, "/admin/orders/", totals="1")

        assert page.status == 200
        assert next(page.root.all("tfoot")).text.startswith("All 2")
        for connection in others:
            connection.close()

    def test_shows_a_guests_order_without_a_customer(self, client, make):
        make.orders(customer_id=None)

        assert visit(client, "/admin/orders/").rows[0][1] == "–"


class TestOrderDetails:
    @pytest.fixture
    def order(self, app, make):
        """Three lines at 9.99, with quantities 1, 2, 3, all at 15 % off."""
        order = make.orders(lines=3)[0]
        with app.app_context():
            db.session.execute(update(OrderLine).values(discount=Decimal("0.15")))
            db.session.commit()
        return order

    def test_show_lines_and_an_exact_total(self, client, order):
        page = visit(client, "/admin/orders/details/", id=order)

        (lines, *_) = page.root.all("table")
        cells = [[cell.text for cell in row.all("td")] for row in lines.all("tr")]
        assert cells[1:4] == [
            ["1", "Product 1 SKU0001", "1", "9.99", "15 %", "8.49"],
            ["2", "Product 1 SKU0001", "2", "9.99", "15 %", "16.98"],
            ["3", "Product 1 SKU0001", "3", "9.99", "15 %", "25.47"],
        ]
        # 6 × 9.99 × 0.85 = 50.949; the rounded amounts would come to 50.94.
        assert cells[4] == ["50.95"]

    def test_say_so_when_there_are_no_lines(self, client, make):
        order = make.orders(lines=0)[0]

        assert "no lines yet" in visit(client, "/admin/orders/details/", id=order).text


class TestCustomerDetails:
    def test_show_the_newest_orders_and_lead_to_all(self, client, make):
        customer = make.customers()[0]
        make.orders(12, customer_id=customer)

        page = visit(client, "/admin/customers/details/", id=customer)

        tables = [part for part in page.root.all("table") if "ORD" in part.text]
        keys = [next(row.all("a")).text for row in tables[0].all("tr") if list(row.all("a"))]
        assert keys == [f"ORD{n:04}" for n in range(12, 2, -1)]
        links = [link.get("href") for link in page.root.all("a") if link.text == "Show all"]
        assert len(visit(client, links[0]).rows) == 12


def test_the_hue_of_a_status_stands_beside_its_word(client, make):
    make.orders(status="cancelled")

    page = visit(client, "/admin/orders/")

    assert [badge.text for badge in page.root.all("span", "bad")] == ["cancelled"]
