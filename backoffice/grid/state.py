"""What the address of a list says, read once and written back into every link of the page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement
from werkzeug.datastructures import MultiDict

from backoffice.grid.cursor import CursorError, decode
from backoffice.grid.filters import MOST_VALUES, Test
from backoffice.grid.keyset import Position, Sort
from backoffice.grid.reference import LAST_CHARACTER
from backoffice.grid.search import LONGEST
from backoffice.grid.typed import value_of

PAGE_SIZES = (25, 50, 100, 200)
DEFAULT_PAGE_SIZE = 50
LONGEST_COLUMNS = 1_000
MOST_ROW = 10**9
END = "end"
FIRST = Position()


@dataclass(frozen=True)
class ListState:
    """Search, sort, page and filters of a list.

    ``complaints`` say what in the address was not understood and left out. ``row`` is the number
    of the page's first row, as the link to the page counted it: a hint that writes of others age.
    ``filters`` maps a test's argument to its values. ``columns`` are those that the address names;
    where it names none, each user sees their own.
    """

    path: str
    sort: Sort
    default_sort: Sort
    search: str = ""
    filters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    conditions: tuple[ColumnElement[bool], ...] = ()
    position: Position = FIRST
    jump: str = ""
    row: int | None = None
    page_size: int = DEFAULT_PAGE_SIZE
    usual_page_size: int = DEFAULT_PAGE_SIZE
    columns: tuple[str, ...] | None = None
    totals: bool = False
    complaints: tuple[str, ...] = ()

    def url(self, **more: str | int | None) -> str:
        """The list's address, on the page that ``after`` or ``before`` names; else on the first."""
        arguments = {**self.arguments(), **more}
        query = urlencode({n: v for n, v in arguments.items() if v is not None}, doseq=True)
        return f"{self.path}?{query}" if query else self.path

    def arguments(self) -> dict[str, Any]:
        """What the address says beside the page; an argument with several values has a list."""
        arguments: dict[str, Any] = {"search": self.search or None}
        arguments |= {name: list(values) for name, values in self.filters.items()}
        if self.sort != self.default_sort:
            arguments["sort"] = self.sort.name
            arguments["desc"] = "1" if self.sort.descending else "0"
        return arguments | self.carried

    @property
    def carried(self) -> dict[str, Any]:
        """The arguments that no form of the page has a field for."""
        carried: dict[str, Any] = {}
        if self.columns is not None:
            carried["columns"] = ",".join(self.columns)
        if self.page_size != self.usual_page_size:
            carried["page_size"] = self.page_size
        return carried

    def pairs(self, *without: str) -> Iterator[tuple[str, str]]:
        """The same as a form's hidden fields carry it."""
        for name, value in self.arguments().items():
            if value is not None and name not in without:
                for each in value if isinstance(value, list) else [value]:
                    yield name, str(each)

    @property
    def query(self) -> str:
        """The arguments in a fixed order, to keep as a view and to compare.

        The page is no part of a view, nor is its size: that is a matter of the reader's screen.
        """
        return urlencode(sorted(self.pairs("page_size")))

    @property
    def rows_meant(self) -> str:
        """Which rows the list is of, on whatever page, in whatever order and columns.

        The same text for the same search and filters: a script keeps by it what is selected.
        """
        pairs = [("search", self.search)] if self.search else []
        pairs += [(name, value) for name, values in self.filters.items() for value in values]
        return urlencode(sorted(pairs))

    def sorted_by(self, sort: Sort) -> str:
        """The first page in another order."""
        return replace(self, sort=sort).url()

    def without(self, name: str, value: str = "") -> str:
        """The first page without one value of a filter, or without the search."""
        if name == "search":
            return replace(self, search="").url()
        kept = {
            argument: tuple(v for v in values if argument != name or v != value)
            for argument, values in self.filters.items()
        }
        return replace(
            self, filters={name: values for name, values in kept.items() if values}
        ).url()

    def cleared(self) -> str:
        """The first page with neither search nor filters."""
        return replace(self, search="", filters={}).url()

    @property
    def narrowed(self) -> bool:
        return bool(self.search or self.filters)


