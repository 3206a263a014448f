"""What each revision does, as SQL: seen by running it, not by reading its source.

For PostgreSQL it is written offline; for SQLite it is run in memory, as SQLite's rebuilding of
tables cannot be written without them. Both without any rows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import create_engine, event
from sqlalchemy.pool import StaticPool

from backoffice.database import set_up
from backoffice.models.searched import restore_search
from backoffice.revisions.paper import NOT_SHOWN, Paper

DIALECTS = ("postgresql", "sqlite")


@dataclass(frozen=True)
class Statement:
    """One string that went to the database, and the line of the revision that sent it."""

    dialect: str
    sql: str
    line: int | None


@dataclass
class Recorded:
    """A revision and its statements; ``failures`` has (dialect, line, error) where it could not."""

    revision: str
    file: Path
    accepted: dict[str, str]
    statements: list[Statement] = field(default_factory=list)
    failures: list[tuple[str, int | None, Exception]] = field(default_factory=list)

    def take(self, dialect: str, sql: str) -> None:
        """Note a statement that is being sent right now."""
        if sql.strip():
            self.statements.append(Statement(dialect, sql.strip(), _line_in(self.file)))


def record(scripts: ScriptDirectory) -> list[Recorded]:
    """All revisions from the first one on, each upgraded on both databases."""
    ordered = list(reversed(list(scripts.walk_revisions())))
    recorded = [
        Recorded(script.revision, Path(script.path), dict(getattr(script.module, "ACCEPTED", {})))
        for script in ordered
    ]
    for script, noted in zip(ordered, recorded, strict=True):
        _on_paper(script, noted)
    with _sqlite_in_memory() as (context, heard):
        for script, noted in zip(ordered, recorded, strict=True):
            assert context.connection is not None  # noqa: S101 - it is not offline
            context.connection.begin()
            heard.append(noted)
            try:
                _run(script, context)
                heard.clear()
                restore_search(context.connection)  # as after each revision
                context.connection.commit()
            except Exception as error:
                noted.failures.append(("sqlite", _line_of(error, noted.file), error))
                heard.clear()
                context.connection.rollback()
    return recorded


def _on_paper(script: Script, noted: Recorded) -> None:
    context = MigrationContext.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},
        opts={"as_sql": True, "literal_binds": True, "transactional_ddl": True},
    )

    class Heard:
        def write(self, sql: str) -> None:
            noted.take("postgresql", sql)

        def flush(self) -> None:
            pass

    context.output_buffer = context.impl.output_buffer = Heard()  # type: ignore[assignment]
    paper = Paper(context.dialect, lambda sql: noted.take("postgresql", sql))
    context.connection = context.impl.connection = paper  # type: ignore[assignment]
    try:
        _run(script, context)
    except Exception as error:
        noted.failures.append(("postgresql", _line_of(error, noted.file), error))


def _run(script: Script, context: MigrationContext) -> None:
    with Operations.context(context):
        script.module.upgrade()


@contextmanager
def _sqlite_in_memory() -> Iterator[tuple[MigrationContext, list[Recorded]]]:
    """(context of an empty database, list of who is told of its statements)."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    set_up(engine)
    heard: list[Recorded] = []

    def tell(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        for noted in heard:
            noted.take("sqlite", statement)

    event.listen(engine, "before_cursor_execute", tell)
    with engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
        yield (
            MigrationContext.configure(connection, opts={"transactional_ddl": True}),
            heard,
        )
    engine.dispose()


def was_read(sql: str) -> bool:
    """Whether it is the note of a statement whose rows the revision works on in Python."""
    return sql.startswith(NOT_SHOWN)


def _line_in(file: Path) -> int | None:
    """The line of ``file`` that is running now, in the innermost call."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - inspect.stack() reads every source file on the way
    while frame is not None:
        if frame.f_code.co_filename == str(file):
            return frame.f_lineno
        frame = frame.f_back
    return None


def _line_of(error: Exception, file: Path) -> int | None:
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
