"""What the database holds, read apart from the session of the code under test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, func, inspect, select

from backoffice.database import db
from backoffice.models import HistoryEntry, OrderLine


def one(app: Flask, model: type[Any], row_id: int) -> Any:
    """The row, detached; None when there is none."""
    with app.app_context():
        return db.session.get(model, row_id)


def columns(app: Flask, model: type[Any], row_id: int) -> dict[str, Any]:
    """Column -> value of one row."""
    row = one(app, model, row_id)
    return {column.key: getattr(row, column.key) for column in inspect(model).columns}


def count(app: Flask, model: type[Any]) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model))


def newest(app: Flask, model: type[Any]) -> Any:
    with app.app_context():
        return db.session.scalar(select(model).order_by(model.id.desc()).limit(1))


def every(app: Flask, model: type[Any]) -> list[Any]:
    """All rows, oldest first."""
    with app.app_context():
        return list(db.session.scalars(select(model).order_by(model.id)))


def lines(app: Flask, order_id: int) -> list[OrderLine]:
    with app.app_context():
        statement = select(OrderLine).where(OrderLine.order_id == order_id)
        return list(db.session.scalars(statement.order_by(OrderLine.line_no)))


def entries(app: Flask) -> list[HistoryEntry]:
    """All history, oldest first."""
    with app.app_context():
        return list(db.session.scalars(select(HistoryEntry).order_by(HistoryEntry.id)))


def engine(app: Flask) -> Engine:
    with app.app_context():
        return db.engine


@contextmanager
def elsewhere(app: Flask) -> Iterator[Connection]:
    """A transaction of another process, as far as the database can tell; committed at the end."""
    with create_engine(engine(app).url, poolclass=NullPool).begin() as connection:
        yield connection


def returned(app: Flask, work: Any) -> list[list[str]]:
    """Run ``work`` and return, of each of its statements with rows, the names of their columns."""
    names: list[list[str]] = []

    def note(_connection: Any, cursor: Any, *_: Any) -> None:
        if cursor.description:
            names.append([column[0] for column in cursor.description])

    event.listen(engine(app), "after_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(engine(app), "after_cursor_execute", note)
    return names


def plan(app: Flask, work: Any) -> list[tuple[str, list[str]]]:
    """Run ``work`` and return each of its statements with the database's plan for it.

    PostgreSQL is told to avoid sequential and bitmap scans: of a few thousand rows its own choice
    would not tell whether an index could give them in order.
    """
    ran: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip("( \n").startswith(("SELECT", "WITH")):
            ran.append((statement, parameters))

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
        try:
            work()
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        db.session.rollback()
        with db.engine.connect() as connection:
            explain = "EXPLAIN QUERY PLAN "
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
                connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
                explain = "EXPLAIN "
            return [
                (statement, _lines(connection.exec_driver_sql(explain + statement, parameters)))
                for statement, parameters in ran
            ]


def _lines(explained: Any) -> list[str]:
    """The plan line by line, indented as deep as each step lies."""
    depths = {0: -1}
    lines = []
    for row in explained:
        if len(row) == 1:  # PostgreSQL indents by itself
            lines.append(row[0])
            continue
        depths[row[0]] = depths[row[1]] + 1
        lines.append("  " * depths[row[0]] + row[3])
    return lines
