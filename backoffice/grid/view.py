"""GridView: a Flask-Admin view over one table, declared by a few attributes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from flask import flash, jsonify, request, url_for
from flask_admin import expose
from flask_admin.contrib.sqla import ModelView
from flask_login import current_user
from sqlalchemy import ColumnElement, UniqueConstraint
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import InstrumentedAttribute
from werkzeug.datastructures import MultiDict

from backoffice import querylog
from backoffice.access import Action, may
from backoffice.database import Rows, db, is_busy, reading
from backoffice.grid import render
from backoffice.grid.bulk import BulkAction
from backoffice.grid.cells import CellPages
from backoffice.grid.count import Count, count_only
from backoffice.grid.export import ExportPages
from backoffice.grid.filters import Filter
from backoffice.grid.keyset import Position, Sort
from backoffice.grid.listing import Listing
from backoffice.grid.page import Wanted, fetch
from backoffice.grid.reference import Reference
from backoffice.grid.saved import LONGEST_NAME, SavedViewPages
from backoffice.grid.search import Search
from backoffice.grid.state import FIRST, PAGE_SIZES, ListState, read_state
from backoffice.models.columns import UtcDateTime, exact_to_text

LONGEST_LEFT = 1_000
"""Characters of a list's address that its records' addresses carry along."""

TOTALS_SECONDS = 3.0
"""How long counting and adding up everything that matches may take."""


class GridView(ExportPages, CellPages, SavedViewPages, ModelView):
    """A list and its records.

    A subclass declares ``model``, ``statement`` (what the list can show: labelled columns and
    ``id``), ``column_list`` and, for those who choose them, ``column_optional_list``,
    ``column_searchable_list`` (the columns of the table's search index),
    ``column_sortable_list`` (own columns, each the start of an index), ``column_default_sort``
    and ``filters``; ``import_kinds`` are the files that hold its rows. Of Flask-Admin's own list
    nothing is left on: it counts the whole table, pages by offset and builds a form for every row.
    """

    list_template = "grid/list.html"
    statement: ClassVar[Callable[[], Rows]]
    filters: ClassVar[tuple[Filter, ...]] = ()
    totals: ClassVar[Callable[..., Rows]] = staticmethod(count_only)
    """Model and conditions -> one row: ``_count``, and sums labelled like columns of the list."""
    reference: ClassVar[Reference | None] = None
    actions: ClassVar[tuple[BulkAction, ...]] = ()
    import_kinds: ClassVar[tuple[str, ...]] = ()
    """What can be done to many rows at once; needs ``BulkPages`` among the bases."""

    # Flask-Admin's routes that are not offered: their names must not be routes at all.
    action_view = export = ajax_lookup = ajax_update = None

    def __init__(self, **options: Any) -> None:
        super().__init__(self.model, db, **options)
        self.sorts = {name: self._sort_by(name) for name in self.column_sortable_list}
        name, descending = self.column_default_sort
        self.default_sort = Sort(name, self.sorts[name].columns, descending)
        self.columns = self.columns_for(tuple(self.column_list))
        self.tests = {test.argument: test for kind in self.filters for test in kind.tests}
        self.search = Search(
            self.model,
            tuple(getattr(self.model, name) for name in self.column_searchable_list),
            {
                kind.name: (kind.column, kind.reference)
                for kind in self.filters
                if kind.reference is not None
            },
        )

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
        if state.jump and listing.state is not state:
            flash(f"Nothing begins with “{state.jump}” or comes after it. Here is the end.", "info")
        if state.totals:
            listing = self._with_totals(listing)
        querylog.shown(len(listing.page.rows))
        columns = self.columns_for(self.shown_columns(state))
        marks = self.search.marks(self.search.terms(state.search))
        actions = self.actions if self.allows("bulk_view") else ()
        body = render.body(
            columns,
            listing.page.rows,
            self._record_address(),
            marks=marks,
            selected_by=self.key_column if actions else None,
            editable=self.editable if self.allows("cell_view") else (),
        )
        page = self.render(
            self.list_template,
            listing=listing,
            state=state,
            columns=columns,
            table_css=f"{render.css_of(columns)} {self.settings().density}",
            sorts=self.sorts,
            sort_label=render.label_of(state.sort.name, self.column_labels),
            sort_is_moment=isinstance(state.sort.columns[0].type, UtcDateTime),
            sortable=[c for c in self.columns_for(self.offered) if c.name in self.sorts],
            tabs=self.tabs(state),
            longest_name=LONGEST_NAME,
            body=body,
            actions=actions,
            filters=self.filters,
            page_sizes=PAGE_SIZES,
        )
        return page, 400 if state.complaints else 200

    def _record_address(self) -> str:
        """What a record's address begins with; it takes this list's along, see ``list_url``."""
        return str(self.get_url(".details_view", list=self.list_query, id=""))

    @property
    def list_query(self) -> str | None:
        """What this list's address says, for pages from which it is gone back to."""
        return request.query_string.decode("ascii", "replace")[:LONGEST_LEFT] or None

    def state_of(self, arguments: MultiDict[str, str]) -> ListState:
        """The list that an address's arguments describe."""
        state = read_state(
            url_for(f"{self.endpoint}.index_view"),
            arguments,
            self.sorts,
            self.default_sort,
            self.tests,
            _dialect(),
            columns=self.offered,
            usual_page_size=self.settings().page_size,
        )
        looked_for, says = self.search.fitting(db.session(), state.search)
        return replace(state, search=looked_for, complaints=(*state.complaints, *says))

    def wanted(self, state: ListState) -> Wanted:
        """The rows that a page of the list shows."""
        return Wanted(
            model=self.model,
            sort=state.sort,
            position=state.position,
            size=state.page_size,
            filters=state.conditions,
            search=self.search,
            terms=self.search.terms(state.search),
        )

    def narrowing(self, state: ListState) -> list[ColumnElement[bool]]:
        """The conditions on ``model`` that search and filters stand for; none mean all rows."""
        return self.wanted(state).conditions(_dialect())

    def run(self, state: ListState) -> Listing:
        """The page with its count, by one statement.

        Where nothing lies beyond the position, the page at that end of the list is shown.
        """
        found, total = fetch(db.session(), self.rows_statement(state), self.wanted(state))
        if not found.rows and total.number and state.position != FIRST:
            end = FIRST if state.position.backward else Position(backward=True)
            state = replace(state, position=end, row=None)
            found, total = fetch(db.session(), self.rows_statement(state), self.wanted(state))
        return Listing(state, found, total)

    def _with_totals(self, listing: Listing) -> Listing:
        """The listing with the exact count and the sums of all that match, if they come in time."""
        statement = type(self).totals(self.model, *self.narrowing(listing.state))
        # The page's connection goes back, for the totals to take: where all wait for a second one
        # while they hold the first, none gets it.
        db.session.commit()
        try:
            with reading(TOTALS_SECONDS) as connection:
                totals = dict(connection.execute(statement).mappings().one())
        except OperationalError as error:
            if not is_busy(error):
                raise
            flash(
                f"Counting them all was stopped after {TOTALS_SECONDS:.0f} seconds. "
                "Narrow the list by search or filters and count again.",
                "warning",
            )
            return listing
        return replace(listing, total=Count(totals.pop("_count"), exact=True), totals=totals)

    @property
    def has_sums(self) -> bool:
        """Whether there is more to tell of all that match than their number."""
        return type(self).totals is not count_only

    @property
    def search_hint(self) -> str:
        """What the search box says that it looks through."""
        names = [
            self.column_labels.get(n) or n.replace("_", " ") for n in self.column_searchable_list
        ]
        return ", ".join(names).capitalize() if names[0].islower() else ", ".join(names)

    @property
    def selects_all(self) -> bool:
        """Whether the current user may act on all that a list shows, page by page or not."""
        return may(current_user, Action.BULK)

    @property
    def imports(self) -> bool:
        """Whether the current user may load files of such rows."""
        return bool(self.import_kinds) and may(current_user, Action.IMPORT)

    @expose("/lookup/")
    def lookup_view(self) -> Any:
        """Suggestions for a typeahead: ``[{"key", "label", …}]``, ten at most."""
        text = request.args.get("q", "").strip()[:100]
        if self.reference is None or not text:
            return jsonify([])
        rows = db.session.execute(self.reference.suggestions(text))
        return jsonify([{k: _plain(v) for k, v in row.items()} for row in rows.mappings()])


def _dialect() -> str:
    return db.session.get_bind().dialect.name


def _plain(value: Any) -> str:
    """A value as a form's field would show it."""
    return exact_to_text(value) if isinstance(value, Decimal) else str(value)
