"""When statements are explained, and whether a plan got worse than the one before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import monotonic

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from backoffice.database import Base
from backoffice.monitoring.pending import Sample
from backoffice.querylog.plans import Plan, explain, named_in

PLANNED = ("SELECT", "WITH", "UPDATE", "DELETE")

SECONDS_BETWEEN = 60.0
"""A shape whose calls are slow is not explained more often, while the indexes stay as they are."""

SECONDS_AT_ONCE = 0.2
"""How long statements are explained before what waits has to be written."""

LARGE = 10_000
"""Rows; the plans of smaller tables come and go, and it does not matter."""

# Whatever makes, drops or validates an index changes it.
POSTGRESQL_STAMP = text(
    "SELECT coalesce(sum(CAST(indexrelid AS bigint)), 0) || '/' || count(*) || '/' "
    "|| count(*) FILTER (WHERE indisvalid) FROM pg_index "
    "JOIN pg_class ON pg_class.oid = indexrelid "
    "WHERE relnamespace = CAST(current_schema() AS regnamespace)"
)


class Explained:
    """What this process has explained: when, and with which indexes."""

    def __init__(self) -> None:
        self._done: dict[str, tuple[str, float]] = {}
        self._waiting: dict[str, Sample] = {}

    def plans(
        self, connection: Connection, seen: Mapping[str, Sample], slow: Mapping[str, Sample]
    ) -> dict[str, Plan]:
        """Fingerprint -> plan of what was seen first, slow, or with other indexes than now.

        What takes too long now is done at the next call.
        """
        stamp = _stamp_of_indexes(connection)
        self._waiting |= {
            shape: sample
            for shape, sample in seen.items()
            if sample.statement.lstrip("( ")[:6].upper().startswith(PLANNED)
            and self._is_due(shape, stamp, shape in slow)
        }
        self._waiting |= {shape: slow[shape] for shape in slow if shape in self._waiting}
        until = monotonic() + SECONDS_AT_ONCE
        found: dict[str, Plan] = {}
        for shape in sorted(self._waiting, key=lambda shape: shape not in slow):
            if found and monotonic() > until:
                break
            sample = self._waiting.pop(shape)
            self._done[shape] = stamp, monotonic()
            try:
                found[shape] = explain(connection, sample.statement, sample.parameters)
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise
        return found

    def _is_due(self, shape: str, stamp: str, is_slow: bool) -> bool:
        before, at = self._done.get(shape, ("", 0.0))
        return before != stamp or (is_slow and monotonic() - at > SECONDS_BETWEEN)

    def forget(self, shapes: Mapping[str, object] | None = None) -> None:
        """Explain them anew, by default all, when they are seen again."""
        for shape in list(self._done) if shapes is None else shapes:
            self._done.pop(shape, None)


def _stamp_of_indexes(connection: Connection) -> str:
    if connection.dialect.name == "sqlite":
        return str(connection.scalar(text("PRAGMA schema_version")))
    return str(connection.scalar(POSTGRESQL_STAMP))


def got_worse(connection: Connection, statement: str, plan: Plan, before: Plan) -> bool:
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
