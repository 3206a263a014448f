"""Editing in place: one cell of a list is one field of a record."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

from flask import abort, jsonify, request
from flask_admin import expose
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.exc import StaleDataError

from backoffice import history
from backoffice.access import Action
from backoffice.database import Rows, db
from backoffice.grid.edit import EditPages
from backoffice.grid.forms import RecordForm, said
from backoffice.grid.record import as_id

MOST_TOLD = 80
"""Characters of somebody else's value that a conflict quotes."""


class CellPages(EditPages):
    """Adds the editor of a cell: a form of one field, which the list fetches and sends.

    Without a script there is none: the record's own form edits the same fields.
    """

    needs: ClassVar[dict[str, Action]] = {"cell_view": Action.EDIT}
    cell_template = "grid/cell.html"
    editable: ClassVar[tuple[str, ...]] = ()
    """Columns of the list that are edited in place, each a field of the form.

    Not Flask-Admin's ``column_editable_list``: by that it would build a form for every row.
    """

    # What the declaring view adds.
    columns_for: Any
    statement: ClassVar[Callable[[], Rows]]

    @cached_property
    def cell_forms(self) -> dict[str, type[RecordForm]]:
        """Field -> a form of that field alone."""
        return {name: _form_of(self._edit_form_class, name) for name in self.editable}

    @expose("/cell/", methods=("GET", "POST"))
    def cell_view(self) -> Any:
        """GET: the editor. POST: saves, and answers in JSON what the list then shows."""
        name = request.args.get("field", "")
        if name not in self.cell_forms:
            abort(400, "This list has no such cell to edit.")
        if request.method == "GET":
            return self._show_editor(name)
        for _ in range(2):
            try:
                return self._save_cell(name)
            except StaleDataError:  # somebody saved between our reading and our writing
                db.session.rollback()
        return _refused(409, f"Somebody else is saving this {self.noun} just now. Save again.")

    def _show_editor(self, name: str) -> Any:
        record = self._cell_record(name)
        if record is None:
            raise self._no_such_record()
        form = self.cell_forms[name](obj=record)
        form.version.data = str(record.version)
        form.remember(form)
        field = form[name]
        field.id = f"cell-{name}"  # the list has fields of its own
        return self.render(self.cell_template, form=form, field=field, record=record)

    def _save_cell(self, name: str) -> Any:
        record = self._cell_record(name)
        if record is None:
            return _refused(404, f"Somebody deleted this {self.noun}.")
        form = self.cell_forms[name](request.form, obj=record)
        theirs = self.cell_forms[name](obj=record)
        version, stored = form.edition(), said(theirs[name])
        if version is None:
            abort(400, "The form has lost its version. Open the cell again.")
        if not self.validate_form(form):
            return _refused(422, _complaint(form, name))
        if _lines(said(form[name])) != _lines(stored):
            if version != str(record.version) and form.remembered().get(name) != stored:
                return self._show_cell_conflict(record, name, theirs)
            with db.session.no_autoflush:
                form.populate_obj(record)
            if not self._flush(form):
                return _refused(422, _complaint(form, name))
        # Read before the commit: after it, SQLite would wait once more for the one writer.
        cell = self._cell(record, name)
        db.session.commit()
        return jsonify(cell)

    def _cell_record(self, name: str) -> Any:
        """The record by one statement, with what a reference in ``name`` is called."""
        statement = select(self.model).where(self.model.id == as_id(request.args.get("id", "")))
        if name in self.model.__mapper__.relationships:
            statement = statement.options(joinedload(getattr(self.model, name)))
        return db.session.scalar(statement)

    def _cell(self, record: Any, name: str) -> dict[str, Any]:
        """What the list shows of the field; a link around it is the same as before."""
        rows = type(self).statement().where(self.model.id == record.id)
        # The other columns may cost: an order's total would read all of its lines.
        value = db.session.scalar(rows.with_only_columns(rows.selected_columns[name]))
        (column,) = self.columns_for((name,))
        html = str(column.show(value))
        return {"html": html, "text": Markup(html).striptags(), "version": record.version}

    def _show_cell_conflict(self, record: Any, name: str, theirs: RecordForm) -> Any:
        """Somebody changed this very field; sent again with the new version, it is overwritten."""
        theirs.remember(theirs)
        cell = self._cell(record, name)
        entry = history.who_wrote(record, name, self._entries(record))
        who, when = (entry.actor, f" at {entry.at:%H:%M} UTC") if entry else ("Somebody", "")
        words = (getattr(theirs[name], "chosen_label", "") or said(theirs[name]))[:MOST_TOLD]
        done = f"changed it to {words}" if words else "emptied it"
        return _refused(
            409,
            f"{who} {done}{when} while you were typing.",
            **cell,
            theirs=said(theirs[name]),
            base=theirs.base.data,
        )


def _form_of(form: type[RecordForm], name: str) -> type[RecordForm]:
    """A form of one field of ``form``, with what ``form`` declares for that field."""
    names = (name, f"validate_{name}", f"filter_{name}")
    parts = {part: getattr(form, part) for part in names if hasattr(form, part)}
    return type(f"{form.__name__}Cell", (RecordForm,), parts)


def _complaint(form: RecordForm, name: str) -> str:
    return " ".join([*form[name].errors, *form.form_errors])


def _lines(text: str) -> str:
    """``text`` with plain line ends: browsers turn them, which is no change that anybody made."""
    return text.replace("\r\n", "\n")


def _refused(status: int, error: str, **more: Any) -> Any:
    return jsonify(error=error, **more), status
