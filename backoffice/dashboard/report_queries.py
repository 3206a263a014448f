"""The reports as hand-written SQL: built here, run by ``report.py``.

One statement a report: what was sold, its rank and running sum, the page of it, and the sums of
all of it beside each row, so that a page beyond the last still has them. What is sold has to be
added up whatever page is shown, so a page is an OFFSET into it: a key to go on from would save
nothing. Days are UTC days. A revenue is ``units`` and ``rest``, see ``models.rollup.REST``.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Date,
    Integer,
    String,
    TextClause,
    TextualSelect,
    bindparam,
    text,
)
from sqlalchemy.types import TypeEngine

from backoffice.dashboard.period import EARLIEST, LATEST, Span
from backoffice.models.columns import UtcDateTime
from backoffice.rollups.periods import ONE_DAY
from backoffice.rollups.statements import FRAGMENTS, SOLD, SUMS

NO_CATEGORY = 0
"""The key under which products without a category are added up."""

BY_CODE = {"postgresql": 'COLLATE "C"', "sqlite": ""}
"""Dialect -> how texts sort by code point, as ``plain_order`` does."""

_SUMMED = (
    SUMS + ", CAST(sum(orders) AS bigint) AS orders, "
    "CAST(sum(units_before) AS bigint) AS units_before, "
    "CAST(sum(rest_before) AS bigint) AS rest_before"
)

# Two ranges of the primary key of product_days, added up together, and what they know no hours of.
_BY_PRODUCT = f"""
    SELECT product_id AS key, {_SUMMED}
    FROM (
        SELECT product_id, quantity, units, rest,
               0 AS orders, 0 AS units_before, 0 AS rest_before
        FROM product_days WHERE day BETWEEN :first AND :last
        UNION ALL
        SELECT product_id, 0, 0, 0, 0, units, rest
        FROM product_days WHERE day BETWEEN :first_before AND :last_before
        {{part}}
    ) AS days
    GROUP BY product_id
"""

# The last day before, as far as the period's own has come: its orders by
# ix_orders_status_placed_at_id or ix_orders_placed_at_id, their lines by uq_order_lines_order_id.
_PART = f"""
    UNION ALL
    SELECT product_id, 0, 0, 0, 0, {{units}}, {{rest}}
    FROM (
        SELECT l.product_id AS product_id, {{sums}}
        FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
        WHERE o.{SOLD} AND o.placed_at >= :start_part AND o.placed_at < :end_part
        GROUP BY l.product_id
    ) AS part
"""


def _by_key_of_product(key: str) -> str:
    return f"""
        SELECT {key} AS key, {_SUMMED}
        FROM ({_BY_PRODUCT}) AS sold_products JOIN products AS p ON p.id = sold_products.key
        GROUP BY 1
    """


_OF_COUNTRY = """
    SELECT o.ship_country AS key, CAST(sum(l.quantity) AS bigint) AS quantity, {{sums}}
    FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
    WHERE o.{SOLD} AND o.placed_at >= :{start} AND o.placed_at < :{end}
    GROUP BY o.ship_country
"""

# No rollup knows countries: orders by ix_orders_status_placed_at_id or ix_orders_placed_at_id,
# their lines by uq_order_lines_order_id. Orders are counted apart, as some have no lines.
_BY_COUNTRY = f"""
    SELECT key, {_SUMMED}
    FROM (
        SELECT o.ship_country AS key, 0 AS quantity, 0 AS units, 0 AS rest, count(*) AS orders,
               0 AS units_before, 0 AS rest_before
        FROM orders AS o
        WHERE o.{SOLD} AND o.placed_at >= :start AND o.placed_at < :end
        GROUP BY o.ship_country
        UNION ALL
        SELECT key, quantity, {{units}}, {{rest}}, 0, 0, 0
        FROM ({_OF_COUNTRY.format(SOLD=SOLD, start="start", end="end")}) AS now
        UNION ALL
        SELECT key, 0, 0, 0, 0, {{units}}, {{rest}}
        FROM ({_OF_COUNTRY.format(SOLD=SOLD, start="start_before", end="end_before")}) AS earlier
    ) AS parts
    GROUP BY key
