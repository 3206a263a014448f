"""GridView: a Flask-Admin view over one table, declared by a few attributes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from flask import flash, jsonify, request
from flask_admin import expose
from flask_admin.contrib.sqla import ModelView
from flask_login import current_user
from sqlalchemy import ColumnElement, UniqueConstraint, select
from sqlalchemy.orm import InstrumentedAttribute
from werkzeug.datastructures import MultiDict

from backoffice.access import Action, may
from backoffice.database import Rows, db
from backoffice.grid import count, keyset, render, search
from backoffice.grid.edit import EditPages
from backoffice.grid.filters import Filter
from backoffice.grid.keyset import Page, Sort
from backoffice.grid.reference import Reference
from backoffice.grid.state import END, FIRST, PAGE_SIZES, ListState, read_state
from backoffice.models.columns import exact_to_text

LONGEST_LEFT = 1_000
"""Characters of a list's address that its records' addresses carry along."""


@dataclass(frozen=True)
class Listing:
    """One page of a list, ready to be shown."""

    state: ListState
    page: Page
    total: count.Count

    @property
    def row(self) -> int | None:
        """The number of the page's first row, as far as anything tells it."""
        if self.page.before is None:
            return 1
        if self.page.after is None:
            return self.total.number - len(self.page.rows) + 1 if self.total.exact else None
        row = self.state.row or 1
        after = row + len(self.page.rows)
        # Rows stand before this page and after it: a hint that says otherwise is wrong.
        is_wrong = row == 1 or (self.total.exact and after > self.total.number)
        return None if is_wrong else row

    @property
    def where(self) -> str:
        """``51–100 of 2,003``; without the row's number only how many there are."""
        size = len(self.page.rows)
        if self.row is None:
            return f"{'Last ' if self.page.after is None else ''}{size:,} of {self.total}"
        return f"{self.row:,}–{self.row + size - 1:,} of {self.total}"

    @property
    def first(self) -> str | None:
        return self.state.url() if self.page.before else None

    @property
    def previous(self) -> str | None:
        row = self.row - self.state.page_size if self.row else 0
        return self._url(row, before=self.page.before) if self.page.before else None

    @property
    def next(self) -> str | None:
        row = self.row + len(self.page.rows) if self.row else 0
        return self._url(row, after=self.page.after) if self.page.after else None

    @property
    def last(self) -> str | None:
        return self.state.url(before=END) if self.page.after else None

    def _url(self, row: int, **cursor: str) -> str:
        return self.state.url(**cursor, row=row if row > 0 else None)


class GridView(EditPages, ModelView):
    """A list and its records.

    A subclass declares ``model``, ``statement`` (what the list selects: labelled columns and
    ``id``), ``column_list``, ``column_searchable_list``, ``column_sortable_list`` (own columns,
    not nullable, each the start of an index), ``column_default_sort`` and ``filters``. Of
    Flask-Admin's own list nothing is left on: it counts the whole table, pages by offset and
    builds a form for every row.
    """

    list_template = "grid/list.html"
    statement: ClassVar[Callable[[], Rows]]
    filters: ClassVar[tuple[Filter, ...]] = ()
    reference: ClassVar[Reference | None] = None
    phone_columns: ClassVar[tuple[str, ...]] = ()
    """The columns that a row keeps on a phone, by default the first three.

    Of the others the last go first where a page is narrow: list them by what they matter.
    """

    # Flask-Admin's routes that are not offered: their names must not be routes at all.
    action_view = export = ajax_lookup = ajax_update = None

    def __init__(self, **options: Any) -> None:
        super().__init__(self.model, db, **options)
        self.sorts = {name: self._sort_by(name) for name in self.column_sortable_list}
        name, descending = self.column_default_sort
        self.default_sort = Sort(name, self.sorts[name].columns, descending)
        self.columns = render.columns_of(
            type(self).statement(),
            self.column_list,
            self.column_labels,
            self.phone_columns or self.column_list[:3],
            self.title_column,
        )
        self.filters_by_name = {kind.name: kind for kind in self.filters}

    def _sort_by(self, name: str) -> Sort:
        """The order by one column; the key breaks ties where the column is not unique."""
        column: InstrumentedAttribute[Any] = getattr(self.model, name)
        unique = any(
            isinstance(item, UniqueConstraint) and [c.name for c in item.columns] == [name]
            for item in self.model.__table__.constraints
        )
        return Sort(name, (column,) if unique else (column, self.model.id))

    @expose("/")
    def index_view(self) -> Any:
        """The list."""
        state = self.state_of(request.args)
        for complaint in state.complaints:
            flash(complaint, "warning")
        listing = self.run(state)
        page = self.render(
            self.list_template,
            listing=listing,
            state=state,
            columns=self.columns,
            table_css=render.css_of(self.columns),
            sorts=self.sorts,
            body=render.body(self.columns, listing.page.rows, self._record_address()),
            filters=self.filters,
            page_sizes=PAGE_SIZES,
        )
        return page, 400 if state.complaints else 200

    def _record_address(self) -> str:
        """What a record's address begins with; it takes this list's along, see ``list_url``."""
        left = request.query_string.decode("ascii", "replace")[:LONGEST_LEFT] or None
        return str(self.get_url(".details_view", list=left, id=""))

    def state_of(self, arguments: MultiDict[str, str]) -> ListState:
        """The list that an address's arguments describe."""
        return read_state(
            self.endpoint, arguments, self.sorts, self.default_sort, self.filters_by_name
        )

    def narrowing(self, state: ListState) -> list[ColumnElement[bool]]:
        """The conditions on ``model`` that search and filters stand for; none mean all rows."""
        return [
            *state.conditions,
            *search.matches(self.searchable(), search.terms_of(state.search)),
        ]

    def run(self, state: ListState) -> Listing:
        """Rows and count: two statements, or one when all rows fit on the first page."""
        conditions = self.narrowing(state)
        page = keyset.fetch(
            db.session(),
            type(self).statement().where(*conditions),
            state.sort,
            state.position,
            state.page_size,
        )
        if state.position == FIRST and page.after is None:
            return Listing(state, page, count.Count(len(page.rows), exact=True))
        matching = select(self.model.id).where(*conditions)
        return Listing(state, page, count.count_up_to(db.session(), matching))

    @property
    def search_hint(self) -> str:
        """What the search box says that it looks through."""
        names = [
            self.column_labels.get(n) or n.replace("_", " ") for n in self.column_searchable_list
        ]
        return ", ".join(names).capitalize() if names[0].islower() else ", ".join(names)

    @property
    def imports(self) -> bool:
        """Whether the current user may load files."""
        return may(current_user, Action.IMPORT)

    def searchable(self) -> Sequence[InstrumentedAttribute[str]]:
        return [getattr(self.model, name) for name in self.column_searchable_list]

    @expose("/lookup/")
    def lookup_view(self) -> Any:
        """Suggestions for a typeahead: ``[{"key", "label", …}]``, ten at most."""
        text = request.args.get("q", "").strip()[:100]
        if self.reference is None or not text:
            return jsonify([])
        rows = db.session.execute(self.reference.suggestions(text))
        return jsonify([{k: _plain(v) for k, v in row.items()} for row in rows.mappings()])


def _plain(value: Any) -> str:
    """A value as a form's field would show it."""
    return exact_to_text(value) if isinstance(value, Decimal) else str(value)
