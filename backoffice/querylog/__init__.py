"""Statements per request, from Flask-SQLAlchemy's record of them.

In memory only: what is to become of a request's record is up to those who ask for it by
``on_request_end``.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from time import perf_counter
from types import FrameType
from typing import Any

from flask import Flask, Response, current_app, g, has_app_context, request
from flask_sqlalchemy.record_queries import get_recorded_queries
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError

from backoffice.config import ROOT
from backoffice.database import db, is_busy
from backoffice.querylog.fetched import CountingCursor, count_rows
from backoffice.querylog.record import Asked, Record, asked_in, repeats_in

__all__ = [
    "Asked",
    "Cost",
    "Record",
    "asked_by_request",
    "cost_of_request",
    "init_app",
    "on_request_end",
    "shown",
]

slow_log = logging.getLogger("backoffice.slow")

LONGEST_LOGGED = 4_000
"""Characters of a statement; an IN over a whole page of keys tells nothing more."""

UNRECORDED = "unrecorded"
"""Execution option of connections whose statements are nobody's business: the log's own."""


@dataclass(frozen=True)
class Cost:
    """What a request has asked of the database so far; BEGIN does not count as a statement.

    ``rows`` were read; PostgreSQL's server-side cursors, as of exports, do not tell theirs.
    ``shown`` is how many of them the page shows, where it said so. ``repeats`` are the shapes
    that one line asked over and over.
    """

    statements: int
    database_ms: float
    rows: int = 0
    shown: int | None = None
    repeats: tuple[Asked, ...] = ()


def init_app(app: Flask) -> None:
    """Say on each response what it cost, and log its slow statements."""
    app.before_request(_start)
    app.after_request(_say_cost)
    app.teardown_request(_end)
    app.extensions["querylog"] = []
    with app.app_context():
        count_rows(db.engine)
        event.listen(db.engine, "after_cursor_execute", _note)
        event.listen(db.engine, "handle_error", _note_failed)


def on_request_end(app: Flask, receive: Callable[[Record], None]) -> None:
    """Call ``receive`` with the record of each request of ``app`` when it is over; it is brief."""
    app.extensions["querylog"].append(receive)


def cost_of_request() -> Cost:
    """The cost of the current request until now."""
    record: Record | None = g.get("query_record")
    if record is None:
        return Cost(0, 0.0)
    return Cost(
        statements=record.statements,
        database_ms=1000 * record.seconds,
        rows=record.rows,
        shown=record.shown,
        repeats=tuple(repeats_in(record)),
    )


def asked_by_request() -> list[Asked]:
    """What the current request has asked until now, by shape and line."""
    record: Record | None = g.get("query_record")
    return [] if record is None else asked_in(record)


def shown(rows: int) -> None:
    """Say that the page shows so many of the rows that it reads."""
    record: Record | None = g.get("query_record")
    if record is not None:
        record.shown = rows


def _start() -> None:
    rule = request.url_rule
    g.query_record = Record(
        route=rule.rule[:200] if rule else "(no such page)",
        method=request.method,
        slow_seconds=current_app.config["SLOW_STATEMENT_MS"] / 1000,
        tell=_log_slow,
    )


def _say_cost(response: Response) -> Response:
    """Add ``Server-Timing``; ``app`` is the whole time, the database's included.

    A streamed response says what it cost until its first byte.
    """
    record: Record | None = g.get("query_record")
    if record is None:
        record = Record("", "", 0.0, _log_slow)
    record.status = response.status_code
    noun = "statement" if record.statements == 1 else "statements"
    response.headers["Server-Timing"] = (
        f'db;dur={1000 * record.seconds:.1f};desc="{record.statements} {noun}", '
        f"app;dur={1000 * (perf_counter() - record.started):.1f}"
    )
    return response


def _end(_error: BaseException | None) -> None:
    """Hand the record over; of a streamed response when all of it is sent."""
    record: Record | None = g.pop("query_record", None)
    if record is None:
        return
    record.took = perf_counter() - record.started
    record.slow_seconds = inf  # of rows that somebody fetches from now on nobody is told
    for receive in current_app.extensions["querylog"]:
        receive(record)


def _note(
    _connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, _many: bool
) -> None:
    """Runs after Flask-SQLAlchemy has recorded a statement."""
    if not has_app_context():  # then it records nothing
        return
    recorded = get_recorded_queries()
    if not recorded:
        return
    query = recorded[-1]
    # Its list keeps every call with all parameters: an import would grow by its whole file.
    recorded.clear()
    # A command has no response to report on.
    record: Record | None = g.get("query_record")
    if record is None or UNRECORDED in context.execution_options:
        return
    location = query.location if query.location != "<unknown>" else _our_line()
    is_sqlite = type(cursor) is CountingCursor
    # What is not fetched is not read: an UPDATE's rowcount is something else.
    rows = 0 if is_sqlite or cursor.description is None else max(0, cursor.rowcount)
    call = record.add(statement, parameters, location, query.end_time - query.start_time, rows)
    if is_sqlite:
        cursor.call = call


def _note_failed(failure: ExceptionContext) -> None:
    """A statement that ran into the timeout is the slowest of all, and is not recorded."""
    context = failure.execution_context
    started = getattr(context, "_fsa_start_time", None)
    record: Record | None = g.get("query_record") if has_app_context() else None
    if started is None or record is None or not failure.statement:
        return
    seconds = perf_counter() - started
    call = getattr(getattr(context, "cursor", None), "call", None)
    if call is None:
        call = record.add(failure.statement, failure.parameters, _our_line(), seconds)
    else:  # SQLite ran into it when it had found some rows already
        call.took(max(0.0, seconds - call.seconds), 0)
    if call is not None:
        call.failed = True
        error = failure.sqlalchemy_exception
        if not call.at and isinstance(error, SQLAlchemyError) and is_busy(error):
            call.is_slow()


def _our_line() -> str:
    """Where the package asked, in the words of Flask-SQLAlchemy's record."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - what inspect.currentframe() returns
    asked_by = "<unknown>"
    while frame:
        module = str(frame.f_globals.get("__name__"))
        if module.startswith("backoffice.") and not module.startswith(__name__):
            return f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})"
        if module.startswith("flask_security."):
            # It reads the user before any page of ours is asked.
            asked_by = "Flask-Security's user loader"
        frame = frame.f_back
    return asked_by


def _log_slow(seconds: float, statement: str, location: str) -> None:
    """Never with parameters: they are people's data, and logs are read by others."""
    slow_log.warning(
        "%.1f ms in %s (%s) at %s: %s",
        1000 * seconds,
        request.endpoint,
        request.url_rule,
        location.removeprefix(f"{ROOT}/"),
        " ".join(statement.split())[:LONGEST_LOGGED],
    )
