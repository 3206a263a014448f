"""The file of a list: exactly what its search, filters, sort and columns show, in full."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain
from typing import Any, ClassVar

from flask import Response, abort, request, send_file
from flask_admin import expose
from sqlalchemy import ColumnElement, select

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
        kind = request.args.get("format", CSV)
        if kind not in {CSV, XLSX}:
            abort(400, f"A list is exported as {CSV} or {XLSX}, not as {kind[:20]!r}.")
        state: ListState = self.state_of(request.args)
        if state.complaints:
            abort(400, " ".join(state.complaints))
        conditions, names = self.narrowing(state), self.shown_columns(state)
        rows = extract(self._in_order(state.sort, conditions), names, self.references)
        name = f"{self.endpoint}-{datetime.now(UTC):%Y-%m-%d}.{kind}"
        if kind == XLSX:
            self._refuse_too_many(conditions)
        # What is left is done on a connection of its own; the page's would wait meanwhile, kept
        # from others, until the database takes it for forgotten.
        db.session.remove()
        return self._as_csv(rows, name) if kind == CSV else self._as_xlsx(rows, name)

    def _in_order(self, sort: Sort, conditions: list[ColumnElement[bool]]) -> Rows:
        """All rows of the list, in its order."""
        order = sort.in_direction(sort.columns)
        if sort.has_empty:
            # Downwards PostgreSQL has no index in this order and sorts first. The list's two
            # halves would be two moments here, with a row in both or in none.
            order[0] = order[0].nulls_last()
        return type(self).statement().where(*conditions).order_by(*order)

    def _as_csv(self, rows: Extract, name: str) -> Response:
        """Streamed. What can go wrong with the first rows goes wrong before the response begins."""
        pieces = sheets.csv_bytes(rows, rows.chunks(let_be_read, MOST_SECONDS))
        first = BYTE_ORDER_MARK + next(pieces)
        response = Response(chain([first], pieces), mimetype="text/csv")
        response.headers.set("Content-Disposition", "attachment", filename=name)
        response.call_on_close(pieces.close)  # also when nobody reads on
        return response

    def _refuse_too_many(self, conditions: list[ColumnElement[bool]]) -> None:
        matching = select(self.model.id).where(*conditions)
        if not count_up_to(db.session(), matching, sheets.MOST_ROWS).exact:
            abort(
                413,
                f"These are more than the {sheets.MOST_ROWS:,} rows that a sheet holds: "
                "narrow the list, or export it as CSV.",
            )

    def _as_xlsx(self, rows: Extract, name: str) -> Response:
        """Written first, to a file that is gone when it is sent: its table of contents is last."""
        try:
            file = sheets.xlsx_file(rows, rows.chunks(let_be_read, MOST_SECONDS))
        except sheets.TooLargeError as error:
            abort(413, f"{error} is more than a sheet holds: export the list as CSV.")
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        response = send_file(
            file, XLSX_TYPE, as_attachment=True, download_name=name, conditional=False
        )
        response.content_length = size
        return response
