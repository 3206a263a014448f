"""Offline: the statements of revisions, written and not run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.util import CommandError
from sqlalchemy import Dialect, Insert, Update, text
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import CompileError
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import ClauseElement, TextClause
from sqlalchemy.sql.selectable import SelectBase

from backoffice.models import rollup, rollup_triggers
from backoffice.revisions.alone import ADVISORY_LOCK
from backoffice.revisions.patience import Patience

NOT_SHOWN = "-- read here, and what the revision writes for the rows found is not shown: "
UNKNOWN_VALUES = "-- with values from Python, which are not shown: "


class Nothing(IteratorResult[Any]):
    """The result of a statement that was not run: no rows."""

    rowcount = 0

    def __init__(self) -> None:
        super().__init__(SimpleResultMetaData(["nothing"]), iter(()))


class Paper(MockConnection):
    """Stands for a connection; statements that it is to run are written, and find no rows.

    So a revision that works on rows in Python runs too.
    """

    def __init__(self, dialect: Dialect, write: Callable[[str], None]) -> None:
        super().__init__(dialect, self._take)
        self._write = write

    def scalar(self, statement: Executable, parameters: Any = None, **_: Any) -> None:
        """None."""
        self.execute(statement, parameters)

    def scalars(self, statement: Executable, parameters: Any = None, **_: Any) -> Any:
        """Nothing."""
        return self.execute(statement, parameters).scalars()

    def exec_driver_sql(self, statement: str, parameters: Any = None, **_: Any) -> Nothing:
        """Write ``statement`` as it is."""
        self._write(f"{statement};" if parameters is None else f"{UNKNOWN_VALUES}{statement}")
        return Nothing()

    @contextmanager
    def begin_nested(self) -> Iterator[None]:
        """Nothing: what is not run cannot fail."""
        yield

    def _take(self, statement: Any, parameters: Any = None) -> Nothing:
        rows = parameters if isinstance(parameters, (list, tuple)) else [parameters or {}]
        for row in rows:
            self._write(_written(statement, row, self.dialect))
        return Nothing()


def write_on_paper(context: MigrationContext, patience: Patience) -> None:
    """Have ``context`` write, with the limits before, and what ``env.py`` adds to a revision."""
    paper = Paper(context.dialect, context.impl.static_output)
    context.connection = context.impl.connection = paper  # type: ignore[assignment]
    watched = _Watched(context.output_buffer)
    context.output_buffer = context.impl.output_buffer = watched  # type: ignore[assignment]
    context.on_version_apply_callbacks = (watched.add_triggers,)
    context.impl.static_output(
        f"SET lock_timeout = {patience.lock_ms};\n"
        f"SET statement_timeout = {patience.statement_ms};\n"
        f"SELECT pg_advisory_lock({ADVISORY_LOCK});"
    )


def refuse_sqlite(dialect: Dialect) -> None:
    """Refuse to write what SQLite would run.

    :raises CommandError: it is SQLite. Its revisions rebuild tables, for which they look at them.
    """
    if dialect.name == "sqlite":
        raise CommandError(
            "SQLite's revisions look at the tables that they change: use "
            "`manage.py db upgrade --sql`, which runs them on empty tables of the same shape"
        )


class _Watched:
    """The text that is written; knows what the revision before it is done."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self._revision = ""

    def write(self, words: str) -> None:
        self._revision += words
        self._target.write(words)

    def flush(self) -> None:
        self._target.flush()

    def add_triggers(self, *, ctx: MigrationContext, step: MigrationInfo, **_: Any) -> None:
        """Write the rollups' triggers where their queue is made; online they are looked for."""
        if step.is_upgrade and f"CREATE TABLE {rollup.rollup_changes.name} " in self._revision:
            for statements in rollup_triggers.postgresql_triggers().values():
                for statement in statements:
                    ctx.impl.static_output(f"{statement};")
        module: Any = step.up_revision
        fill = getattr(module.module, "BACKFILL", None)
        if step.is_upgrade and fill is not None:
            ctx.impl.static_output(
                f"-- BEFORE this revision `manage.py db upgrade` fills {fill.table} in batches:\n"
                f"-- {' '.join(fill.statement.split())}"
            )
        self._revision = ""


def _written(statement: Any, row: dict[str, Any], dialect: Dialect) -> str:
    if isinstance(statement, str):
        statement = text(statement)
    reads = isinstance(statement, SelectBase) or (
        isinstance(statement, TextClause)
        and statement.text.lstrip().upper().startswith(("SELECT", "WITH", "SHOW"))
    )
    try:
        bound = _bound(statement, row)
        literal = {} if not row and not hasattr(bound, "_bindparams") else {"literal_binds": True}
        compiled = str(bound.compile(dialect=dialect, compile_kwargs=literal)).strip()
    except CompileError:
        compiled, reads = f"{statement}; with {row}", True
    if reads:
        return NOT_SHOWN + " ".join(compiled.split())
    return f"{compiled};"


def _bound(statement: Any, row: dict[str, Any]) -> ClauseElement:
    if isinstance(statement, Insert | Update):
        columns = statement.table.columns.keys()
        values = {name: value for name, value in row.items() if name in columns}
        others = {name: value for name, value in row.items() if name not in columns}
        changed = statement.values(values) if values else statement
        return changed.params(others) if others else changed
    if isinstance(statement, TextClause):
        return statement.bindparams(**row)
    return statement.params(row) if row else statement  # type: ignore[no-any-return]
