"""The order lines behind a figure, as hand-written SQL: built here, run by ``sold_lines.py``.

Lines of orders that are neither drafts nor cancelled, as in the reports. They are added up to
agree with the figure, which reads them all; so a page is an OFFSET into them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Integer,
    String,
    TextClause,
    TextualSelect,
    bindparam,
    text,
)

from backoffice.dashboard.period import Span
from backoffice.dashboard.report_queries import NO_CATEGORY, Page, paged
from backoffice.models.columns import Exact, UtcDateTime
from backoffice.rollups.statements import FRAGMENTS, PLACED, SOLD

# The CROSS JOIN tells SQLite to go from the product's lines, by ix_order_lines_product_id_order_id,
# to their orders by id: it would rather read all orders of the span. PostgreSQL weighs both.
_BY_PRODUCT = "order_lines AS l CROSS JOIN orders AS o"
_BY_ORDER = "orders AS o JOIN order_lines AS l ON l.order_id = o.id"

SUBJECTS = {
    "product": (_BY_PRODUCT, "l.product_id = :key"),
    "supplier": (
        _BY_ORDER,
        "l.product_id IN (SELECT id FROM products WHERE supplier_id = :key)",
    ),
    "category": (
        _BY_ORDER,
        "l.product_id IN (SELECT id FROM products WHERE category_id = :key)",
    ),
    "country": (_BY_ORDER, "o.ship_country = :key"),
}
"""What lines are of -> where they are found, and which they are."""

_WITHOUT_CATEGORY = "l.product_id IN (SELECT id FROM products WHERE category_id IS NULL)"

_NAMES = {
    "product": "SELECT name, sku AS code FROM products WHERE id = :key",
    "supplier": "SELECT name, code FROM suppliers WHERE id = :key",
    "category": "SELECT name, '' AS code FROM categories WHERE id = :key",
}

_TOTALS = """
    SELECT lines, quantity, {units} AS units, {rest} AS rest
    FROM (
        SELECT count(*) AS lines, CAST(sum(l.quantity) AS bigint) AS quantity, {sums}
        FROM {found} WHERE l.order_id = o.id AND {which} AND o.{SOLD} AND {PLACED}
    ) AS sold
"""

# Only the lines of the page are looked up in customers and products.
_LINES = """
    SELECT o.id AS order_id, o.number AS number, o.placed_at AS placed_at,
           c.id AS customer_id, c.name AS customer, p.id AS product_id, p.name AS product,
           p.sku AS sku, l.quantity AS quantity, l.unit_price AS unit_price,
           l.discount AS discount, l.line_no AS line_no
    FROM (
        SELECT l.id AS line_id, o.placed_at AS at, o.id AS order_id, l.line_no AS line_no
        FROM {found} WHERE l.order_id = o.id AND {which} AND o.{SOLD} AND {PLACED}
        ORDER BY o.placed_at DESC, o.id DESC, l.line_no {limit}
    ) AS page
    JOIN order_lines AS l ON l.id = page.line_id
    JOIN orders AS o ON o.id = page.order_id
    JOIN products AS p ON p.id = l.product_id
    LEFT JOIN customers AS c ON c.id = o.customer_id
    ORDER BY page.at DESC, page.order_id DESC, page.line_no
"""


def name_of(kind: str, key: int) -> TextualSelect:
    """``(name, code)`` of the product, supplier or category; no row where there is none."""
    clause = text(_NAMES[kind]).bindparams(bindparam("key", key, BigInteger()))
    return clause.columns(name=String(), code=String())


def totals(dialect: str, kind: str, key: int | str, span: Span) -> TextualSelect:
    """One row ``(lines, quantity, units, rest)``: how many lines there are, and what they sum to.

    The lines of a product by its index, those of a country by the orders of the span.
    """
    statement = _bound(_TOTALS, dialect, kind, key, span)
    return statement.columns(
        lines=BigInteger(), quantity=BigInteger(), units=BigInteger(), rest=BigInteger()
    )


def lines(
    dialect: str, kind: str, key: int | str, span: Span, *, page: Page | None
) -> TextualSelect:
    """The lines with order, customer and product, newest order first.

    :param page: None for all of them.
    """
    limit = "LIMIT :size OFFSET :skip" if page else ""
    clause = _bound(_LINES, dialect, kind, key, span, limit=limit)
    return paged(clause, page).columns(
        order_id=BigInteger(),
        number=String(),
        placed_at=UtcDateTime(),
        customer_id=BigInteger(),
        customer=String(),
        product_id=BigInteger(),
        product=String(),
        sku=String(),
        quantity=Integer(),
        unit_price=Exact(),
        discount=Exact(5),
        line_no=Integer(),
    )


def _bound(
    sql: str, dialect: str, kind: str, key: int | str, span: Span, *, limit: str = ""
) -> TextClause:
    found, which = SUBJECTS[kind]
    values: list[Any] = [
        bindparam("start", span.start, UtcDateTime()),
        bindparam("end", span.end, UtcDateTime()),
    ]
    if (kind, key) == ("category", NO_CATEGORY):
        which = _WITHOUT_CATEGORY
    else:
        values.append(bindparam("key", key, String() if kind == "country" else BigInteger()))
    filled = sql.format(
        found=found, which=which, limit=limit, SOLD=SOLD, PLACED=PLACED, **FRAGMENTS[dialect]
    )
    return text(filled).bindparams(*values)
