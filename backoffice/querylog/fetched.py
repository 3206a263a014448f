"""Cursors of SQLite that count the rows they fetch: the driver does not, and has no event."""

from __future__ import annotations

from sqlite3 import Connection, Cursor
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event

from backoffice.querylog.record import Call

_one, _many, _all = Cursor.fetchone, Cursor.fetchmany, Cursor.fetchall


class CountingCursor(Cursor):
    """Tells ``call``, if there is one, of its rows and of the time it took to find them."""

    call: Call | None = None

    def fetchone(self) -> Any:
        if self.call is None:
            return _one(self)
        started = perf_counter()
        row = _one(self)
        self.call.took(perf_counter() - started, row is not None)
        return row

    def fetchmany(self, *size: Any, **named: Any) -> Any:
        if self.call is None:
            return _many(self, *size, **named)
        started = perf_counter()
        rows = _many(self, *size, **named)
        self.call.took(perf_counter() - started, len(rows))
        return rows

    def fetchall(self) -> Any:
        if self.call is None:
            return _all(self)
        started = perf_counter()
        rows = _all(self)
        self.call.took(perf_counter() - started, len(rows))
        return rows


class CountingConnection(Connection):
    """Makes such cursors."""

    def cursor(self, factory: Any = CountingCursor) -> Any:
        return super().cursor(factory)


def count_rows(engine: Engine) -> None:
    """Have the connections that ``engine`` will make count; PostgreSQL's cursors do by themselves.

    Must come before the first of them.
    """
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _count)


def _count(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
    options["factory"] = CountingConnection
