"""The file of a list: exactly what its search, filters, sort and columns show, in full."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from itertools import chain
from threading import BoundedSemaphore
from typing import Any, ClassVar

from flask import Response, abort, request, send_file
from flask_admin import expose
from sqlalchemy import ColumnElement, select
from werkzeug.exceptions import ServiceUnavailable

from backoffice.access import Action, Guarded
from backoffice.database import Rows, db
from backoffice.grid import sheets
from backoffice.grid.count import count_up_to
from backoffice.grid.extract import MOST_SECONDS, Extract, extract, let_be_read
from backoffice.grid.keyset import Sort
from backoffice.grid.reference import Reference
from backoffice.grid.state import ListState

CSV, XLSX = "csv", "xlsx"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

BYTE_ORDER_MARK = "\ufeff".encode()
"""Without it Excel takes UTF-8 for the code page of the machine; an import reads it away."""


MOST_AT_ONCE = 2
"""Downloads of one process: each keeps a thread of the server, which needs some for its pages."""

RETRY_SECONDS = 30

_turns = BoundedSemaphore(MOST_AT_ONCE)


class NoTurnError(ServiceUnavailable):
    """As many downloads are under way as there may be."""

    title = "Other downloads are under way"


@contextmanager
def turn() -> Iterator[None]:
    """A place among the downloads under way.

    Nobody is kept waiting for one: that would keep a thread as well.

    :raises NoTurnError: there is none left.
    """
    if not _turns.acquire(blocking=False):
        raise NoTurnError(
            "As many as there may be at once are being downloaded. Try again when one is done.",
            retry_after=RETRY_SECONDS,
        )
    try:
        yield
    finally:
        _turns.release()


def asked_format() -> str:
    """What kind of file ``?format=`` asks for; any other than ours ends the request."""
    kind = request.args.get("format", CSV)
    if kind not in {CSV, XLSX}:
        abort(400, f"A list is exported as {CSV} or {XLSX}, not as {kind[:20]!r}.")
    return kind


def sent(
    rows: Extract, kind: str, name: str, refuse_too_many: Callable[[], None] = lambda: None
) -> Response:
    """The rows as a file called ``name``, with the ending of its kind; ends the session's work.

    :param refuse_too_many: Ends the request if there are more than a sheet holds; without it
        that shows only while the sheet is written.
    """
    with ExitStack() as until_sent:
        until_sent.enter_context(turn())
        if kind == XLSX:
            refuse_too_many()
        # What is left is done on a connection of its own; the page's would wait meanwhile,
        # kept from others, until the database takes it for forgotten.
        db.session.remove()
        make = _as_csv if kind == CSV else _as_xlsx
        response = make(rows, f"{name}.{kind}", until_sent)
        # Also when nobody reads it to its end, or at all.
        response.call_on_close(until_sent.pop_all().close)
    return response


def _as_csv(rows: Extract, name: str, until_sent: ExitStack) -> Response:
    """Streamed. What can go wrong with the first rows goes wrong before the response begins."""
    pieces = sheets.csv_bytes(rows, rows.chunks(let_be_read, MOST_SECONDS))
    until_sent.enter_context(closing(pieces))
    first = BYTE_ORDER_MARK + next(pieces)
    response = Response(chain([first], pieces), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _as_xlsx(rows: Extract, name: str, until_sent: ExitStack) -> Response:
    """Written first, to a file that is gone when it is sent: its table of contents is last."""
    try:
        file = sheets.xlsx_file(rows, rows.chunks(let_be_read, MOST_SECONDS))
    except sheets.TooLargeError as error:
        abort(413, f"{error} is more than a sheet holds: export the list as CSV.")
    except TimeoutError:
        abort(
            503,
            f"The sheet was not made within {MOST_SECONDS // 60} minutes: "
            "narrow the list, or export it as CSV.",
        )
    until_sent.enter_context(file)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    response = send_file(file, XLSX_TYPE, as_attachment=True, download_name=name, conditional=False)
    response.content_length = size
    response.direct_passthrough = False  # by it a server would only close the file
    return response


class ExportPages(Guarded):
    """Adds the export to a list."""

    needs: ClassVar[dict[str, Action]] = {"export_view": Action.VIEW}
    references: ClassVar[dict[str, Reference]] = {}
    """The columns that show a row of another table; a file has its natural key instead."""

    # What the declaring view adds.
    model: Any
    endpoint: str
    statement: ClassVar[Callable[[], Rows]]
    shown_columns: Any
    state_of: Any
    narrowing: Any

    @expose("/export/")
    def export_view(self) -> Any:
        """The list's rows as a file, ``?format=csv`` or ``xlsx``.

        A list leaves out what it does not understand and says so. A file cannot say so: there
        would be more in it than was asked for.
        """
        kind = asked_format()
        state: ListState = self.state_of(request.args)
        if state.complaints:
            abort(400, " ".join(state.complaints))
        conditions, names = self.narrowing(state), self.shown_columns(state)
        rows = extract(self._in_order(state.sort, conditions), names, self.references)
        name = f"{self.endpoint}-{datetime.now(UTC):%Y-%m-%d}"
        return sent(rows, kind, name, lambda: self._refuse_too_many(conditions))

    def _in_order(self, sort: Sort, conditions: list[ColumnElement[bool]]) -> Rows:
        """All rows of the list, in its order."""
        order = sort.in_direction(sort.columns)
        if sort.has_empty:
            # Downwards PostgreSQL has no index in this order and sorts first. The list's two
            # halves would be two moments here, with a row in both or in none.
            order[0] = order[0].nulls_last()
        return type(self).statement().where(*conditions).order_by(*order)

    def _refuse_too_many(self, conditions: list[ColumnElement[bool]]) -> None:
        matching = select(self.model.id).where(*conditions)
        if not count_up_to(db.session(), matching, sheets.MOST_ROWS).exact:
            abort(
                413,
                f"These are more than the {sheets.MOST_ROWS:,} rows that a sheet holds: "
                "narrow the list, or export it as CSV.",
            )
