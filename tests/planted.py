"""A workload that wants ten indexes which are not there, and five that nobody should make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, text

from backoffice.indexes.plan import State, compare
from backoffice.models import QueryHour, QueryShape
from backoffice.querylog.parameters import to_json
from backoffice.querylog.shape import fingerprint_of, shape_of


@dataclass(frozen=True)
class Planted:
    """A statement whose index is missing: ``drops`` names it where the models declare it.

    ``value`` is the column from which the statement's one value is taken, if it has one.
    """

    table: str
    statement: str
    calls: int
    drops: str = ""
    value: str = ""

    def asked(self, dialect: str) -> str:
        """As the driver of ``dialect`` gets it."""
        return self.statement.replace(":value", "?" if dialect == "sqlite" else "%(value)s")


PLANTED = (
    Planted(
        "orders",
        "SELECT orders.id, orders.number, orders.status, orders.placed_at FROM orders "
        "WHERE orders.customer_id = :value ORDER BY orders.placed_at DESC, orders.id DESC LIMIT 50",
        900,
        "ix_orders_customer_id_placed_at_id",
        "customer_id",
    ),
    Planted(
        "orders",
        "SELECT orders.id, orders.number, orders.placed_at FROM orders "
        "ORDER BY orders.placed_at DESC, orders.id DESC LIMIT 50",
        2_000,
        "ix_orders_placed_at_id",
    ),
    Planted(
        "products",
        "SELECT products.id, products.sku, products.price FROM products "
        "ORDER BY products.price DESC, products.id DESC LIMIT 50",
        400,
        "ix_products_price_id",
    ),
    Planted(
        "products",
        "SELECT products.id, products.sku, products.name, products.updated_at FROM products "
        "WHERE products.supplier_id = :value "
        "ORDER BY products.updated_at DESC, products.id DESC LIMIT 50",
        700,
        "ix_products_supplier_id_updated_at_id",
        "supplier_id",
    ),
    Planted(
        "products",
        "SELECT products.id, products.name FROM products WHERE products.name >= :value "
        "ORDER BY products.name, products.id LIMIT 50",
        600,
        "ix_products_name_id",
        "name",
    ),
    Planted(
        "order_lines",
        "SELECT orders.number, orders.placed_at, order_lines.quantity FROM order_lines "
        "JOIN orders ON orders.id = order_lines.order_id WHERE order_lines.product_id = :value",
        300,
        "ix_order_lines_product_id_order_id",
        "product_id",
    ),
    Planted(
        "orders",
        "SELECT orders.id, orders.number, orders.shipped_at FROM orders "
        "WHERE orders.shipped_at >= :value ORDER BY orders.shipped_at, orders.id LIMIT 50",
        1_500,
        "ix_orders_shipped_at_id",
        "shipped_at",
    ),
    Planted(
        "products",
        "SELECT products.id, products.sku, products.stock FROM products "
        "WHERE products.active AND products.stock <= products.reorder_level "
        "ORDER BY products.stock, products.id LIMIT 50",
        800,
        "ix_products_to_reorder",
    ),
    Planted(
        "orders",
        "SELECT orders.id, orders.number, orders.ship_name FROM orders "
        "WHERE orders.ship_postal_code = :value ORDER BY orders.number",
        250,
        value="ship_postal_code",
    ),
    Planted(
        "customers",
        "SELECT customers.id, customers.code, customers.name FROM customers "
        "WHERE customers.phone = :value",
        1_200,
        value="phone",
    ),
)

USELESS = {
    "products: sku": "is there already",
    "orders: status": "covered by",
    "orders: ship_region": "not used",
    "customers: phone, city": "serves the same statements",
    "products: stock": "writers lose",
}
"""What is offered -> a part of the reason why it is refused."""

SELDOM = (
    "SELECT products.id, products.sku FROM products WHERE products.stock = 7 "
    "AND products.reorder_level = 3 AND products.category_id IS NULL"
)
"""Asked twice; an index on the stock, which changes all the time, would help it."""


def plant(connection: Connection) -> list[str]:
    """Drop the indexes, write the log of a week; returns the fingerprints of ``PLANTED``.

    What an earlier run has built goes as well.
    """
    by_hand = {index.name for index in compare(connection) if index.state is State.UNDECLARED}
    for name in by_hand | {planted.drops for planted in PLANTED if planted.drops}:
        connection.execute(text(f"DROP INDEX IF EXISTS {name}"))
    dialect = connection.dialect.name
    rows = connection.scalar(text("SELECT count(*) FROM products"))
    for statement, parameters, calls, written in _log(connection, rows or 0):
        values = to_json(parameters if dialect == "postgresql" else tuple(parameters.values()))
        _record(connection, statement, values, calls, written)
    return [fingerprint_of(planted.asked(dialect)) for planted in PLANTED]


def _log(connection: Connection, products: int) -> Iterator[tuple[str, dict[str, Any], int, int]]:
    for planted in PLANTED:
        values = {}
        if planted.value:
            found = connection.scalar(
                text(
                    f"SELECT {planted.value} FROM {planted.table} "
                    f"WHERE {planted.value} IS NOT NULL ORDER BY id LIMIT 1 OFFSET 500"
                )
            )
            values = {"value": found}
        yield planted.asked(connection.dialect.name), values, planted.calls, 50
    yield SELDOM, {}, 2, 50
    changes = "stock = :s, updated_at = :u, version = :v WHERE products.id = :i"
    yield f"UPDATE products SET {changes}", {}, products * 2, products * 2
    for table, rows in (("orders", 20_000), ("order_lines", 60_000), ("customers", 1_000)):
        yield f"INSERT INTO {table} (id) VALUES (:id)", {}, rows * products // 10**6, 0


def _record(connection: Connection, statement: str, values: Any, calls: int, rows: int) -> None:
    now = datetime.now(UTC)
    shape = connection.scalar(
        insert(QueryShape).returning(QueryShape.id),
        {
            "fingerprint": fingerprint_of(statement),
            "shape": shape_of(statement),
            "statement": statement,
            "parameters": values,
            "first_seen": now,
            "last_seen": now,
        },
    )
    connection.execute(
        insert(QueryHour),
        {
            "shape_id": shape,
            "route": "/admin/",
            "line": "here:1",
            "hour": now.replace(minute=0, second=0, microsecond=0),
            "calls": calls,
            "microseconds": calls * 1000,
            "rows": rows,
        },
    )