"""

KINDS = {
    "products": _BY_PRODUCT,
    "suppliers": _by_key_of_product("p.supplier_id"),
    "categories": _by_key_of_product(f"coalesce(p.category_id, {NO_CATEGORY})"),
    "countries": _BY_COUNTRY,
}
"""What is reported on -> its sums over the span, and over the one before."""

NO_DAYS = Span(LATEST, EARLIEST)
"""Days that end before they begin are none."""


class Sort(NamedTuple):
    """By which column, and whether downwards."""

    name: str
    descending: bool

    @property
    def argument(self) -> str:
        """As an address says it: ``-revenue``."""
        return f"-{self.name}" if self.descending else self.name


class Page(NamedTuple):
    """So many rows, after so many."""

    size: int
    skip: int


_CODES = {"products": "r.sku", "suppliers": "r.code", "categories": "''"}

_RANKED = """
    WITH sold AS MATERIALIZED ({sold}),
    total AS (
        SELECT CAST(sum(CASE WHEN {is_sold} THEN 1 ELSE 0 END) AS bigint) AS all_rows,
               CAST(sum(quantity) AS bigint) AS all_quantity,
               CAST(sum(orders) AS bigint) AS all_orders,
               CAST(sum(units) AS bigint) AS all_units, CAST(sum(rest) AS bigint) AS all_rest,
               CAST(sum(units_before) AS bigint) AS all_units_before,
               CAST(sum(rest_before) AS bigint) AS all_rest_before
        FROM sold
    ),
    ranked AS (
        SELECT sold.*, rank() OVER (ORDER BY units DESC, rest DESC) AS place,
               CAST(sum(units) OVER running AS bigint) AS running_units,
               CAST(sum(rest) OVER running AS bigint) AS running_rest
        FROM sold WHERE {is_sold}
        WINDOW running AS (ORDER BY units DESC, rest DESC, {key} ROWS UNBOUNDED PRECEDING)
    ),
    page AS (
        SELECT ranked.*, row_number() OVER (ORDER BY {order}) AS position
        FROM ranked {join_to_sort}
        ORDER BY position {limit}
    )
    SELECT page.position, page.place, page.key, {name} AS name, {code} AS code, page.quantity,
           page.orders, page.units, page.rest, page.running_units, page.running_rest,
           page.units_before, page.rest_before, total.*
    FROM total LEFT JOIN page ON true {join}
    ORDER BY page.position
"""


def ranked(
    dialect: str,
    kind: str,
    span: Span,
    before: Span | None,
    *,
    sort: Sort,
    page: Page | None,
) -> TextualSelect:
    """What each of ``kind`` sold for, with the sums of all in every row; one row at least.

    :param before: What to compare with, to the moment; None adds up nothing.
    :param sort: By ``revenue``, ``units``, ``orders`` or ``name``.
    :param page: None for all rows.
    """
    down = "DESC" if sort.descending else "ASC"
    join, key, label = f"LEFT JOIN {kind} AS r ON r.id = {{}}.key", "key", "coalesce(r.name, '')"
    if kind == "countries":
        join, key = "", f"key {BY_CODE[dialect]}"
        label = key
    # Always by the key as well: a page goes on where the one before ended.
    orders = {
        "revenue": f"units {down}, rest {down}, {key}",
        "units": f"quantity {down}, {key}",
        "orders": f"orders {down}, {key}",
        "name": f"{label} {down}, {key}",
    }
    fragments = FRAGMENTS[dialect]
    part = _PART.format(**fragments) if before and before.until else ""
    sql = _RANKED.format(
        sold=KINDS[kind].format(part=part, **fragments),
        is_sold="(quantity > 0 OR orders > 0)",
        key=key,
        order=orders[sort.name],
        join_to_sort=join.format("ranked") if sort.name == "name" else "",
        limit="LIMIT :size OFFSET :skip" if page else "",
        name="page.key" if kind == "countries" else "r.name",
        code=_CODES.get(kind, "''"),
        join=join.format("page"),
    )
    numbers = dict.fromkeys(
        (
            *("position", "place", "quantity", "orders", "units", "rest"),
            *("running_units", "running_rest", "units_before", "rest_before"),
            *("all_rows", "all_quantity", "all_orders", "all_units", "all_rest"),
            *("all_units_before", "all_rest_before"),
        ),
        BigInteger(),
    )
    type_of_key: TypeEngine[Any] = String() if kind == "countries" else BigInteger()
    return _bound(sql, span, before or NO_DAYS, page).columns(
        key=type_of_key, name=String(), code=String(), **numbers
    )


def _bound(sql: str, span: Span, before: Span, page: Page | None) -> TextClause:
    """``sql`` with those of the parameters that it names."""
    last_before = before.last - ONE_DAY if before.until else before.last
    days = {
        "first": span.first,
        "last": span.last,
        "first_before": before.first,
        "last_before": last_before,
    }
    moments = {
        "start": span.start,
        "end": span.end,
        "start_before": before.start,
        "end_before": before.end,
        "start_part": Span(before.last, before.last).start,
        "end_part": before.end,
    }
    named = set(re.findall(r":(\w+)", sql))
    clause = text(sql).bindparams(
        *(bindparam(name, day, Date()) for name, day in days.items() if name in named),
        *(bindparam(name, at, UtcDateTime()) for name, at in moments.items() if name in named),
    )
    return paged(clause, page)


def paged(clause: TextClause, page: Page | None) -> TextClause:
    """``clause`` with its page, if its text has one."""
    if page is None:
        return clause
    return clause.bindparams(
        bindparam("size", page.size, Integer()), bindparam("skip", page.skip, BigInteger())
    )
