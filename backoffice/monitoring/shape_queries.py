"""Statements about one shape of the query log, found by its keys: built here, run by the caller."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from backoffice.database import Rows
from backoffice.models import QueryHour, QueryPlan, QueryShape, SlowQuery
from backoffice.monitoring.queries import summed

MOST_PLACES = MOST_PLANS = MOST_SLOW = 20


def shape(fingerprint: str) -> Select[QueryShape]:
    """The shape."""
    return select(QueryShape).where(QueryShape.fingerprint == fingerprint)


def hours_of(shape_id: int, since: datetime) -> Rows:
    """What the shape came to in each hour that it was asked in, oldest first."""
    return (
        select(
            QueryHour.hour,
            summed(QueryHour.calls, "calls"),
            summed(QueryHour.microseconds, "microseconds"),
            func.max(QueryHour.slowest).label("slowest"),
            summed(QueryHour.rows, "rows"),
        )
        .where(QueryHour.shape_id == shape_id, QueryHour.hour >= since)
        .group_by(QueryHour.hour)
        .order_by(QueryHour.hour)
    )


def places_of(shape_id: int, since: datetime) -> Rows:
    """Where it was asked from, most time first."""
    microseconds = summed(QueryHour.microseconds, "microseconds")
    return (
        select(
            QueryHour.route,
            QueryHour.line,
            summed(QueryHour.calls, "calls"),
            microseconds,
            func.max(QueryHour.slowest).label("slowest"),
            summed(QueryHour.rows, "rows"),
        )
        .where(QueryHour.shape_id == shape_id, QueryHour.hour >= since)
        .group_by(QueryHour.route, QueryHour.line)
        .order_by(microseconds.desc(), QueryHour.route, QueryHour.line)
        .limit(MOST_PLACES)
    )


def plans_of(shape_id: int) -> Select[QueryPlan]:
    """Its plans, newest first."""
    return (
        select(QueryPlan)
        .where(QueryPlan.shape_id == shape_id)
        .order_by(QueryPlan.id.desc())
        .limit(MOST_PLANS)
    )


def slow_calls(shape_id: int, *, values: bool) -> Rows:
    """Its slow calls, newest first; with the ``values`` only where they were asked for."""
    columns: list[Any] = [
        *(SlowQuery.at, SlowQuery.microseconds, SlowQuery.rows, SlowQuery.route, SlowQuery.line),
        *(SlowQuery.release, SlowQuery.failed, SlowQuery.kinds, SlowQuery.plan_id),
    ]
    if values:
        columns.append(SlowQuery.parameters)
    return (
        select(*columns)
        .where(SlowQuery.shape_id == shape_id)
        .order_by(SlowQuery.id.desc())
        .limit(MOST_SLOW)
    )
