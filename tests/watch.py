"""What a piece of work asked of the database: its statements, who asked, and the rows it fetched.

Apart from the application's own query log: a budget should not be kept by what it judges.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from flask import Flask
from sqlalchemy import event

from backoffice.config import ROOT
from tests import stored


@dataclass
class Ran:
    """One statement as the driver got it; ``line`` is the line of ours or the template's."""

    statement: str
    parameters: Any
    line: str
    many: bool
    rows: int = 0

    def __str__(self) -> str:
        return f"{' '.join(self.statement.split())}\n    asked at {self.line}"


@contextmanager
def watched(app: Flask) -> Iterator[list[Ran]]:
    """Collects what runs meanwhile; BEGIN does not count. Rows count when they are fetched."""
    ran: list[Ran] = []
    engine = stored.engine(app)

    def note(
        _connection: Any, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if not statement.startswith("BEGIN"):
            ran.append(Ran(statement, parameters, _line(), many))
            _count_rows(cursor, ran[-1])

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _count_rows(cursor: Any, ran: Ran) -> None:
    """Have the driver tell ``ran`` of each row that it hands over."""

    def count(values: Any) -> tuple[Any, ...]:
        ran.rows += 1
        return tuple(values)

    if isinstance(cursor, sqlite3.Cursor):
        cursor.row_factory = lambda _cursor, row: count(row)
    else:
        cursor.row_factory = lambda _cursor: count


def _line() -> str:
    """``backoffice/grid/page.py:93``; of a template the line that it has in its own file."""
    frame: FrameType | None = sys._getframe(2)
    while frame:
        file = Path(frame.f_code.co_filename)
        if _is_ours(file):
            template = frame.f_globals.get("__jinja_template__")
            line = template.get_corresponding_lineno(frame.f_lineno) if template else frame.f_lineno
            return f"{file.relative_to(ROOT)}:{line}"
        frame = frame.f_back
    return "a library"


def _is_ours(file: Path) -> bool:
    """Libraries lie below the root too, where its own environment is used."""
    is_here = file.is_relative_to(ROOT) and not file.is_relative_to(sys.prefix)
    return is_here and file != Path(__file__)
