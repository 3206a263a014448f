"""SQLite's revisions as SQL: run on empty tables in memory, and listened to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import StaticPool

from backoffice.database import set_up
from backoffice.revisions import running
from backoffice.revisions.paper import NOT_SHOWN
from backoffice.revisions.steps import Watch, title

_BEHIND_FTS = re.compile(r"_search_(data|idx|content|docsize|config)\b")
_OF_ALEMBIC = re.compile(
    r"\b(sqlite_\w+|pragma_\w+|alembic_version|rollup_changes LIMIT 0)\b|^PRAGMA (?!foreign_keys)"
)


def show(
    connection: Connection, revision: str, write: Callable[[str], None], *, down: bool = False
) -> None:
    """Write what the revisions up (or ``down``) to ``revision`` would run on this database.

    The tables are those of ``connection``, without rows: what a revision would do in Python with
    rows that it reads is not shown, and a line says so.
    """
    engine = empty_copy(connection)
    heard = _Heard(write)
    with engine.connect() as aside:
        driver: Any = aside.connection.driver_connection
        driver.set_trace_callback(heard.hear)
    run = running.downgrade if down else running.upgrade
    try:
        run(engine, revision, heard)
    finally:
        driver.set_trace_callback(None)
        engine.dispose()


def empty_copy(connection: Connection) -> Engine:
    """A database in memory with the tables, indexes and triggers of ``connection``, no rows."""
    hidden = set(
        connection.scalars(text("SELECT name FROM pragma_table_list WHERE type = 'shadow'"))
    )
    made = connection.execute(
        text(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE "
            "'sqlite\\_%' ESCAPE '\\' ORDER BY type <> 'table', type = 'trigger', rowid"
        )
    ).all()
    engine = create_engine("sqlite://", poolclass=StaticPool)
    set_up(engine)
    with engine.begin() as aside:
        for name, statement in made:
            if name not in hidden:
                aside.exec_driver_sql(statement)
        aside.exec_driver_sql("ANALYZE")
        if "alembic_version" in {name for name, _ in made}:
            for version in connection.scalars(text("SELECT version_num FROM alembic_version")):
                aside.execute(text("INSERT INTO alembic_version VALUES (:it)"), {"it": version})
    return engine


class _Heard(Watch):
    """Writes what SQLite is told to run, with its values, and BEGIN where anything follows."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._begun = False
        self._heading = ""

    def begins(self, step: Any, context: object) -> None:
        down = "" if step.is_upgrade else " taken back"
        self._heading = f"-- {title(step.revision.module)}{down}"

    def applied(self, **_: object) -> None:
        """Nothing: the heading says it."""

    def filled(self, filled: Any) -> None:
        self._write(f"-- {filled.name} is filled in batches before, which are not shown")

    def hear(self, statement: str) -> None:
        """Take one statement from the driver."""
        kind = statement.split(None, 1)[0].upper() if statement.strip() else "--"
        if kind.startswith("--") or _BEHIND_FTS.search(statement):
            return  # done by a trigger, or behind the search
        if kind == "BEGIN":
            self._begun = True
            return
        if kind in {"COMMIT", "ROLLBACK"} and self._begun:  # of nothing that changed anything
            self._begun = False
            return
        if kind in {"SELECT", "PRAGMA", "WITH", "SAVEPOINT", "RELEASE"}:
            if kind == "PRAGMA" and "foreign_keys" not in statement:
                return
            if kind != "PRAGMA" and (_OF_ALEMBIC.search(statement) or kind not in {"SELECT"}):
                return
            if kind == "SELECT":
                statement = NOT_SHOWN + " ".join(statement.split())
        if self._heading and kind != "PRAGMA":
            self._write(self._heading)
            self._heading = ""
        if self._begun:
            self._begun = False
            self._write("BEGIN IMMEDIATE;")
        end = "" if statement.startswith("--") else ";"
        self._write(statement.strip().rstrip(";") + end)
