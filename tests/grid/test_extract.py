"""Values on their way into a file: exact, and the same on both databases."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select, text

from backoffice.catalog import queries
from backoffice.catalog.queries import product_grid, supplier_grid
from backoffice.database import db
from backoffice.grid.extract import PATIENCE_MS, extract, let_be_read
from backoffice.grid.extract import _decimals as decimals
from backoffice.grid.extract import _ten_thousandths as ten_thousandths
from backoffice.models import Order, OrderLine, OrderStatus, Product
from backoffice.orders.queries import order_grid
from backoffice.references import SUPPLIER


def shown(statement, names, references=None):
    """All rows, as they are written."""
    found = extract(statement, names, references)
    rows = [row for rows in found.chunks(let_be_read) for row in rows]
    columns = [c.show([row[i] for row in rows]) for i, c in enumerate(found.columns)]
    return list(zip(*columns, strict=True))


class TestValues:
    def test_are_exact_and_alike_on_both_databases(self, session, make):
        make.products(1, price=Decimal("99999999.9999"), active=False, stock=0)
        (order_id,) = make.orders(
            1,
            status=OrderStatus.SHIPPED,
            placed_at=datetime(2026, 1, 31, 8, 0, 0, 120_000, UTC),
            shipped_at=datetime(2026, 2, 1, 23, 59, 59, tzinfo=UTC),
        )

        products = shown(select(Product.price, Product.active, Product.stock), ["price", "active"])
        orders = shown(
            select(Order.status, Order.placed_at, Order.shipped_at, Order.customer_id),
            ["status", "placed_at", "shipped_at"],
        )

        assert order_id
        assert products == [("99999999.9999", "no")]
        assert orders == [("shipped", "2026-01-31 08:00:00.120000", "2026-02-01 23:59:59")]

    def test_leave_nothing_for_nothing(self, session, make):
        make.products(1)
        make.orders(1, shipped_at=None)

        assert shown(product_grid(), ["category"]) == [(None,)]
        assert shown(select(Order.shipped_at), ["shipped_at"]) == [(None,)]

    @pytest.mark.parametrize(
        ("number", "amount"),
        [
            (98_000, "9.80"),
            (-98_000, "-9.80"),
            (-1, "-0.0001"),
            (125, "0.0125"),
            (0, "0.00"),
            (9_999_999_999_999, "999999999.9999"),
            (None, None),
        ],
    )
    def test_of_money_keep_sign_and_decimals(self, number, amount):
        stored = None if number is None else f"{Decimal(number).scaleb(-4):.4f}"

        assert ten_thousandths([number]) == decimals([stored]) == [amount]


class TestColumns:
    def test_of_another_table_alone_are_still_joined(self, session, make):
        make.products(2)

        assert shown(product_grid(), ["supplier"]) == [("Supplier 1",), ("Supplier 1",)]
        assert shown(product_grid(), ["supplier"], {"supplier": SUPPLIER}) == [("SUP1",)] * 2

    def test_know_which_of_them_people_wrote(self, session):
        columns = extract(product_grid(), ["sku", "price", "stock", "active", "updated_at"]).columns

        assert [column.name for column in columns if column.is_text] == ["sku"]
        assert [column.name for column in columns if column.is_decimal] == ["price"]

    def test_that_count_and_add_up_are_as_exact_as_on_the_page(self, session, make, monkeypatch):
        make.orders(1, lines=3)
        make.orders(1, lines=0)

        orders = shown(order_grid().order_by(Order.number), ["lines", "total"])
        few = shown(supplier_grid(), ["products"])
        monkeypatch.setattr(queries, "MOST_COUNTED", 2)
        make.products(3)

        assert orders == [(3, "59.94"), (0, "0.00")]
        assert few == [(1,)]
        assert shown(supplier_grid(), ["products"]) == [("2+",)]


class TestReading:
    def test_leaves_the_connection_as_it_was(self, session, make):
        make.orders(1, lines=3)
        names = ("statement_timeout", "idle_in_transaction_session_timeout")
        ask = [f"SHOW {name}" for name in names]
        if db.engine.dialect.name == "sqlite":
            ask = ["PRAGMA cache_size"]

        def usual():
            with db.engine.connect() as connection:
                return [connection.scalar(text(sql)) for sql in ask]

        before = usual()
        rows = extract(select(OrderLine.line_no), ["line_no"]).chunks(let_be_read)
        next(rows)
        rows.close()

        assert usual() == before
        assert db.engine.pool.checkedout() == 0

    def test_replaces_the_limits_of_a_page(self, session):
        if db.engine.dialect.name == "sqlite":
            return
        with db.engine.connect() as connection:
            let_be_read(connection)
            for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                assert connection.scalar(text(f"SHOW {name}")) == f"{PATIENCE_MS // 60_000}min"

    def test_breaks_off_when_it_took_too_long_in_all(self, session, make):
        make.products(1)
        rows = extract(product_grid(), ["sku"]).chunks(let_be_read, seconds=0)

        with pytest.raises(TimeoutError):
            list(rows)
        assert db.engine.pool.checkedout() == 0
