"""What the performance pages and `manage.py slow` show, read from the query log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from backoffice import history
from backoffice.models import QueryPlan, QueryShape
from backoffice.monitoring import queries, shape_queries
from backoffice.monitoring.asked import Asked, Skipped
from backoffice.monitoring.words import difference, plan_in_a_word
from backoffice.querylog.plans import Plan


@dataclass(frozen=True)
class Shape:
    """A shape of a list: ``row`` as ``queries.shapes`` has it, and its plan in words.

    ``before`` is the plan before it in a word, and ``change`` what became of it, where the current
    one is worse; else both are empty.
    """

    row: Any
    plan: str
    before: str
    change: str


@dataclass(frozen=True)
class Planned:
    """A plan of one shape; ``change`` says what is different from the one before it."""

    row: QueryPlan
    word: str
    change: str


def begin(session: Session) -> None:
    """Have ``session`` only read from now on: no writer of SQLite is waited for, or has to wait."""
    if not session.in_transaction():
        session.connection(execution_options={"begins_reading": True})


def note_values_seen(session: Session, fingerprint: str) -> None:
    """Leave in the history who looked at people's data in the values of a statement; commits."""
    history.add_entry(
        session,
        action="looked",
        table=QueryShape.__tablename__,
        label=fingerprint,
        changes={},
        at=datetime.now(UTC),
    )
    session.commit()


def pages(session: Session, asked: Asked) -> Sequence[Row[*tuple[Any, ...]]]:
    """The pages of a period."""
    return session.execute(queries.pages(asked.since, asked.pages)).all()


def shapes(session: Session, asked: Asked, most: int | None = None) -> list[Shape]:
    """A page of the shapes of a period, or the first ``most``."""
    found = session.execute(
        queries.shapes(
            asked.since,
            asked.shapes,
            Skipped(most, 0) if most else asked.rows,
            search=asked.search,
            route=asked.route,
            worse=asked.worse,
        )
    )
    return [_shape(row) for row in found]


def _shape(row: Any) -> Shape:
    before = change = ""
    if row.worse and row.scans_before is not None:
        earlier = _plan(row.plan_before, row.scans_before, row.sorts_before)
        before = plan_in_a_word(earlier.scans, earlier.sorts)
        change = difference(earlier, _plan(row.plan, row.scans, row.sorts))
    return Shape(row, plan_in_a_word(row.scans, row.sorts), before, change)


def _plan(text: str, scans: Sequence[str], sorts: bool) -> Plan:
    return Plan(text, tuple(scans), (), sorts)


def shape_with(session: Session, fingerprint: str) -> QueryShape | None:
    """The shape, if there is one."""
    return session.scalars(shape_queries.shape(fingerprint)).first()


def plans(session: Session, shape_id: int) -> list[Planned]:
    """The plans of a shape, newest first."""
    found = session.scalars(shape_queries.plans_of(shape_id)).all()
    planned = []
    for n, plan in enumerate(found):
        before = found[n + 1] if n + 1 < len(found) else None
        word = plan_in_a_word(plan.scans, plan.sorts)
        this = _plan(plan.plan, plan.scans, plan.sorts)
        old = before and _plan(before.plan, before.scans, before.sorts)
        planned.append(Planned(plan, word, difference(old, this) if old else ""))
    return planned


def recorded_since(session: Session) -> datetime | None:
    """The first hour that the log knows."""
    return session.scalar(queries.recorded_since())
