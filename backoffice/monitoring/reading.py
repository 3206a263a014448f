"""What the performance pages and `manage.py slow` show, read from the query log."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from backoffice import history
from backoffice.models import QueryPlan, QueryShape
from backoffice.monitoring import queries, shape_queries
from backoffice.monitoring.asked import Asked, Skipped
from backoffice.monitoring.large import large_tables, tables_of
from backoffice.monitoring.vanished import missing_of, vanished
from backoffice.monitoring.words import all_indexes, difference, plan_in_a_word
from backoffice.querylog.plans import Plan


@dataclass(frozen=True)
class Shape:
    """A shape of a list: ``row`` as ``queries.shapes`` has it, and its plan in words.

    ``before`` is the plan before it in a word, and ``change`` what became of it, where the current
    one is worse; else both are empty. ``missing`` are the declared indexes that the plan before
    used and that are gone.
    """

    row: Any
    plan: str
    before: str
    change: str
    missing: tuple[str, ...] = ()


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
    return session.execute(queries.pages(asked.since, asked.pages, asked.routes)).all()


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
    rows = found.all()
    planned = [row.shape for row in rows if row.scans or row.sorts or row.scans_before]
    large = large_tables(session, planned)
    left = {name for row in rows for name in _left(row)}
    missing = missing_of(session, left)
    return [_shape(row, large, missing) for row in rows]


def _left(row: Any) -> list[str]:
    """The indexes that the plan before used and the current, which is worse, does not."""
    if not row.worse or not row.plan_before:
        return []
    still = all_indexes(row.plan)
    return [name for name in all_indexes(row.plan_before) if name not in still]


def in_a_word(
    statement: str, scans: Sequence[str] | None, sorts: bool | None, large: Collection[str]
) -> str:
    """A plan of ``statement`` in a word, small tables left out."""
    return plan_in_a_word(scans, sorts, tables_of(statement).intersection(large))


def word_now(session: Session, shape: QueryShape, plan: Plan) -> str:
    """A plan that was just taken of ``shape``, in a word."""
    return in_a_word(shape.shape, plan.scans, plan.sorts, large_tables(session, [shape.shape]))


def _shape(row: Any, large: Collection[str], missing: Collection[str]) -> Shape:
    before = ""
    if change := change_of(row):
        before = in_a_word(row.shape, row.scans_before, row.sorts_before, large)
    word = in_a_word(row.shape, row.scans, row.sorts, large)
    return Shape(row, word, before, change, tuple(n for n in _left(row) if n in missing))


def change_of(row: Any) -> str:
    """What became of the plan of a row that has the one before too, where it got worse."""
    if not row.worse or row.scans_before is None:
        return ""
    before = _plan(row.plan_before, row.scans_before, row.sorts_before)
    return difference(before, _plan(row.plan, row.scans, row.sorts))


def _plan(text: str, scans: Sequence[str], sorts: bool) -> Plan:
    return Plan(text, tuple(scans), (), sorts)


def shape_with(session: Session, fingerprint: str) -> QueryShape | None:
    """The shape, if there is one."""
    return session.scalars(shape_queries.shape(fingerprint)).first()


def plans(session: Session, shape: QueryShape) -> list[Planned]:
    """The plans of a shape, newest first."""
    found = session.scalars(shape_queries.plans_of(shape.id)).all()
    large = large_tables(session, [shape.shape])
    planned = []
    for n, plan in enumerate(found):
        before = found[n + 1] if n + 1 < len(found) else None
        word = in_a_word(shape.shape, plan.scans, plan.sorts, large)
        this = _plan(plan.plan, plan.scans, plan.sorts)
        old = before and _plan(before.plan, before.scans, before.sorts)
        planned.append(Planned(plan, word, difference(old, this) if old else ""))
    return planned


def good_again(planned: Sequence[Planned], now: Plan) -> str:
    """In what ``now`` is better than the newest plan, where that got worse; else empty."""
    if not planned or not planned[0].row.worse:
        return ""
    row = planned[0].row
    known = _plan(row.plan, row.scans, row.sorts)
    return difference(known, now) if known.worse_than(now) and not now.worse_than(known) else ""


def missing_indexes(session: Session, planned: Sequence[Planned]) -> list[str]:
    """The declared indexes that older plans of a shape used and that are gone."""
    if not planned:
        return []
    newest, *older = (plan.row.plan for plan in planned)
    return vanished(session, older, newest)


def recorded_since(session: Session) -> datetime | None:
    """The first hour that the log knows."""
    return session.scalar(queries.recorded_since())
