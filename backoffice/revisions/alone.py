"""One deploy at a time, on a connection whose settings nobody else gets."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import sleep

import click
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from backoffice.models import rollup, rollup_triggers
from backoffice.models.searched import restore_search
from backoffice.revisions.orphans import Touched

ADVISORY_LOCK = 0x6261636B  # any number that only we use
SECONDS_BETWEEN_TRIES = 0.2


def alone(connection: Connection) -> AbstractContextManager[None]:
    """The context in which revisions run: nobody else's do."""
    sqlite = connection.dialect.name == "sqlite"
    return _alone_on_sqlite(connection) if sqlite else _alone_on_postgresql(connection)


@contextmanager
def _alone_on_sqlite(connection: Connection) -> Iterator[None]:
    """Foreign keys off: rebuilding a parent table would delete its children."""
    driver = connection.connection.driver_connection
    with _file_lock(connection):
        driver.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr] # has no effect inside a transaction
        touched = connection.info["touched"] = Touched(connection)
        connection.rollback()
        try:
            yield
        finally:
            connection.rollback()  # Alembic leaves a transaction open when nothing was to do
            touched.end()
            driver.execute("PRAGMA foreign_keys = ON")  # type: ignore[union-attr]


@contextmanager
def _file_lock(connection: Connection) -> Iterator[None]:
    """Each revision is a transaction: a second deploy would come in between two of them."""
    name = connection.engine.url.database
    if name in {None, "", ":memory:"}:
        yield
        return
    database = Path(str(name))
    with database.with_name(f"{database.name}.migrate.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say_waiting("")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _alone_on_postgresql(connection: Connection) -> Iterator[None]:
    """Under a lock that a second deploy waits for, however long."""
    tries = text("SELECT pg_try_advisory_lock(:lock)")
    waiting = False
    # Asked again and again: who waits in one statement keeps a snapshot, for which every
    # CREATE INDEX CONCURRENTLY waits.
    while not connection.scalar(tries, {"lock": ADVISORY_LOCK}):
        if not waiting:
            _say_waiting(f" (pid {_holder(connection)})")
        waiting = True
        connection.commit()
        sleep(SECONDS_BETWEEN_TRIES)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": ADVISORY_LOCK})
        connection.commit()
        connection.invalidate()  # the next user of the pool gets the usual timeouts


def _holder(connection: Connection) -> int | None:
    pid: int | None = connection.scalar(
        text(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ),
        {"lock": ADVISORY_LOCK},
    )
    return pid


def _say_waiting(who: str) -> None:
    click.echo(f"another deploy is changing the tables{who}: waiting for its end", err=True)


def restore_triggers(*, ctx: MigrationContext, **_: object) -> None:
    """Make the triggers that keep search and rollups right; a rebuilt table has lost its own."""
    assert ctx.connection is not None  # noqa: S101 - online
    restore_search(ctx.connection)
    if inspect(ctx.connection).has_table(rollup.rollup_changes.name):
        rollup_triggers.create_triggers(ctx.connection)


def refuse_orphans(*, ctx: MigrationContext, **_: object) -> None:
    """Undo a revision on SQLite, where it runs with foreign keys off, that broke references.

    :raises RuntimeError: Flask-Migrate says it in one line and exits 1.
    """
    assert ctx.connection is not None  # noqa: S101 - online
    if ctx.dialect.name == "sqlite":
        orphans = ctx.connection.info["touched"].orphans(ctx.connection)
        if orphans:
            raise RuntimeError(
                f"{len(orphans)} rows would be left without the row that they refer to "
                f"({', '.join(orphans[:5])}): the migration is taken back"
            )
