"""Transactions in which rollups are brought up to date: one at a time, with tables of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from backoffice.database import allow_long_work, begins_reading, db, is_busy
from backoffice.rollups.statements import TEMPORARY

SECONDS_BETWEEN_TRIES = 0.02


class SomebodyElseError(Exception):
    """Another process brings the rollups up to date just now."""


@contextmanager
def own_connection(patience: float) -> Iterator[Connection]:
    """A connection of its own: the session's, which a page has, may only read."""
    engine = begins_reading(db.engine, reads=False)
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            driver = connection.connection.driver_connection
            assert driver is not None  # noqa: S101 - it was opened just now
            (usual,) = driver.execute("PRAGMA busy_timeout").fetchone()
            driver.execute(f"PRAGMA busy_timeout = {int(1000 * patience)}")
            try:
                yield connection
            finally:
                driver.execute(f"PRAGMA busy_timeout = {usual}")
        else:
            yield connection


@contextmanager
def step(connection: Connection, patience: float, *, in_page: bool) -> Iterator[None]:
    """One transaction that nobody else's overlaps, with empty tables to work in.

    In a page, a statement has the page's limits, and waits for no lock longer than for its turn.
    """
    until = monotonic() + patience
    while not _alone(connection):
        if monotonic() > until:
            raise SomebodyElseError
        sleep(SECONDS_BETWEEN_TRIES)
    with connection.get_transaction() or connection.begin():
        if not in_page:
            allow_long_work(connection)
        elif connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = {int(1000 * patience) or 1}"))
        for name, columns in TEMPORARY.items():
            connection.execute(text(f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ({columns})"))
        yield
        empty(connection)


def _alone(connection: Connection) -> bool:
    """Begin a transaction in which nobody else folds; False where somebody else does.

    PostgreSQL's lock is taken before the snapshot, which must have what the one before committed.
    A transaction that waited for it would have been given a snapshot first, or been stopped by
    the lock timeout; on SQLite the beginning itself waits.
    """
    transaction = connection.begin()
    if connection.dialect.name != "postgresql":
        return True
    try:
        lock = "LOCK TABLE rollup_state IN SHARE ROW EXCLUSIVE MODE NOWAIT"
        connection.execute(text(lock))
    except OperationalError as error:
        transaction.rollback()
        if not is_busy(error):
            raise
        return False
    return True


def sweep() -> None:
    """Rows that are gone from the queue: PostgreSQL's pages would look through them for a minute.

    That is how long autovacuum may take to come by.
    """
    if db.engine.dialect.name == "postgresql":
        engine = db.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("VACUUM rollup_changes"))


def empty(connection: Connection, *tables: str) -> None:
    """Empty temporary tables, by default all; PostgreSQL would read deleted rows every time."""
    verb = "TRUNCATE" if connection.dialect.name == "postgresql" else "DELETE FROM"
    for name in tables or TEMPORARY:
        connection.execute(text(f"{verb} {name}"))
