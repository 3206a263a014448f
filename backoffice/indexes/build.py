"""Building the indexes that are missing, without blocking those who write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, sleep

from sqlalchemy import Connection, Index, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateIndex

from backoffice.database import analyze, db
from backoffice.indexes.plan import Comparison, State, compare
from backoffice.models.searched import fts_table, rebuild_search, wrong_search

BUILD_LOCK = 0x696E6478  # any number that only we use

LOCK_TIMEOUT_MS = 65_000
"""How long one try waits for older transactions; nobody waits for us meanwhile.

Longer than the web's ``idle_in_transaction_session_timeout``: a transaction that somebody forgot
ends first, and the try succeeds. The work of a try that ends here is lost.
"""

TRIES = 5
PAUSE_SECONDS = 2.0


class BuildRefusedError(Exception):
    """An index could not be built; the message says why and what to do."""


@dataclass(frozen=True)
class Built:
    """One index that was built."""

    name: str
    seconds: float


def to_build(connection: Connection) -> list[Comparison]:
    """The declared indexes that are missing, and the invalid ones that an interrupted build left.

    :raises BuildRefusedError: an index is there with other columns than declared: what it serves
        would suffer while it is replaced, so a person decides when.
    """
    compared = compare(connection)
    different = [index for index in compared if index.state is State.DIFFERENT]
    if different:
        names = ", ".join(index.name for index in different)
        raise BuildRefusedError(
            f"{names}: there, but not as declared. Drop it (DROP INDEX CONCURRENTLY on "
            "PostgreSQL, DROP INDEX on SQLite) and build again."
        )
    return [index for index in compared if index.state in {State.MISSING, State.INVALID}]


def build(
    *,
    progress: Callable[[str], None] | None = None,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
    pause_seconds: float = PAUSE_SECONDS,
) -> Iterator[Built]:
    """Build what ``to_build`` names, one after the other, and yield each when it is done.

    PostgreSQL: CONCURRENTLY, so writers go on, and killed at any moment it may be run again.
    SQLite has no such thing: there writers wait for one index at a time.

    :param progress: Called with each index's name before it is built.
    :raises BuildRefusedError: see there, or older transactions did not end within the tries.
    """
    with _connection(lock_timeout_ms) as connection:
        tables = set()
        for table in wrong_search(connection):
            started = perf_counter()
            rebuild_search(connection, table)
            connection.commit()
            yield Built(fts_table(table), perf_counter() - started)
        for index in to_build(connection):
            if progress:
                progress(index.name)
            started = perf_counter()
            _build_with_patience(connection, index, pause_seconds)
            connection.commit()  # ends SQLite's transaction: one index each
            tables.add(index.table)
            yield Built(index.name, perf_counter() - started)
        analyze(connection, sorted(tables))
        connection.commit()


@contextmanager
def _connection(lock_timeout_ms: int) -> Iterator[Connection]:
    """A connection of our own, thrown away afterwards: its timeouts are not the web's.

    :raises BuildRefusedError: somebody else is building.
    """
    with db.engine.connect() as connection:
        try:
            if connection.dialect.name == "postgresql":
                # CONCURRENTLY runs transactions of its own.
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.execute(text("SET statement_timeout = 0"))
                connection.execute(text(f"SET lock_timeout = {int(lock_timeout_ms)}"))
                # Not pg_advisory_lock: who waits in a statement keeps its snapshot, and the
                # build waits for every older snapshot, so the two would wait for each other.
                free = text("SELECT pg_try_advisory_lock(:lock)")
                if not connection.scalar(free, {"lock": BUILD_LOCK}):
                    raise BuildRefusedError(
                        "another `indexes build` is running: wait until it is done"
                    )
            yield connection
        finally:
            connection.invalidate()


def _build_with_patience(connection: Connection, index: Comparison, pause_seconds: float) -> None:
    """Try until older transactions have ended; what a failed try left is dropped by the next."""
    state = index.state
    for tries_left in reversed(range(TRIES)):
        try:
            if state is State.INVALID:
                connection.execute(text(f'DROP INDEX CONCURRENTLY IF EXISTS "{index.name}"'))
            connection.execute(text(_statement(connection, index.declared)))
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03":  # lock_not_available
                raise
            state = State.INVALID
            if not tries_left:
                raise BuildRefusedError(
                    f"{index.name}: transactions older than the build did not end in time. "
                    "See pg_stat_activity for them, and build again."
                ) from error
            sleep(pause_seconds)
        else:
            return


def _statement(connection: Connection, index: Index | None) -> str:
    assert index is not None  # noqa: S101 - what is to be built is declared
    statement = str(CreateIndex(index).compile(dialect=connection.dialect))
    if connection.dialect.name == "postgresql":
        return statement.replace(" INDEX ", " INDEX CONCURRENTLY ", 1)
    return statement
