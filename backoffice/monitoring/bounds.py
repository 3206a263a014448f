"""How large the query log may become, and how it is kept from becoming larger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select

from backoffice.models import IndexAdvice, PageHour, QueryHour, QueryPlan, QueryShape, SlowQuery

DAYS = 14
MOST_SHAPES = 2_000
MOST_SLOW = 2_000
MOST_PLANS = 20
"""Of one shape."""
MOST_HOURS = 100_000
"""Rows of hours of shapes; the oldest go although they are not so many days old."""
MOST_PAGE_HOURS = 60_000

HOURS = {QueryHour: MOST_HOURS, PageHour: MOST_PAGE_HOURS}

STEP = 100
"""Shapes that are deleted at once: others wait for the one writer of SQLite meanwhile."""


def prune(connection: Connection, now: datetime) -> bool:
    """Delete a little of what is too old or too much; whether there was any."""
    gone = sum(_prune_hours(connection, model, most, now) for model, most in HOURS.items())
    long_ago = now - timedelta(days=DAYS)
    for column in (SlowQuery.at, QueryShape.last_seen, IndexAdvice.measured_at):
        gone += _prune_old(connection, column, long_ago)
    newest = select(SlowQuery.id).order_by(SlowQuery.id.desc())
    last = connection.scalar(newest.offset(MOST_SLOW).limit(1))
    if last is not None:
        gone += connection.execute(delete(SlowQuery).where(SlowQuery.id <= last)).rowcount
    return bool(gone + _prune_shapes(connection))


def _prune_hours(connection: Connection, model: Any, most: int, now: datetime) -> int:
    oldest = connection.scalar(select(func.min(model.hour)))
    count = connection.scalar(select(func.count()).select_from(model)) or 0
    if oldest is None or (oldest >= now - timedelta(days=DAYS) and count <= most):
        return 0
    return connection.execute(delete(model).where(model.hour == oldest)).rowcount


def _prune_old(connection: Connection, column: Any, long_ago: datetime) -> int:
    key = column.class_.id
    old = connection.scalars(select(key).where(column < long_ago).limit(STEP)).all()
    return connection.execute(delete(column.class_).where(key.in_(old))).rowcount if old else 0


def _prune_shapes(connection: Connection) -> int:
    """Delete the shapes that nobody asked for longest, with all that is known of them."""
    count = connection.scalar(select(func.count()).select_from(QueryShape)) or 0
    if count <= MOST_SHAPES:
        return 0
    longest_ago = select(QueryShape.id).order_by(
        QueryShape.last_seen, QueryShape.first_seen.desc(), QueryShape.id.desc()
    )
    gone = connection.scalars(longest_ago.limit(min(STEP, count - MOST_SHAPES))).all()
    return connection.execute(delete(QueryShape).where(QueryShape.id.in_(gone))).rowcount


def prune_plans(connection: Connection, shapes: Iterable[int]) -> None:
    """Leave the last plans of those of ``shapes`` that have too many."""
    too_many = (
        select(QueryPlan.shape_id)
        .where(QueryPlan.shape_id.in_(list(shapes)))
        .group_by(QueryPlan.shape_id)
        .having(func.count() > MOST_PLANS)
    )
    for shape in connection.scalars(too_many).all():
        its = QueryPlan.shape_id == shape
        newest = select(QueryPlan.id).where(its).order_by(QueryPlan.id.desc())
        last = newest.offset(MOST_PLANS).limit(1).scalar_subquery()
        connection.execute(delete(QueryPlan).where(its, QueryPlan.id <= last))
