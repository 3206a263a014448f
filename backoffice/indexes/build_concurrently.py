"""Building on PostgreSQL: beside writers, in several transactions, which can be interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic, perf_counter, sleep

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from backoffice.database import analyze, db
from backoffice.indexes.declared import create_index
from backoffice.indexes.limits import BuildRefusedError, Limits, Tell
from backoffice.indexes.notes import write_note
from backoffice.indexes.plan import Comparison, State
from backoffice.indexes.watch import Watcher

BUILD_LOCK = 0x696E6478  # any number that only we use

SECONDS_BETWEEN_ASKS = 0.2

IN_THE_WAY = frozenset({"55P03", "40P01"})
"""lock_not_available, deadlock_detected: what a try ends with when others are in its way."""

DUPLICATE = "42P07"
"""duplicate_table: an index of that name is there."""


@contextmanager
def connected(limits: Limits) -> Iterator[Connection]:
    """A connection of our own, thrown away afterwards: its timeouts are not the web's.

    :raises BuildRefusedError: somebody else is building.
    """
    with db.engine.connect() as connection:
        try:
            # CONCURRENTLY runs transactions of its own.
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text(f"SET lock_timeout = {int(limits.lock_timeout_ms)}"))
            _end_with_the_client(connection)
            _wait_for_other_build(connection, limits.other_seconds)
            yield connection
        finally:
            connection.invalidate()


def make(connection: Connection, index: Comparison, limits: Limits, tell: Tell) -> None:
    """Build ``index``; what an interrupted or failed try left is dropped first.

    :raises BuildRefusedError: older transactions did not end within the tries, or somebody else
        made it meanwhile.
    """
    assert index.declared is not None  # noqa: S101 - what is to be built is declared
    statement = create_index(index.declared, connection)
    concurrently = statement.replace(" INDEX ", " INDEX CONCURRENTLY ", 1)
    is_there = index.state is State.INVALID
    with Watcher(connection, tell) as watcher:
        for tries_left in reversed(range(limits.tries)):
            try:
                if is_there:
                    _drop(connection, index.name)
                # Never IF NOT EXISTS: it takes an invalid index for one that is done.
                started = perf_counter()
                is_there = True
                connection.exec_driver_sql(concurrently)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) == DUPLICATE:
                    raise BuildRefusedError(
                        f"{index.name}: somebody else made it meanwhile. See `indexes list` "
                        "whether it is as declared, and build again."
                    ) from error
                if not _others_are_in_the_way(error) or not tries_left:
                    _try_to_drop(connection, index.name)
                if not _others_are_in_the_way(error):
                    raise
                if not tries_left:
                    raise BuildRefusedError(
                        f"{index.name}: transactions older than the build did not end in time. "
                        f"{watcher.blocker or 'See pg_stat_activity for them'}, and build again."
                    ) from error
                tell("waiting before another try", None)
                sleep(limits.pause_seconds)
            else:
                _leave_note(connection, index.name, perf_counter() - started)
                return


def analyze_table(connection: Connection, table: str) -> None:
    """Tell the planner what the new indexes over expressions hold."""
    analyze(connection, [table])


def _end_with_the_client(connection: Connection) -> None:
    """Have the server end the build when this process is killed.

    It would go on to the end otherwise, and whoever calls again would have to wait for that.
    """
    try:
        connection.execute(text("SET client_connection_check_interval = '500ms'"))
    except DBAPIError:  # PostgreSQL 13, or on a system where it cannot look
        return


def _wait_for_other_build(connection: Connection, seconds: float) -> None:
    # Not pg_advisory_lock: who waits in a statement keeps its snapshot, and the build waits for
    # every older snapshot, so the two would wait for each other.
    until = monotonic() + seconds
    free = text("SELECT pg_try_advisory_lock(:lock)")
    while not connection.scalar(free, {"lock": BUILD_LOCK}):
        if monotonic() > until:
            raise BuildRefusedError("another `indexes build` is running: wait until it is done")
        sleep(SECONDS_BETWEEN_ASKS)


def _drop(connection: Connection, name: str) -> None:
    """Drop what was left half built; a valid one is somebody else's, made since we looked."""
    is_left = text(
        "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(quote_ident(:name))"
    )
    if connection.scalar(is_left, {"name": name}):
        connection.exec_driver_sql(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')


def _try_to_drop(connection: Connection, name: str) -> None:
    """Drop what the last try left, unless others are in the way: every write pays for it."""
    try:
        connection.execute(text("SET lock_timeout = '500ms'"))
        _drop(connection, name)
    except SQLAlchemyError:
        return  # `indexes list` shows it as invalid, and the next build replaces it


def _leave_note(connection: Connection, name: str, seconds: float) -> None:
    note = write_note(datetime.now(UTC), seconds)
    connection.exec_driver_sql(f"COMMENT ON INDEX \"{name}\" IS '{note}'")


def _others_are_in_the_way(error: DBAPIError) -> bool:
    return isinstance(error, OperationalError) and (
        getattr(error.orig, "sqlstate", None) in IN_THE_WAY
    )
