"""When statements are explained, and whether a plan got worse than the one before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import aliased

from backoffice.database import Base, is_busy
from backoffice.models import QueryPlan, QueryShape
from backoffice.monitoring.pending import SECRET, Sample
from backoffice.querylog.parameters import from_json
from backoffice.querylog.plans import Plan, explain, named_in

PLANNED = ("SELECT", "WITH", "UPDATE", "DELETE")

SECONDS_BETWEEN = 60.0
"""A shape whose calls are slow is not explained more often, while the indexes stay as they are."""

SECONDS_AT_ONCE = 0.2
"""How long statements are explained before what waits has to be written."""

UNTAKEN = (ValueError, OverflowError)
"""What drivers raise for values that they cannot send: half a sign, a number beyond 64 bits."""

PATIENCE_MS = 100
"""How long a statement that is explained waits for a table that somebody has locked."""

LARGE = 10_000
"""Rows; the plans of smaller tables come and go, and it does not matter."""

# Whatever makes, drops or validates an index changes it.
POSTGRESQL_STAMP = text(
    "SELECT coalesce(sum(CAST(indexrelid AS bigint)), 0) || '/' || count(*) || '/' "
    "|| count(*) FILTER (WHERE indisvalid) FROM pg_index "
    "JOIN pg_class ON pg_class.oid = indexrelid "
    "WHERE relnamespace = CAST(current_schema() AS regnamespace)"
)


LONGEST_PLAN = 8_000
"""Characters that are kept."""


@dataclass(frozen=True)
class Judged:
    """A plan, and whether it is worse than the last that is kept of its shape."""

    plan: Plan
    worse: bool


class Explained:
    """What this process has explained: when, with which indexes, and whether there was a plan."""

    def __init__(self) -> None:
        self._done: dict[str, tuple[str, float, bool]] = {}

    def plans(
        self, connection: Connection, seen: Mapping[str, Sample], slow: Mapping[str, Sample]
    ) -> dict[str, Judged]:
        """Fingerprint -> plan of what was seen first, slow, or with other indexes than now.

        What takes too long now, or waits for a table, is due when it is seen again.
        """
        stamp = _stamp_of_indexes(connection)
        due = [
            shape
            for shape, sample in seen.items()
            if sample.statement.lstrip("( \n")[:6].upper().startswith(PLANNED)
            and self._is_due(shape, stamp, shape in slow)
        ]
        until = monotonic() + SECONDS_AT_ONCE
        found: dict[str, Plan] = {}
        with _waiting_little(connection):
            for shape in sorted(due, key=lambda shape: shape not in slow):
                if monotonic() > until:
                    break
                sample = slow.get(shape, seen[shape])
                try:
                    found[shape] = explain(connection, sample.statement, sample.parameters)
                except UNTAKEN:
                    pass
                except DBAPIError as error:
                    if error.connection_invalidated:
                        raise
                    if is_busy(error):
                        break
                self._done[shape] = stamp, monotonic(), shape in found
            return self._judged(connection, found)

    def _judged(self, connection: Connection, found: Mapping[str, Plan]) -> dict[str, Judged]:
        judged = {}
        before = _last_plans(connection, found)
        for shape, plan in found.items():
            last = before.get(shape)
            try:
                worse = last is not None and got_worse(connection, plan, last)
            except DBAPIError as error:
                if error.connection_invalidated or not is_busy(error):
                    raise
                del self._done[shape]
            else:
                judged[shape] = Judged(plan, worse)
        return judged

    def _is_due(self, shape: str, stamp: str, is_slow: bool) -> bool:
        before, at, _ = self._done.get(shape, ("", 0.0, False))
        return before != stamp or (is_slow and monotonic() - at > SECONDS_BETWEEN)

    def forget(self, shapes: Iterable[str]) -> None:
        """Explain them anew when they are seen again, but not what the database did not take."""
        for shape in shapes:
            if shape in self._done and self._done[shape][2]:
                del self._done[shape]


@contextmanager
def _waiting_little(connection: Connection) -> Iterator[None]:
    """Have PostgreSQL give a locked table up soon: the statements may be about any table."""
    if connection.dialect.name == "sqlite":
        yield
        return
    connection.execute(text(f"SET lock_timeout = '{PATIENCE_MS}ms'"))
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.execute(text("RESET lock_timeout"))


def _stamp_of_indexes(connection: Connection) -> str:
    if connection.dialect.name == "sqlite":
        return str(connection.scalar(text("PRAGMA schema_version")))
    return str(connection.scalar(POSTGRESQL_STAMP))


def _last_plans(connection: Connection, shapes: Iterable[str]) -> dict[str, Any]:
    """Fingerprint -> the last plan that is kept, with the sample that the shape has until now."""
    newest = aliased(QueryPlan)
    last = select(func.max(newest.id)).where(newest.shape_id == QueryShape.id).scalar_subquery()
    found = connection.execute(
        select(
            QueryShape.fingerprint,
            QueryShape.statement,
            QueryShape.parameters,
            QueryPlan.plan,
            QueryPlan.scans,
            QueryPlan.sorts,
        )
        .join(QueryPlan, QueryPlan.id == last)
        .where(QueryShape.fingerprint.in_(list(shapes)))
    )
    return {row.fingerprint: row for row in found}


def got_worse(connection: Connection, plan: Plan, last: Any) -> bool:
    """Whether ``plan`` is worse than the ``last`` one, and not because of its values alone.

    PostgreSQL plans the same statement otherwise for other values: so those of the sample before
    have to be planned worse as well. Of a plan that was cut nothing can be said.
    """
    if len(last.plan) >= LONGEST_PLAN:
        return False
    before = Plan(last.plan, tuple(last.scans), (), last.sorts)
    if not _is_worse(connection, last.statement, plan, before):
        return False
    again = _plan_of_sample(connection, last)
    return again is None or _is_worse(connection, last.statement, again, before)


def _plan_of_sample(connection: Connection, last: Any) -> Plan | None:
    """None where its values were not kept."""
    if SECRET.search(last.statement):
        return None
    try:
        return explain(connection, last.statement, from_json(last.parameters))
    except DBAPIError as error:
        if is_busy(error):
            raise
    except (KeyError, TypeError, AttributeError, *UNTAKEN):
        pass
    return None


def _is_worse(connection: Connection, statement: str, plan: Plan, before: Plan) -> bool:
    """Whether ``plan`` reads a large table whole, or sorts one, where ``before`` did not."""
    if not plan.worse_than(before):
        return False
    tables = named_in(statement)
    suspects = {tables.get(name, name) for name in plan.whole - before.whole}
    if plan.sorted > before.sorted:
        suspects |= set(tables.values())
    return any(_is_large(connection, table) for table in _ours(suspects))


def _ours(tables: set[str]) -> Iterator[str]:
    return (table for table in sorted(tables) if table in Base.metadata.tables)


def _is_large(connection: Connection, table: str) -> bool:
    """By counting up to there: statistics may be old, and plans change seldom."""
    counted = text(f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {LARGE + 1}) AS found")  # noqa: S608 - a table of ours
    return int(connection.scalar(counted) or 0) > LARGE