def read_state(  # noqa: PLR0917 - the view hands over what it was declared with
    path: str,
    arguments: MultiDict[str, str],
    sorts: Mapping[str, Sort],
    default_sort: Sort,
    tests: Mapping[str, Test],
    dialect: str,
    *,
    columns: Collection[str] = (),
    usual_page_size: int = DEFAULT_PAGE_SIZE,
) -> ListState:
    """The state in ``arguments``; what makes no sense is left out and complained of.

    :param columns: The names of those that the list can show.
    """
    complaints: list[str] = []
    sort = _read_sort(arguments, sorts, default_sort, complaints)
    filters, conditions = _read_filters(arguments, tests, dialect, complaints)
    position, jump = _read_position(arguments, sort, complaints)
    return ListState(
        path=path,
        sort=sort,
        default_sort=default_sort,
        search=arguments.get("search", "").strip()[:LONGEST],
        filters=filters,
        conditions=conditions,
        position=position,
        jump=jump,
        row=_read_row(arguments),
        page_size=_read_page_size(arguments, usual_page_size, complaints),
        usual_page_size=usual_page_size,
        columns=_read_columns(arguments, columns, complaints),
        totals=arguments.get("totals") == "1",
        complaints=tuple(complaints),
    )


def _read_filters(
    arguments: MultiDict[str, str], tests: Mapping[str, Test], dialect: str, complaints: list[str]
) -> tuple[dict[str, tuple[str, ...]], tuple[ColumnElement[bool], ...]]:
    filters: dict[str, tuple[str, ...]] = {}
    conditions = []
    for name, test in tests.items():
        typed = (text.strip() for text in arguments.getlist(name))
        values = tuple(dict.fromkeys(text for text in typed if text))
        if len(values) > MOST_VALUES:
            complaints.append(f"A filter takes {MOST_VALUES} values; the others were left out.")
            values = values[:MOST_VALUES]
        try:
            if values:
                conditions.append(test.narrowed(values, dialect))
                filters[name] = values
        except ValueError as error:
            complaints.append(f"{str(error).rstrip('.')}. The filter was left out.")
    return filters, tuple(conditions)


def _read_sort(
    arguments: MultiDict[str, str], sorts: Mapping[str, Sort], default: Sort, complaints: list[str]
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


def _read_position(
    arguments: MultiDict[str, str], sort: Sort, complaints: list[str]
) -> tuple[Position, str]:
    """Where the page lies, and what was typed to jump there."""
    for name in ("after", "before"):
        cursor = arguments.get(name)
        if cursor:
            backward = name == "before"
            if backward and cursor == END:
                return Position(backward=True), ""
            try:
                return Position(decode(sort, cursor), backward), ""
            except CursorError as error:
                complaints.append(
                    f"This page's address does not fit the list ({error}). "
                    "Here is the first page instead."
                )
    jump = arguments.get("at", "").strip()[:LONGEST]
    if not jump:
        return FIRST, ""
    try:
        value = value_of(sort.columns[0].type, jump)
    except ValueError as error:
        complaints.append(f"{error} Here is the first page instead.")
        return FIRST, ""
    if isinstance(value, str) and sort.descending:
        value += LAST_CHARACTER  # so that what begins with it comes first, and not last
    return Position((value,), at=True), jump


def _read_row(arguments: MultiDict[str, str]) -> int | None:
    """A hint is not worth a complaint."""
    text = arguments.get("row", "")
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_ROW))
    return int(text) if is_number and 0 < int(text) <= MOST_ROW else None


def only_of(names: Iterable[str], offered: Collection[str]) -> tuple[str, ...]:
    """Those of ``names`` that there are, each once, in their order."""
    return tuple(dict.fromkeys(name for name in names if name in offered))


def _read_columns(
    arguments: MultiDict[str, str], offered: Collection[str], complaints: list[str]
) -> tuple[str, ...] | None:
    """``columns=sku,price``: those to show, in this order."""
    names = dict.fromkeys(arguments.get("columns", "")[:LONGEST_COLUMNS].split(","))
    known = only_of(names, offered)
    unknown = [repr(name[:40]) for name in names if name and name not in offered]
    if unknown:
        complaints.append(f"This list has no column {', '.join(unknown[:3])}: it was left out.")
    return known or None


def _read_page_size(arguments: MultiDict[str, str], usual: int, complaints: list[str]) -> int:
    text = arguments.get("page_size")
    if not text:
        return usual
    for size in PAGE_SIZES:
        if text == str(size):
            return size
    complaints.append(f"A page has {', '.join(map(str, PAGE_SIZES))} rows, not {text[:20]!r}.")
    return usual
