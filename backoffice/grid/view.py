"""GridView: a Flask-Admin view over one table, declared by a few attributes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import flash, jsonify, request
from flask_admin import expose
from flask_admin.contrib.sqla import ModelView
from sqlalchemy import UniqueConstraint, select
from sqlalchemy.orm import InstrumentedAttribute

from backoffice.database import Rows, db
from backoffice.grid import count, keyset, render, search
from backoffice.grid.filters import Filter
from backoffice.grid.keyset import Page, Sort
from backoffice.grid.record import RecordPages
from backoffice.grid.reference import Reference
from backoffice.grid.state import END, PAGE_SIZES, ListState, read_state

LONGEST_LEFT = 1_000
"""Characters of a list's address that its records' addresses carry along."""


@dataclass(frozen=True)
class Listing:
    """One page of a list, ready to be shown."""

    state: ListState
    page: Page
    total: count.Count

    @property
    def first(self) -> str | None:
        return self.state.url() if self.page.before else None

    @property
    def previous(self) -> str | None:
        return self.state.url(before=self.page.before) if self.page.before else None

    @property
    def next(self) -> str | None:
        return self.state.url(after=self.page.after) if self.page.after else None

    @property
    def last(self) -> str | None:
        return self.state.url(before=END) if self.page.after else None


class GridView(RecordPages, ModelView):
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
    """The columns that a row keeps on a phone; by default the first three."""

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
        state = read_state(
            self.endpoint, request.args, self.sorts, self.default_sort, self.filters_by_name
        )
        for complaint in state.complaints:
            flash(complaint, "warning")
        listing = self.run(state)
        page = self.render(
            self.list_template,
            listing=listing,
            state=state,
            columns=self.columns,
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

    def run(self, state: ListState) -> Listing:
        """Rows and count: two statements, or one when all rows fit on the first page."""
        conditions = [
            *state.conditions,
            *search.matches(self.searchable(), search.terms_of(state.search)),
        ]
        page = keyset.fetch(
            db.session(),
            type(self).statement().where(*conditions),
            state.sort,
            state.position,
            state.page_size,
        )
        if state.position == keyset.Position() and page.after is None:
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

    def searchable(self) -> Sequence[InstrumentedAttribute[str]]:
        return [getattr(self.model, name) for name in self.column_searchable_list]

    @expose("/lookup/")
    def lookup_view(self) -> Any:
        """Suggestions for a typeahead: ``[{"key", "label", …}]``, ten at most."""
        text = request.args.get("q", "").strip()[:100]
        if self.reference is None or not text:
            return jsonify([])
        rows = db.session.execute(self.reference.suggestions(text))
        return jsonify([{k: str(v) for k, v in row.items()} for row in rows.mappings()])
