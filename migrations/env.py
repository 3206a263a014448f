"""How migrations run: one transaction each, one deploy at a time, never long in anyone's way."""

from __future__ import annotations

import fcntl
import warnings
from pathlib import Path
from typing import Any, Literal

import click
from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection, Index, inspect, text

from backoffice.database import Base, db
from backoffice.indexes.plan import is_online
from backoffice.models import columns, rollup, rollup_triggers
from backoffice.models.searched import is_fts_table, restore_search

ADVISORY_LOCK = 0x6261636B  # any number that only we use


def include_object(item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Leave the indexes of large tables to `indexes build`, which does not block writers."""
    return not (kind == "index" and isinstance(item, Index) and is_online(item.table.name, name))


def render_item(_kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our column types under the name that script.py.mako imports."""
    if isinstance(item, columns.Exact):
        return f"columns.Exact({item.precision})"
    if isinstance(item, columns.UtcDateTime):
        return "columns.UtcDateTime()"
    if isinstance(item, columns.utc_now):
        return "columns.utc_now()"
    return False


def say_applied(*, step: MigrationInfo, **_: Any) -> None:
    """Print "0001 tables", or "0001 tables taken back"."""
    name = Path(step.up_revision.module.__file__).stem.replace("_", " ")
    click.echo(name if step.is_upgrade else f"{name} taken back")


def refuse_orphans(*, ctx: MigrationContext, **_: Any) -> None:
    """Undo a migration on SQLite, where it runs with foreign keys off, that broke references."""
    assert ctx.connection is not None  # noqa: S101 - offline mode is refused below
    if ctx.dialect.name == "sqlite":
        orphans = ctx.connection.execute(text("PRAGMA foreign_key_check")).fetchall()
        if orphans:
            found = ", ".join(f"{table} {row}" for table, row, *_ in orphans[:5])
            # Flask-Migrate says a RuntimeError in one line and exits 1.
            raise RuntimeError(
                f"{len(orphans)} rows would be left without the row that they refer to "
                f"({found}): the migration is taken back"
            )


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave alone what FTS5 keeps: no model declares it."""
    return not (kind == "table" and is_fts_table(name))


def restore(*, ctx: MigrationContext, **_: Any) -> None:
    """Make the triggers that keep search and rollups right; a rebuilt table has lost its own."""
    assert ctx.connection is not None  # noqa: S101 - offline mode is refused below
    restore_search(ctx.connection)
    if inspect(ctx.connection).has_table(rollup.rollup_changes.name):
        rollup_triggers.create_triggers(ctx.connection)


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        transactional_ddl=True,  # SQLite can; Alembic's default for it is off
        render_as_batch=True,
        compare_type=True,
        include_name=include_name,
        include_object=include_object,
        render_item=render_item,
        on_version_apply=(restore, refuse_orphans, say_applied),  # in the migration's transaction
    )
    with context.begin_transaction():
        context.run_migrations()


def run_on_sqlite(connection: Connection) -> None:
    """Run with foreign keys off: rebuilding a parent table would delete its children."""
    driver = connection.connection.driver_connection
    database = Path(str(connection.engine.url.database))
    with database.with_name(f"{database.name}.migrate.lock").open("a") as file:
        # Each migration is a transaction: a second deploy would come in between two of them, with
        # a plan that is made already.
        fcntl.flock(file, fcntl.LOCK_EX)
        driver.execute("PRAGMA foreign_keys = OFF")  # has no effect inside a transaction
        try:
            run(connection)
        finally:
            connection.rollback()  # Alembic leaves a transaction open when nothing was to do
            driver.execute("PRAGMA foreign_keys = ON")


def run_on_postgresql(connection: Connection) -> None:
    """Run under a lock that a second deploy waits for, and give up on tables that stay locked."""
    connection.execute(text("SET statement_timeout = 0"))
    # The web's would end the wait for the deploy before us, however well that one goes.
    connection.execute(text("SET lock_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": ADVISORY_LOCK})
    connection.execute(text("SET lock_timeout = '4s'"))
    connection.commit()
    try:
        run(connection)
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": ADVISORY_LOCK})
        connection.commit()
        connection.invalidate()  # the next user of the pool gets the usual timeouts


# SQLite has no such index, and none is declared for it; Alembic looks before it asks.
warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression-based")
warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")
if context.is_offline_mode():
    raise SystemExit("--sql is not offered: SQLite's migrations need the table they change")
with db.engine.connect() as connection:
    if connection.dialect.name == "sqlite":
        run_on_sqlite(connection)
    else:
        run_on_postgresql(connection)
