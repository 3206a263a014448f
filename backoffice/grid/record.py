"""The pages of one record: details and delete. What they know comes from the view."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

from flask import flash, redirect, request
from flask_admin import expose
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import NotFound

from backoffice import history
from backoffice.access import Action, Guarded, may
from backoffice.database import db
from backoffice.grid import render
from backoffice.grid.cursor import MOST_ID
from backoffice.grid.related import Related, Use, uses_of
from backoffice.shell import show_full_moment, show_value

HISTORY_SHOWN = 20


class RecordPages(Guarded):
    """Details and delete of one record, by Flask-Admin's addresses and hooks."""

    needs: ClassVar[dict[str, Action]] = {"delete_view": Action.DELETE}
    details_template = "grid/details.html"
    delete_template = "grid/delete.html"

    noun: ClassVar[str]
    key_column: ClassVar[str]
    """The natural key, which titles the record's pages."""
    title_column: ClassVar[str] = ""
    related: ClassVar[tuple[Related, ...]] = ()

    # What the declaring view adds.
    model: Any
    endpoint: str
    render: Any
    get_url: Any
    column_details_list: Any

    def record_statement(self, row_id: int) -> Select[*tuple[Any, ...]]:
        """The record with all that its pages show of other tables, loaded eagerly."""
        return select(self.model).where(self.model.id == row_id)

    def get_one(self, id: Any) -> Any:  # noqa: A002 - Flask-Admin's name
        """The record, or None when there is none with that id."""
        row_id = as_id(str(id))
        return None if row_id is None else db.session.scalar(self.record_statement(row_id))

    def _record(self) -> Any:
        record = self.get_one(request.args.get("id", ""))
        if record is None:
            raise self._no_such_record()
        return record

    def _no_such_record(self) -> NotFound:
        return NotFound(f"There is no such {self.noun}; it may have been deleted.")

    def title_of(self, record: Any) -> str:
        return str(getattr(record, self.title_column or self.key_column))

    def key_of(self, record: Any) -> str:
        return str(getattr(record, self.key_column))

    def list_url(self) -> str:
        """The list as it was left: its search, filters, sort and page travel along."""
        url, left = self.get_url(".index_view"), request.args.get("list", "")
        return f"{url}?{left}" if left else str(url)

    def page_url(self, view: str, record: Any) -> str:
        """Another page of the record, from where the same list can be gone back to."""
        left = request.args.get("list") or None
        return str(self.get_url(view, id=record.id, list=left))

    def allows(self, view: str) -> bool:
        """Whether the current user may use this view's page; the page offers it only then."""
        return may(current_user, self.needed(view))

    def shown(self, value: Any) -> Markup:
        """A value of the details page; a related record is a link to it."""
        if isinstance(value, datetime):
            return show_full_moment(value)
        if isinstance(value, Enum):
            return Markup(render.badge(value))
        table = getattr(value, "__tablename__", None)
        if table is None:
            return show_value(value)
        url = self.get_url(f"{table}.details_view", id=value.id)
        return Markup('<a href="{}">{}</a>').format(url, value.name)

    @expose("/details/")
    def details_view(self) -> Any:
        """Facts, related rows and history of one record."""
        record = self._record()
        return self.render(
            self.details_template,
            record=record,
            title=self.title_of(record),
            facts=self.facts_of(record),
            related=[(part, part.rows(db.session(), record.id)) for part in self.related],
            entries=self._entries(record),
        )

    def facts_of(self, record: Any) -> list[tuple[str, Any]]:
        """Label and value of what the details page shows, in order."""
        labels = self.column_labels  # type: ignore[attr-defined]
        return [
            (render.label_of(name, labels), getattr(record, name))
            for name in self.column_details_list
        ]

    def _entries(self, record: Any) -> list[Any]:
        return history.entries(db.session(), record, HISTORY_SHOWN)

    @expose("/delete/", methods=("GET", "POST"))
    def delete_view(self) -> Any:
        """Names the consequences, then deletes."""
        record = self._record()
        uses = uses_of(db.session(), self.model.__mapper__, record.id)
        refusing = [use for use in uses if not use.cascades]
        if request.method == "POST" and not refusing:
            if request.form.get("version") != record.edition:
                flash("Somebody changed it in the meantime. Look again before deleting.", "warning")
            elif self.delete_model(record):
                flash(f"{self.noun.capitalize()} {self.title_of(record)} was deleted.", "success")
                return redirect(self.list_url())
            else:
                return redirect(request.full_path)
        page = self.render(
            self.delete_template,
            record=record,
            title=self.title_of(record),
            refusing=refusing,
            following=[use for use in uses if use.cascades],
        )
        return page, 409 if request.method == "POST" else 200

    def uses_url(self, use: Use, record: Any) -> str | None:
        """The list of what refers to the record, where one can be narrowed to it."""
        for part in self.related:
            if part.endpoint == use.table:
                return part.all_url(self.key_of(record))
        return None

    def delete_model(self, record: Any) -> bool:
        """Delete and commit; False when somebody referred to it, or changed it, just now."""
        try:
            db.session.delete(record)
            db.session.commit()
        except (IntegrityError, StaleDataError):
            db.session.rollback()
            flash("Somebody used or changed it just now. Look again before deleting.", "warning")
            return False
        return True


def as_id(text: str) -> int | None:
    """The id that ``text`` is, None when no row can have it."""
    is_number = text.isascii() and text.isdecimal() and len(text) < 20
    return int(text) if is_number and 0 < int(text) <= MOST_ID else None
