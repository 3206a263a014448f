"""The report on months as hand-written SQL: built here, run by ``report.py``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Date, TextualSelect, bindparam, text

from backoffice.dashboard.period import Grain, Span
from backoffice.dashboard.report_queries import Page, Sort, paged
from backoffice.rollups.periods import ONE_DAY
from backoffice.rollups.statements import SOLD, SUMS

OF_DIALECT = {
    "postgresql": {
        "month_of": "CAST(date_trunc('month', day) AS date)",
        "next_month": "CAST(month + interval '1 month' AS date)",
    },
    "sqlite": {
        "month_of": "substr(day, 1, 8) || '01'",
        "next_month": "date(month, '+1 month')",
    },
}
"""Dialect -> name -> SQL."""

_MONTHS = """
    WITH RECURSIVE months AS (
        SELECT :month_before AS month
        UNION ALL
        SELECT {next_month} FROM months WHERE month < :last_month
    ),
    sold AS (
        SELECT {month_of} AS month, {SUMS}
        FROM (
            SELECT day, orders AS quantity, units, rest FROM sales_days
            WHERE day BETWEEN :first_read AND :last AND {SOLD}
        ) AS days
        GROUP BY 1
    ),
    listed AS (
        SELECT months.month AS month, coalesce(quantity, 0) AS orders,
               coalesce(units, 0) AS units, coalesce(rest, 0) AS rest,
               lag(coalesce(units, 0)) OVER by_month AS units_before,
               lag(coalesce(rest, 0)) OVER by_month AS rest_before
        FROM months LEFT JOIN sold ON sold.month = months.month
        WINDOW by_month AS (ORDER BY months.month)
    ),
    total AS (
        SELECT count(*) AS all_rows, CAST(sum(orders) AS bigint) AS all_orders,
               CAST(sum(units) AS bigint) AS all_units, CAST(sum(rest) AS bigint) AS all_rest
        FROM listed WHERE month >= :first_month
    ),
    page AS (
        SELECT listed.*, row_number() OVER (ORDER BY {order}) AS position
        FROM listed WHERE month >= :first_month
        ORDER BY position {limit}
    )
    SELECT page.position, page.month, page.orders, page.units, page.rest,
           page.units_before, page.rest_before, total.*
    FROM total LEFT JOIN page ON true
    ORDER BY page.position
"""


def months(dialect: str, span: Span, *, sort: Sort, page: Page | None) -> TextualSelect:
    """The months of the span, none left out, each beside the one before it; sums of all in each.

    The month before the first is read when that one is whole. Reads sales_days by its key.

    :param sort: By ``name``, ``revenue`` or ``orders``.
    """
    down = "DESC" if sort.descending else "ASC"
    orders = {
        "name": f"month {down}",
        "revenue": f"units {down}, rest {down}, month",
        "orders": f"orders {down}, month",
    }
    sql = _MONTHS.format(
        SOLD=SOLD,
        SUMS=SUMS,
        order=orders[sort.name],
        limit="LIMIT :size OFFSET :skip" if page else "",
        **OF_DIALECT[dialect],
    )
    first_month = Grain.MONTH.first_day(span.first)
    month_before = Grain.MONTH.first_day(first_month - ONE_DAY)
    days = {
        "month_before": month_before,
        "first_month": first_month,
        "last_month": Grain.MONTH.first_day(span.last),
        "first_read": month_before if span.first == first_month else span.first,
        "last": span.last,
    }
    numbers = dict.fromkeys(
        (
            *("position", "orders", "units", "rest", "units_before", "rest_before"),
            *("all_rows", "all_orders", "all_units", "all_rest"),
        ),
        BigInteger(),
    )
    clause = text(sql).bindparams(*(bindparam(*day, Date()) for day in days.items()))
    return paged(clause, page).columns(month=Date(), **numbers)
