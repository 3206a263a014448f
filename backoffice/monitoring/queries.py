"""Statements about the query log: built here, run by ``reading.py``.

The hours of a period are added up in the order of their key, which begins with what they are
grouped by. SQLite reads all hours for that, of which the log keeps a bounded number: 60 ms of
100,000, where finding those of a fortnight by the index on ``hour`` took 560 ms. Everything else
is found by a key.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    UnaryExpression,
    case,
    cast,
    func,
    select,
)
from sqlalchemy.orm import aliased

from backoffice.database import Rows
from backoffice.models import PageHour, QueryHour, QueryPlan, QueryShape
from backoffice.monitoring.asked import Order, Skipped

NO_PAGES = ("/static/<path:filename>", "/metrics")
"""Routes that nobody looks at: files, and figures for a program."""


def recorded_since() -> Select[datetime]:
    """The first hour that is known."""
    return select(func.min(PageHour.hour))


def pages(since: datetime, order: Order, most: int) -> Rows:
    """One row a route: what its requests came to, with the ``count`` and time of all beside each.

    :param most: Routes, the first by ``order``.
    """
    spent = select(
        PageHour.route,
        *(
            summed(column, column.key)
            for column in (
                *(PageHour.requests, PageHour.microseconds, PageHour.in_database),
                *(PageHour.statements, PageHour.rows, PageHour.repeats, PageHour.failed),
            )
        ),
        func.max(PageHour.slowest).label("slowest"),
        func.max(PageHour.most_statements).label("most_statements"),
    )
    spent = spent.where(PageHour.hour >= since, PageHour.route.not_in(NO_PAGES))
    spent = spent.group_by(PageHour.route)
    found = spent.subquery()
    column = found.c
    by = {
        "total": column.microseconds,
        "requests": column.requests,
        "mean": _per(column.microseconds, column.requests),
        "slowest": column.slowest,
        "statements": _per(column.statements, column.requests),
        "most": column.most_statements,
        "rows": _per(column.rows, column.requests),
        "database": _per(column.in_database, column.microseconds),
        "repeats": column.repeats,
        "failed": column.failed,
        "route": column.route,
    }[order.name]
    return (
        select(
            found,
            func.count().over().label("count"),
            whole(func.sum(column.microseconds).over()).label("all_microseconds"),
        )
        .order_by(_directed(by, order), column.route)
        .limit(most)
    )


def shapes(
    since: datetime,
    order: Order,
    rows: Skipped,
    *,
    search: str = "",
    route: str = "",
    worse: bool = False,
) -> Rows:
    """One row a shape: what it came to, where it is asked most, its plan and the one before.

    Beside each row ``count`` of all that match, and the time of all shapes of the period.

    :param search: A part of the shape, or its fingerprint.
    :param route: Of the requests of this route alone.
    :param worse: Only those whose plan got worse.
    """
    spent = _spent(since, route)
    current = aliased(QueryPlan)
    of_plan = select(func.max(QueryPlan.id)).where(QueryPlan.shape_id == QueryShape.id)
    found = (
        select(
            spent,
            QueryShape.fingerprint,
            QueryShape.shape,
            current.id.label("plan_id"),
            current.plan,
            current.scans,
            current.sorts,
            current.worse,
            func.count().over().label("count"),
        )
        .join(QueryShape, QueryShape.id == spent.c.shape_id)
        .outerjoin(current, current.id == of_plan.correlate(QueryShape).scalar_subquery())
        .where(spent.c.place == 1)
    )
    if search:
        found = found.where(
            QueryShape.shape.icontains(search, autoescape=True) | (QueryShape.fingerprint == search)
        )
    if worse:
        found = found.where(current.worse)
    column = spent.c
    by = {
        "total": column.microseconds,
        "mean": _per(column.microseconds, column.calls),
        "calls": column.calls,
        "slowest": column.slowest,
        "rows": _per(column.rows, column.calls),
    }[order.name]
    page = (
        found.order_by(_directed(by, order), column.shape_id)
        .limit(rows.size)
        .offset(rows.skip)
        .subquery()
    )
    return _with_plan_before(page).order_by(
        _directed(_by_of_page(page.c, order.name), order), page.c.shape_id
    )


def _by_of_page(column: Any, name: str) -> ColumnElement[Any]:
    means = {"mean": "microseconds", "rows": "rows"}
    if name in means:
        return _per(column[means[name]], column.calls)
    return column["microseconds" if name == "total" else name]  # type: ignore[no-any-return]


def _with_plan_before(page: Any) -> Rows:
    """``page`` with the plan that each current one replaced."""
    before, older = aliased(QueryPlan), aliased(QueryPlan)
    its = select(func.max(older.id)).where(
        older.shape_id == page.c.shape_id, older.id < page.c.plan_id
    )
    return select(
        page,
        before.plan.label("plan_before"),
        before.scans.label("scans_before"),
        before.sorts.label("sorts_before"),
    ).outerjoin(before, before.id == its.correlate(page).scalar_subquery())


def _spent(since: datetime, route: str) -> Any:
    """A row for each shape, page and line, with the sums of its shape.

    ``place`` 1 is where the shape took most time.
    """
    hours = select(
        QueryHour.shape_id,
        QueryHour.route,
        QueryHour.line,
        func.sum(QueryHour.calls).label("calls"),
        func.sum(QueryHour.microseconds).label("microseconds"),
        func.max(QueryHour.slowest).label("slowest"),
        func.sum(QueryHour.rows).label("rows"),
    ).where(QueryHour.hour >= since)
    if route:
        hours = hours.where(QueryHour.route == route)
    each = hours.group_by(QueryHour.shape_id, QueryHour.route, QueryHour.line).subquery()
    column = each.c
    of = column.shape_id
    return select(
        column.shape_id,
        column.route,
        column.line,
        whole(func.sum(column.calls).over(partition_by=of)).label("calls"),
        whole(func.sum(column.microseconds).over(partition_by=of)).label("microseconds"),
        func.max(column.slowest).over(partition_by=of).label("slowest"),
        whole(func.sum(column.rows).over(partition_by=of)).label("rows"),
        func.count().over(partition_by=of).label("places"),
        func.row_number()
        .over(partition_by=of, order_by=(column.microseconds.desc(), column.route, column.line))
        .label("place"),
        whole(func.sum(column.microseconds).over()).label("all_microseconds"),
    ).subquery()


def shapes_named(fingerprints: Collection[str], route: str) -> Rows:
    """The shapes with these fingerprints, the line of ``route`` that asks each, and two plans.

    The current one and the one before it.
    """
    current, before, older = aliased(QueryPlan), aliased(QueryPlan), aliased(QueryPlan)
    of_plan = select(func.max(QueryPlan.id)).where(QueryPlan.shape_id == QueryShape.id)
    its = select(func.max(older.id)).where(older.shape_id == QueryShape.id, older.id < current.id)
    # By the primary key: one shape's hours of one route.
    line = (
        select(QueryHour.line)
        .where(QueryHour.shape_id == QueryShape.id, QueryHour.route == route)
        .order_by(QueryHour.hour.desc())
        .limit(1)
    )
    return (
        select(
            QueryShape.fingerprint,
            QueryShape.shape,
            line.correlate(QueryShape).scalar_subquery().label("line"),
            current.plan,
            current.scans,
            current.sorts,
            current.worse,
            before.plan.label("plan_before"),
            before.scans.label("scans_before"),
            before.sorts.label("sorts_before"),
        )
        .select_from(QueryShape)
        .outerjoin(current, current.id == of_plan.correlate(QueryShape).scalar_subquery())
        .outerjoin(before, before.id == its.correlate(QueryShape, current).scalar_subquery())
        .where(QueryShape.fingerprint.in_(fingerprints))
    )


def shapes_beginning(beginnings: Collection[str], length: int) -> Rows:
    """The shapes whose first ``length`` signs are one of these."""
    return select(QueryShape.fingerprint, QueryShape.shape).where(
        func.substr(QueryShape.shape, 1, length).in_(beginnings)
    )


def whole(figure: ColumnElement[Any]) -> ColumnElement[int]:
    """PostgreSQL adds whole numbers up to decimals."""
    return cast(figure, BigInteger)


def summed(column: Any, name: str) -> Any:
    return whole(func.sum(column)).label(name)


def _per(total: ColumnElement[Any], number: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((number == 0, 0.0), else_=total * 1.0 / number)


def _directed(by: ColumnElement[Any], order: Order) -> UnaryExpression[Any]:
    return by.desc() if order.descending else by.asc()
