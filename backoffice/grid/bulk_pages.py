"""The pages of an action on many rows: parameters, preview, and back to the list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_login import current_user
from sqlalchemy import ColumnElement
from sqlalchemy.exc import DataError, IntegrityError

from backoffice.access import Action, may
from backoffice.database import allow_long_work, db
from backoffice.grid import render
from backoffice.grid.bulk import Bulk, BulkAction, OutdatedError, Preview, Seen
from backoffice.grid.filters import Filter
from backoffice.grid.forms import ReferringForm, said
from backoffice.grid.record import as_id
from backoffice.grid.state import ListState

MOST_IDS = 10_000
CLOCKS_DIFFER = timedelta(days=1)  # by a wrong time zone
NOT_UNDERSTOOD = "This action was not understood, and nothing was changed. Choose it again."
OUTDATED = (
    "Nothing was changed: in the meantime somebody changed these rows, or the same was done "
    "already. This is how it stands now."
)
REFUSED = "Nothing was changed: a rule was broken. This is how it stands now."


@dataclass(frozen=True)
class Selection:
    """The rows that an action is about.

    :param ids: Those chosen one by one; empty where all are meant that the list shows.
    :param words: Which they are.
    """

    conditions: list[ColumnElement[bool]]
    words: str
    ids: tuple[int, ...] = ()

    @property
    def scope(self) -> str:
        return "selected" if self.ids else "all"


class BulkPages:
    """Adds actions on many rows to a list; named before ``GridView`` among a view's bases.

    The rows are chosen one by one, or stand for all that the list's address describes: then a
    change of a million rows is a request of a few hundred bytes.
    """

    needs: ClassVar[dict[str, Action]] = {"bulk_view": Action.EDIT}
    action_template = "grid/action.html"
    actions: ClassVar[tuple[BulkAction, ...]]

    # What the declaring view adds.
    model: Any
    name: str
    noun: ClassVar[str]
    key_column: ClassVar[str]
    title_column: ClassVar[str]
    column_labels: Any
    render: Any
    get_url: Any
    state_of: Any
    narrowing: Any
    filters: ClassVar[tuple[Filter, ...]]

    @expose("/action/", methods=("GET", "POST"))
    def bulk_view(self) -> Any:
        """The steps of one action; the form says which. Nothing is written but by the last."""
        action = next((a for a in self.actions if a.name == request.form.get("action")), None)
        if request.method != "POST":  # somebody reloads the page or follows its address
            return redirect(self.list_address())
        if action is None:
            abort(400, NOT_UNDERSTOOD)
        selection = self._selection()
        if isinstance(selection, str):
            flash(selection, "warning")
            return redirect(self.list_address())
        step = request.form.get("step", "")
        form = action.form(request.form if step else None) if action.form else None
        if form is not None and (step not in {"preview", "apply"} or not _is_valid(form)):
            return self._show(action, selection, form=form)
        notice = ""
        if step == "apply":
            notice = self._apply(action, selection, form)
            if not notice:
                return redirect(f"{self.list_address()}#changed")
            if form is not None and not _is_valid(form):  # what it refers to may be gone
                return self._show(action, selection, form=form)
        return self._show_preview(action, selection, form, notice)

    def list_address(self, view: str = ".index_view") -> str:
        """The list as it was left, or another view with what the list's address says."""
        left = request.query_string.decode("ascii", "replace")
        url = str(self.get_url(view))
        return f"{url}?{left}" if left else url

    def counted(self, number: int) -> str:
        """``1 product``, ``12,345 products``."""
        return f"{number:,} {self.noun if number == 1 else self.name.lower()}"

    def label_of(self, column: str) -> str:
        return render.label_of(column.removesuffix("_id"), self.column_labels)

    def _selection(self) -> Selection | str:
        """The rows meant, or why none are."""
        scope = request.form.get("scope")
        if scope == "all":
            if not may(current_user, Action.BULK):
                abort(403)
            state = self.state_of(request.args)
            if state.complaints:  # what is left out would widen the change to more rows
                return "The list's address was not understood, and nothing was changed."
            return Selection(self.narrowing(state), self._described(state))
        texts = [text for part in request.form.getlist("ids") for text in part.split(",") if text]
        chosen = [row_id for row_id in map(as_id, texts) if row_id is not None]
        if scope != "selected" or len(chosen) < len(texts):
            abort(400, NOT_UNDERSTOOD)
        ids = tuple(dict.fromkeys(chosen))
        if not ids:
            return f"Select {self.name.lower()} first, then choose what to do with them."
        if len(ids) > MOST_IDS:
            return f"Select {MOST_IDS:,} {self.name.lower()} at most, or all that match a filter."
        return Selection([self.model.id.in_(ids)], f"{self.counted(len(ids))} selected", ids)

    def _described(self, state: ListState) -> str:
        """All that the list shows, in words."""
        told = [f"search “{state.search}”"] if state.search else []
        told += [
            kind.chip(test, value)
            for kind in self.filters
            for test in kind.tests
            for value in state.filters.get(test.argument, ())
        ]
        rows = f"All {self.name.lower()}"
        return f"{rows} that match {', '.join(told)}" if told else rows

    def _bulk(self, action: BulkAction, selection: Selection, form: Any) -> Bulk:
        title = self.title_column or self.key_column
        return Bulk(self.model, self.key_column, title, selection.conditions, action.change(form))

    def _apply(self, action: BulkAction, selection: Selection, form: Any) -> str:
        """Do it and commit; or say why nothing was done."""
        seen = _seen()
        if seen is None:
            return OUTDATED
        bulk = self._bulk(action, selection, form)
        allow_long_work(db.session.connection())
        try:
            bulk.write(db.session(), seen)
            db.session.commit()
        except OutdatedError:
            db.session.rollback()
            return OUTDATED
        except (IntegrityError, DataError):
            db.session.rollback()
            return REFUSED
        flash(f"{self.counted(seen.rows)}: {bulk.change.done[:160]}.", "success")
        return ""

    def _show_preview(
        self, action: BulkAction, selection: Selection, form: Any, notice: str
    ) -> Any:
        # A POST begins by taking SQLite's write lock, which looking does not need.
        db.session.commit()
        connection = db.session.connection(execution_options={"begins_reading": True})
        allow_long_work(connection)
        bulk = self._bulk(action, selection, form)
        preview = bulk.look(db.session())
        return self._show(action, selection, form, notice, preview=preview, change=bulk.change)

    def _show(
        self,
        action: BulkAction,
        selection: Selection,
        form: ReferringForm | None = None,
        notice: str = "",
        preview: Preview | None = None,
        **context: Any,
    ) -> Any:
        page = self.render(
            self.action_template,
            action=action,
            selection=selection,
            form=form,
            notice=notice,
            preview=preview,
            said=said,
            title=action.label.removesuffix("…"),
            **context,
        )
        invalid = preview is None and form is not None and form.errors
        return page, 409 if notice else 422 if invalid else 200


def _is_valid(form: ReferringForm) -> bool:
    form.resolve(db.session())
    return bool(form.validate())


def _seen() -> Seen | None:
    """What the preview said would change, as its form carries it."""
    newest = _moment(request.form.get("newest", ""))
    names = "differing", "id_sum", "version_sum"
    rows, ids, versions = (as_id(request.form.get(name, "")) for name in names)
    if newest is None or rows is None or ids is None or versions is None:
        return None
    return Seen(rows, ids, versions, newest)


def _moment(text: str) -> datetime | None:
    """The moment that a preview's form carries; None when the browser made something else of it.

    A forged one in the future would be stamped on all the rows, and head every list for good.
    """
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment <= datetime.now(UTC) + CLOCKS_DIFFER else None
