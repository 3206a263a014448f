"""The dashboard's figures as hand-written SQL: built here, run by ``summary.py``.

One statement a figure, nearly all over rollups, so that none reads more the more orders there
are. Days are UTC days. Amounts come as units and rest, see ``models.rollup``.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Date,
    Integer,
    String,
    TextualSelect,
    bindparam,
    text,
)
from sqlalchemy.types import TypeEngine

from backoffice.models import WAITING_STATUSES
from backoffice.models.columns import Exact, UtcDateTime
from backoffice.rollups.periods import Days
from backoffice.rollups.statements import FRAGMENTS, PLACED, SOLD, SUMS, TYPES

LOOKED_AT = 200
"""Of so many products with the most money in stock, the dashboard names those that sell least."""

_MOST_FIRST = "units DESC, rest DESC"
_WAITING = tuple(status.value for status in WAITING_STATUSES)

Columns = dict[str, TypeEngine[Any]]

SALES: Columns = {"orders": BigInteger(), "units": BigInteger(), "rest": BigInteger()}
SUMMED: Columns = {"quantity": BigInteger(), "units": BigInteger(), "rest": BigInteger()}

_SALES = """
    CAST(coalesce(sum(orders), 0) AS bigint) AS orders,
    CAST(coalesce(sum(units), 0) AS bigint) AS units,
    CAST(coalesce(sum(rest), 0) AS bigint) AS rest
