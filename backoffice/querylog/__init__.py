"""Statements per request, from Flask-SQLAlchemy's record of them."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from time import perf_counter
from types import FrameType
from typing import Any

from flask import Flask, Response, current_app, g, has_app_context, has_request_context, request
from flask_sqlalchemy.record_queries import get_recorded_queries
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext

from backoffice.config import ROOT
from backoffice.database import db

slow_log = logging.getLogger("backoffice.slow")

LONGEST_LOGGED = 4_000
"""Characters of a statement; an IN over a whole page of keys tells nothing more."""


@dataclass(frozen=True)
class Cost:
    """What a request has asked of the database so far; BEGIN does not count as a statement.

    ``database_ms`` is the time until the first row is there. PostgreSQL's driver has all rows by
    then; SQLite finds the others while they are fetched, which counts as the application's time.
    """

    statements: int
    database_ms: float


def init_app(app: Flask) -> None:
    """Say on each response what it cost, and log its slow statements."""
    app.before_request(_start)
    app.after_request(_say_cost)
    with app.app_context():
        event.listen(db.engine, "after_cursor_execute", _note)
        event.listen(db.engine, "handle_error", _note_failed)


def cost_of_request() -> Cost:
    """The cost of the current request until now."""
    ran = get_recorded_queries()[g.get("statements_before_request", 0) :]
    return Cost(
        statements=sum(not (query.statement or "").startswith("BEGIN") for query in ran),
        # With BEGIN: on SQLite it is where a writer waits for the writer before it.
        database_ms=1000 * sum(query.duration for query in ran),
    )


def _start() -> None:
    g.request_started = perf_counter()
    # Not zero where a test's requests share its application context.
    g.statements_before_request = len(get_recorded_queries())


def _say_cost(response: Response) -> Response:
    """Add ``Server-Timing``; ``app`` is the whole time, the database's included.

    A streamed response says what it cost until its first byte.
    """
    cost = cost_of_request()
    total_ms = 1000 * (perf_counter() - g.get("request_started", perf_counter()))
    noun = "statement" if cost.statements == 1 else "statements"
    response.headers["Server-Timing"] = (
        f'db;dur={cost.database_ms:.1f};desc="{cost.statements} {noun}", app;dur={total_ms:.1f}'
    )
    return response


def _note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    """Runs after Flask-SQLAlchemy has recorded a statement."""
    if not has_app_context():  # then it records nothing
        return
    recorded = get_recorded_queries()
    if not has_request_context():
        # A command has no response to report on, and the record keeps every parameter: an
        # import would grow by its whole file.
        recorded.clear()
    elif recorded:
        location = recorded[-1].location
        if location == "<unknown>":
            location = _our_line()
        _log_if_slow(statement, 1000 * recorded[-1].duration, location)


def _note_failed(failure: ExceptionContext) -> None:
    """A statement that ran into the timeout is the slowest of all, and is not recorded."""
    started = getattr(failure.execution_context, "_fsa_start_time", None)
    if started is not None and failure.statement and has_request_context():
        _log_if_slow(failure.statement, 1000 * (perf_counter() - started), _our_line())


def _our_line() -> str:
    """Where the package asked, in the words of Flask-SQLAlchemy's record."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - what inspect.currentframe() returns
    asked_by = "<unknown>"
    while frame:
        module = str(frame.f_globals.get("__name__"))
        if module.startswith("backoffice.") and module != __name__:
            return f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})"
        if module.startswith("flask_security."):
            # It reads the user before any page of ours is asked.
            asked_by = "Flask-Security's user loader"
        frame = frame.f_back
    return asked_by


def _log_if_slow(statement: str, duration_ms: float, location: str) -> None:
    """Never with parameters: they are people's data, and logs are read by others."""
    if duration_ms > current_app.config["SLOW_STATEMENT_MS"]:
        slow_log.warning(
            "%.1f ms in %s (%s) at %s: %s",
            duration_ms,
            request.endpoint,
            request.url_rule,
            location.removeprefix(f"{ROOT}/"),
            " ".join(statement.split())[:LONGEST_LOGGED],
        )
