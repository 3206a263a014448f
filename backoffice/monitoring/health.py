"""Checks of the database, for ``/readyz`` and for ``manage.py doctor``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from backoffice.config import ROOT
from backoffice.database import SQLITE_PRAGMAS, begins_reading, db
from backoffice.models.rollup_triggers import missing_triggers
from backoffice.models.searched import wrong_search
from backoffice.monitoring.drift import differences


@dataclass(frozen=True)
class Finding:
    """Something is wrong; ``remedy`` says what to do."""

    problem: str
    remedy: str


def why_not_ready() -> str | None:
    """One line without any detail, or None. A database that is ahead is ready.

    Migrations run while the old processes still serve, and each works with the code before it:
    the old processes must not be taken out of service then.
    """
    try:
        with begins_reading(db.engine).connect() as connection:
            revision = current_revision(connection)
    except SQLAlchemyError:
        return "the database does not answer"
    if revision in known_revisions() and revision == head_revision():
        return None
    if revision is not None and revision not in known_revisions():
        return None
    return "the database is not migrated"


def current_revision(connection: Connection) -> str | None:
    """The migration that the database is at, None before the first."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def known_revisions() -> tuple[str, ...]:
    """The migrations of this code, newest first."""
    scripts = ScriptDirectory(str(ROOT / "migrations"))
    return tuple(script.revision for script in scripts.walk_revisions())


def head_revision() -> str:
    """The migration that this code needs."""
    return known_revisions()[0]


def check_migrated(connection: Connection) -> Iterator[Finding]:
    """The tables are those of this code."""
    revision = current_revision(connection)
    if revision == head_revision():
        return
    if revision is not None and revision not in known_revisions():
        yield Finding(
            f"the database is at {revision}, which this code does not know",
            "deploy the code that brought it there",
        )
    else:
        yield Finding(
            f"the database is at {revision or 'no migration'}, the code needs {head_revision()}",
            "run `manage.py db upgrade`",
        )


def check_connection(connection: Connection) -> Iterator[Finding]:
    """The connection has the pragmas or the timeouts that pages rely on."""
    if connection.dialect.name == "sqlite":
        for name, wanted in SQLITE_PRAGMAS.items():
            found = str(connection.scalar(text(f"PRAGMA {name}")))
            if found != wanted:
                yield Finding(
                    f"PRAGMA {name} is {found} and not {wanted}",
                    "look for another listener that sets it; database.py must be the last",
                )
        return
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        if connection.scalar(text(f"SHOW {name}")) == "0":
            yield Finding(
                f"{name} is off: one statement may hold up everybody",
                "set BACKOFFICE_STATEMENT_TIMEOUT_MS and BACKOFFICE_LOCK_TIMEOUT_MS above 0",
            )


def check_references(connection: Connection) -> Iterator[Finding]:
    """No row refers to one that is gone; on SQLite other programs may have written without."""
    if connection.dialect.name == "sqlite":
        orphans = connection.execute(
            text('SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2')
        )
        for table, parent, count in orphans:
            yield Finding(
                f"{count} rows of {table} refer to rows of {parent} that are gone",
                "delete or correct them; `PRAGMA foreign_key_check` lists them",
            )


def check_tables(connection: Connection) -> Iterator[Finding]:
    """Columns, constraints and defaults are those that the models declare."""
    for difference in differences(connection):
        yield Finding(difference, "write a migration, or undo what was changed by hand")


def check_search(connection: Connection) -> Iterator[Finding]:
    """SQLite's search tables follow the tables; PostgreSQL's index cannot but do so."""
    for problem in wrong_search(connection).values():
        yield Finding(problem, "run `manage.py indexes build`, which fills the search anew")


def check_rollups(connection: Connection) -> Iterator[Finding]:
    """The triggers are there by which the dashboard's sums see every change."""
    for name in missing_triggers(connection):
        yield Finding(
            f"{name}: the trigger is gone, so the dashboard does not see changes",
            "run `manage.py rollups rebuild`, which makes it and the sums again",
        )


CHECKS: dict[str, Callable[[Connection], Iterator[Finding]]] = {
    "connection settings": check_connection,
    "references between rows": check_references,
    "tables as the models declare": check_tables,
    "search": check_search,
    "triggers of rollups": check_rollups,
}
"""What `doctor` looks at once the database answers and is migrated."""
