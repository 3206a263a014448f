"""The dashboard's figures as hand-written SQL: built here, run by ``summary.py``.

One statement a figure. Days are UTC days. What the databases say differently (exact sums, the
day of a moment) stands once, in ``FRAGMENTS``.
"""

from __future__ import annotations

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

from backoffice.dashboard.period import Span
from backoffice.models import REVENUE_STATUSES
from backoffice.models.amounts import ExactSum
from backoffice.models.columns import UtcDateTime

MOST_COUNTED = 10_000
"""Counts stop above it: "10,000 or more" is as good to know, and counting further is not free."""

# SQLite stores price and discount in ten-thousandths, so that an amount counts in 1e-8. A sum of
# these would overflow at the 93rd of the largest lines: whole units and the rest go apart.
_SCALED = "l.quantity * l.unit_price * (10000 - l.discount)"

FRAGMENTS = {
    "postgresql": {
        "day": "CAST(o.placed_at AT TIME ZONE 'UTC' AS date)",
        "sums": "sum(l.quantity * l.unit_price * (1 - l.discount)) AS amount",
        "revenue": "coalesce(amount, 0)",
        "most_revenue_first": "amount DESC",
    },
    "sqlite": {
        "day": "substr(o.placed_at, 1, 10)",
        "sums": f"sum({_SCALED} / 100000000) AS units, sum({_SCALED} % 100000000) AS rest",
        "revenue": "printf('%d.%08d', units + rest / 100000000, rest % 100000000)",
        "most_revenue_first": "units + rest / 100000000 DESC, rest % 100000000 DESC",
    },
}
"""Dialect -> name -> SQL.

``day`` and ``sums`` are over ``orders AS o`` joined to ``order_lines AS l``. ``revenue`` and
``most_revenue_first`` are over ``sums``: the exact sum of the lines' amounts, 0 of no lines, to be
read as ``ExactSum``.
"""

_STATUSES = ", ".join(f"'{status}'" for status in REVENUE_STATUSES)
SOLD = f"o.status IN ({_STATUSES}) AND o.placed_at >= :start AND o.placed_at < :end"
"""The condition that an order counts as revenue of the span."""


def newest_change() -> TextualSelect:
    """The stamp of the data: it changes with each history entry that is committed.

    The largest id alone would not do: PostgreSQL gives ids out in an order in which they need not
    be committed, and the smaller one of two comes last unseen. It moves the sum, unless a thousand
    others overtook it. pg_current_snapshot() would be exact, and differ after every write of every
    database of the server.
    """
    sql = """
        SELECT coalesce(max(id), 0) || '/' || coalesce(sum(id), 0) AS stamp
        FROM (SELECT id FROM history ORDER BY id DESC LIMIT 1000) AS newest
    """
    return _statement(sql, stamp=String())


def revenue_by_day(dialect: str, span: Span) -> TextualSelect:
    """``(day, revenue)`` of the days that sold something, oldest first.

    Finds orders in ix_orders_status_placed_at_id, or in ix_orders_placed_at_id where most count,
    and their lines by uq_order_lines_order_id_line_no.
    """
    sql = """
        SELECT day, {revenue} AS revenue
        FROM (
            SELECT {day} AS day, {sums}
            FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
            WHERE {SOLD}
            GROUP BY 1
        ) AS days
        ORDER BY day
    """
    return _statement(sql, dialect, span, day=Date(), revenue=ExactSum())


def totals(dialect: str, span: Span) -> TextualSelect:
    """One row ``(orders, revenue)``: what was sold in all, orders without lines included.

    Reads what ``revenue_by_day`` reads, whose sum is this revenue.
    """
    sql = """
        SELECT (SELECT count(*) FROM orders AS o WHERE {SOLD}) AS orders, {revenue} AS revenue
        FROM (
            SELECT {sums}
            FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
            WHERE {SOLD}
        ) AS sold
    """
    return _statement(sql, dialect, span, orders=Integer(), revenue=ExactSum())


def orders_by_status(span: Span) -> TextualSelect:
    """``(status, orders)`` of the orders placed in the span, drafts and cancelled ones included.

    Reads ix_orders_status_placed_at_id alone, or ix_orders_placed_at_id for a short span.
    """
    sql = """
        SELECT o.status AS status, count(*) AS orders
        FROM orders AS o
        WHERE o.placed_at >= :start AND o.placed_at < :end
        GROUP BY o.status
    """
    return _statement(sql, span=span, status=String(), orders=Integer())


def best_products(dialect: str, span: Span, limit: int) -> TextualSelect:
    """``(id, sku, name, quantity, revenue)`` of the products that sold for most, most first.

    Reads what ``revenue_by_day`` reads; only the best are looked up in the products.
    """
    sql = """
        SELECT p.id AS id, p.sku AS sku, p.name AS name, quantity, {revenue} AS revenue
        FROM (
            SELECT l.product_id AS product_id, sum(l.quantity) AS quantity, {sums}
            FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
            WHERE {SOLD}
            GROUP BY l.product_id
            ORDER BY {most_revenue_first}, l.product_id
            LIMIT :limit
        ) AS best JOIN products AS p ON p.id = product_id
        ORDER BY {most_revenue_first}, p.id
    """
    statement = _statement(
        sql,
        dialect,
        span,
        id=BigInteger(),
        sku=String(),
        name=String(),
        quantity=BigInteger(),
        revenue=ExactSum(),
    )
    return statement.params(limit=limit)


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
    statement = _statement(
        sql,
        id=BigInteger(),
        sku=String(),
        name=String(),
        supplier=String(),
        stock=Integer(),
        reorder_level=Integer(),
    )
    return statement.params(limit=limit)


def count_to_reorder() -> TextualSelect:
    """How many rows ``to_reorder`` has without a limit; ``MOST_COUNTED + 1`` means more than that.

    Reads ix_products_to_reorder alone.
    """
    sql = """
        SELECT count(*) AS products
        FROM (
            SELECT 1 FROM products AS p WHERE p.active AND p.stock <= p.reorder_level LIMIT :limit
        ) AS short
    """
    return _statement(sql, products=Integer()).params(limit=MOST_COUNTED + 1)


def first_and_last_order() -> TextualSelect:
    """One row ``(first, last)``: when the oldest and the newest order were placed, NULL of none.

    Two probes of ix_orders_placed_at_id; asked together in one SELECT, SQLite would read it all.
    """
    sql = """
        SELECT (SELECT min(placed_at) FROM orders) AS first,
               (SELECT max(placed_at) FROM orders) AS last
    """
    return _statement(sql, first=UtcDateTime(), last=UtcDateTime())


def _statement(
    sql: str, dialect: str = "", span: Span | None = None, **columns: TypeEngine[Any]
) -> TextualSelect:
    """``sql`` with its fragments filled in, its moments bound and its columns typed."""
    clause = text(sql.format(SOLD=SOLD, **FRAGMENTS.get(dialect, {})))
    if span is not None:
        clause = clause.bindparams(
            bindparam("start", span.start, UtcDateTime()),
            bindparam("end", span.end, UtcDateTime()),
        )
    return clause.columns(**columns)
