"""What the address of a list says, read once and written back into every link of the page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from flask import url_for
from sqlalchemy import ColumnElement
from werkzeug.datastructures import MultiDict

from backoffice.grid.filters import Filter
from backoffice.grid.keyset import CursorError, Position, Sort, decode

PAGE_SIZES = (25, 50, 100, 200)
DEFAULT_PAGE_SIZE = 50
MOST_ROW = 10**9
END = "end"
FIRST = Position()


@dataclass(frozen=True)
class ListState:
    """Search, sort, page and filters of a list.

    ``complaints`` say what in the address was not understood and left out. ``row`` is the number
    of the page's first row, as the link to the page counted it: a hint that writes of others age.
    """

    endpoint: str
    sort: Sort
    default_sort: Sort
    search: str = ""
    filters: dict[str, str] = field(default_factory=dict)
    conditions: tuple[ColumnElement[bool], ...] = ()
    position: Position = FIRST
    row: int | None = None
    page_size: int = DEFAULT_PAGE_SIZE
    complaints: tuple[str, ...] = ()

    def url(self, **cursor: str | int | None) -> str:
        """The list's address, on the page that ``after`` or ``before`` names; else on the first."""
        return url_for(f"{self.endpoint}.index_view", **{**self.arguments(), **cursor})

    def arguments(self) -> dict[str, Any]:
        """What the address says beside the page."""
        arguments: dict[str, Any] = {"search": self.search or None, **self.filters}
        if self.sort != self.default_sort:
            arguments["sort"] = self.sort.name
            arguments["desc"] = "1" if self.sort.descending else "0"
        if self.page_size != DEFAULT_PAGE_SIZE:
            arguments["page_size"] = self.page_size
        return arguments

    def sorted_by(self, sort: Sort) -> str:
        """The first page in another order."""
        return replace(self, sort=sort).url()

    def without(self, name: str) -> str:
        """The first page without one filter, or without the search."""
        if name == "search":
            return replace(self, search="").url()
        kept = {key: text for key, text in self.filters.items() if key != name}
        return replace(self, filters=kept).url()

    def cleared(self) -> str:
        """The first page with neither search nor filters."""
        return replace(self, search="", filters={}).url()

    @property
    def narrowed(self) -> bool:
        return bool(self.search or self.filters)


def read_state(
    endpoint: str,
    arguments: MultiDict[str, str],
    sorts: dict[str, Sort],
    default_sort: Sort,
    filters: dict[str, Filter],
) -> ListState:
    """The state in ``arguments``; what makes no sense is left out and complained of."""
    complaints: list[str] = []
    sort = _read_sort(arguments, sorts, default_sort, complaints)
    texts: dict[str, str] = {}
    conditions: list[ColumnElement[bool]] = []
    for name, kind in filters.items():
        text = arguments.get(name, "").strip()
        if not text:
            continue
        try:
            conditions.append(kind.condition(text))
            texts[name] = text
        except ValueError as error:
            complaints.append(f"{error}. The filter was left out.")
    return ListState(
        endpoint=endpoint,
        sort=sort,
        default_sort=default_sort,
        search=arguments.get("search", "").strip()[:200],
        filters=texts,
        conditions=tuple(conditions),
        position=_read_position(arguments, sort, complaints),
        row=_read_row(arguments),
        page_size=_read_page_size(arguments, complaints),
        complaints=tuple(complaints),
    )


def _read_sort(
    arguments: MultiDict[str, str], sorts: dict[str, Sort], default: Sort, complaints: list[str]
) -> Sort:
    """``sort=price&desc=1`` as in links, or ``sort=-price`` as a select sends it."""
    text = arguments.get("sort")
    if not text:
        return default
    name = text.removeprefix("-")
    if name not in sorts:
        complaints.append(f"This list cannot be sorted by {text[:40]!r}.")
        return default
    return sorts[name].turned(text.startswith("-") or arguments.get("desc") == "1")


def _read_position(arguments: MultiDict[str, str], sort: Sort, complaints: list[str]) -> Position:
    for name in ("after", "before"):
        cursor = arguments.get(name)
        if cursor:
            backward = name == "before"
            if backward and cursor == END:
                return Position(backward=True)
            try:
                return Position(decode(sort, cursor), backward)
            except CursorError as error:
                complaints.append(
                    f"This page's address does not fit the list ({error}). "
                    "Here is the first page instead."
                )
    return FIRST


def _read_row(arguments: MultiDict[str, str]) -> int | None:
    """A hint is not worth a complaint."""
    text = arguments.get("row", "")
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_ROW))
    return int(text) if is_number and 0 < int(text) <= MOST_ROW else None


def _read_page_size(arguments: MultiDict[str, str], complaints: list[str]) -> int:
    text = arguments.get("page_size")
    if not text:
        return DEFAULT_PAGE_SIZE
    for size in PAGE_SIZES:
        if text == str(size):
            return size
    complaints.append(f"A page has {', '.join(map(str, PAGE_SIZES))} rows, not {text[:20]!r}.")
    return DEFAULT_PAGE_SIZE