"""


def sales_by_day(days: Days) -> TextualSelect:
    """``(day, orders, units, rest)`` of the days that sold something, oldest first.

    Reads a range of the key of sales_days: six rows a day.
    """
    sql = f"""
        SELECT day, {_SALES} FROM sales_days
        WHERE day BETWEEN :first AND :last AND {SOLD}
        GROUP BY day ORDER BY day
    """
    return _statement(sql, {"day": Date(), **SALES}, days=days)


def sales(days: Days) -> TextualSelect:
    """One row ``(orders, units, rest)``: what was sold in all, orders without lines included."""
    sql = f"SELECT {_SALES} FROM sales_days WHERE day BETWEEN :first AND :last AND {SOLD}"
    return _statement(sql, SALES, days=days)


def sales_of_hours(day: date, hours: int) -> TextualSelect:
    """The same of so many hours of a day, from its midnight."""
    sql = f"SELECT {_SALES} FROM sales_hours WHERE day = :day AND hour < :hours AND {SOLD}"
    return _statement(sql, SALES).bindparams(
        bindparam("day", day, Date()), bindparam("hours", hours, Integer())
    )


def sales_of_part(dialect: str, start: datetime, end: datetime) -> TextualSelect:
    """The same of a part of an hour, from orders and lines: sums are kept by whole hours.

    Finds the orders in ix_orders_placed_at_id, and their lines by uq_order_lines_order_id_line_no.
    """
    fragments = FRAGMENTS[dialect]
    sql = f"""
        SELECT (SELECT count(*) FROM orders AS o WHERE {PLACED} AND {SOLD}) AS orders,
               coalesce({fragments["units"]}, 0) AS units, coalesce({fragments["rest"]}, 0) AS rest
        FROM (
            SELECT {fragments["sums"]}
            FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
            WHERE {PLACED} AND {SOLD}
        ) AS sold
    """
    return _statement(sql, SALES).bindparams(
        bindparam("start", start, UtcDateTime()), bindparam("end", end, UtcDateTime())
    )


def orders_by_status(days: Days) -> TextualSelect:
    """``(status, orders)`` of the orders placed on the days, drafts and cancelled ones included."""
    sql = """
        SELECT status, CAST(sum(orders) AS bigint) AS orders FROM sales_days
        WHERE day BETWEEN :first AND :last GROUP BY status
    """
    return _statement(sql, {"status": String(), "orders": Integer()}, days=days)


def best_products(days: Days, period: str | None, limit: int) -> TextualSelect:
    """``(id, sku, name, quantity, units, rest)`` of those that sold for most, most first.

    :param period: The name under which ``product_periods`` has the sums of these days: then
        ``limit`` entries of ix_product_periods_best are read. Otherwise the days are added up.
    """
    sql = f"""
        SELECT p.id AS id, p.sku AS sku, p.name AS name, quantity, units, rest
        FROM ({_best("product", period)}) AS best JOIN products AS p ON p.id = product_id
        ORDER BY {_MOST_FIRST}, p.id
    """
    columns: Columns = {"id": BigInteger(), "sku": String(), "name": String(), **SUMMED}
    return _statement(sql, columns, days=None if period else days, period=period, limit=limit)


def best_suppliers(days: Days, period: str | None, limit: int) -> TextualSelect:
    """``(id, code, name, quantity, units, rest)`` of the suppliers whose products sold for most."""
    sql = f"""
        SELECT s.id AS id, s.code AS code, s.name AS name, quantity, units, rest
        FROM ({_best("supplier", period)}) AS best JOIN suppliers AS s ON s.id = supplier_id
        ORDER BY {_MOST_FIRST}, s.id
    """
    columns: Columns = {"id": BigInteger(), "code": String(), "name": String(), **SUMMED}
    return _statement(sql, columns, days=None if period else days, period=period, limit=limit)


def _best(what: str, period: str | None) -> str:
    key = f"{what}_id"
    if period:
        rows = f"""
            SELECT {key}, quantity, units, rest FROM {what}_periods WHERE period = :period
        """
    else:
        rows = f"""
            SELECT product_id, {SUMS} FROM product_days
            WHERE day BETWEEN :first AND :last GROUP BY product_id
        """
        if what == "supplier":  # each product is looked up once and in order, not with each day
            rows = f"""
                SELECT supplier_id, {SUMS}
                FROM ({rows}) AS d JOIN products AS p ON p.id = d.product_id GROUP BY supplier_id
            """
    return f"SELECT * FROM ({rows}) AS sums ORDER BY {_MOST_FIRST}, {key} LIMIT :limit"


def slowest_products(days: Days, period: str | None, limit: int) -> TextualSelect:
    """``(id, sku, name, stock, price, quantity)``: much money in stock, and little sold.

    Of the ``LOOKED_AT`` active products whose stock is worth most, which are the first entries of
    ix_products_stock_value, those that sold the fewest units; of these those worth most.
    """
    dearest = f"""
        SELECT id, sku, name, stock, price FROM products
        WHERE active AND stock > 0
        ORDER BY stock * price DESC, id DESC
        LIMIT {LOOKED_AT}
    """
    sold = "SELECT product_id, quantity FROM product_periods WHERE period = :period"
    if not period:
        sold = f"""
            SELECT product_id, CAST(sum(quantity) AS bigint) AS quantity FROM product_days
            WHERE day BETWEEN :first AND :last
              AND product_id IN (SELECT id FROM ({dearest}) AS dearest)
            GROUP BY product_id
        """
    sql = f"""
        SELECT p.id AS id, p.sku AS sku, p.name AS name, p.stock AS stock, p.price AS price,
               coalesce(sold.quantity, 0) AS quantity
        FROM ({dearest}) AS p LEFT JOIN ({sold}) AS sold ON sold.product_id = p.id
        ORDER BY coalesce(sold.quantity, 0), p.stock * p.price DESC, p.id
        LIMIT :limit
    """
    columns: Columns = {
        "id": BigInteger(),
        "sku": String(),
        "name": String(),
        "stock": Integer(),
        "price": Exact(),
        "quantity": BigInteger(),
    }
    return _statement(sql, columns, days=None if period else days, period=period, limit=limit)


def to_reorder(limit: int) -> TextualSelect:
    """``(id, sku, name, supplier, stock, reorder_level)`` of products to order, least stock first.

    Active ones at or below their reorder level. Reads ``limit`` entries of
    ix_products_to_reorder, which holds no others; limited before the join, because SQLite would
    begin with the suppliers.
    """
    sql = """
        SELECT p.id AS id, p.sku AS sku, p.name AS name, s.name AS supplier,
               p.stock AS stock, p.reorder_level AS reorder_level
        FROM (
            SELECT * FROM products
            WHERE active AND stock <= reorder_level
            ORDER BY stock, id
            LIMIT :limit
        ) AS p JOIN suppliers AS s ON s.id = p.supplier_id
        ORDER BY p.stock, p.id
    """
    columns: Columns = {
        "id": BigInteger(),
        "sku": String(),
        "name": String(),
        "supplier": String(),
        "stock": Integer(),
        "reorder_level": Integer(),
    }
    return _statement(sql, columns, limit=limit)


def stock_states() -> TextualSelect:
    """``(state, products)``: how many are out of stock, low, in stock or inactive."""
    sql = """
        SELECT state, CAST(sum(products) AS bigint) AS products FROM stock_states GROUP BY state
    """
    return _statement(sql, {"state": String(), "products": Integer()})


def count_overdue(before: date) -> TextualSelect:
    """How many orders were placed before that day and are placed or paid, not shipped, still."""
    sql = f"""
        SELECT CAST(coalesce(sum(orders), 0) AS bigint) AS orders FROM sales_days
        WHERE day < :day AND status IN {_WAITING}
    """
    return _statement(sql, {"orders": Integer()}).bindparams(bindparam("day", before, Date()))


def overdue(before: datetime, limit: int) -> TextualSelect:
    """``(id, number, status, placed_at, customer)`` of these orders, oldest first.

    Each status by itself, read from the beginning of ix_orders_status_placed_at_id: the two
    together would be looked for among all orders by their date.
    """
    parts = " UNION ALL ".join(
        f"""
        SELECT * FROM (
            SELECT id, number, status, placed_at, customer_id FROM orders
            WHERE status = '{status}' AND placed_at < :before
            ORDER BY placed_at, id LIMIT :limit
        ) AS {status}
        """
        for status in _WAITING
    )
    sql = f"""
        SELECT o.id AS id, o.number AS number, o.status AS status, o.placed_at AS placed_at,
               c.name AS customer
        FROM ({parts}) AS o LEFT JOIN customers AS c ON c.id = o.customer_id
        ORDER BY o.placed_at, o.id LIMIT :limit
    """
    columns: Columns = {
        "id": BigInteger(),
        "number": String(),
        "status": String(),
        "placed_at": UtcDateTime(),
        "customer": String(),
    }
    statement = _statement(sql, columns, limit=limit)
    return statement.bindparams(bindparam("before", before, UtcDateTime()))


def first_and_last_day() -> TextualSelect:
    """One row ``(first, last)``: the days of the oldest and the newest order, NULL of none."""
    sql = """
        SELECT (SELECT min(day) FROM sales_days) AS first,
               (SELECT max(day) FROM sales_days) AS last
    """
    return _statement(sql, {"first": Date(), "last": Date()})


def _statement(
    sql: str,
    columns: Columns,
    *,
    days: Days | None = None,
    period: str | None = None,
    limit: int | None = None,
) -> TextualSelect:
    """``sql`` with its parameters bound and its columns typed."""
    values: dict[str, Any] = {}
    if days is not None:
        values |= {"first": days.first, "last": days.last}
    if period is not None:
        values["period"] = period
    bound = [bindparam(name, value, TYPES[name]) for name, value in values.items()]
    if limit is not None:
        bound.append(bindparam("limit", limit, Integer()))
    return text(sql).bindparams(*bound).columns(**columns)
