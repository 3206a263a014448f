"""A page after a position, at constant cost at any depth."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    false,
    literal,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

PART = "_part"
"""Column of a page: 0 for rows that have a value to sort by, 1 for the empty ones behind them."""


@dataclass(frozen=True)
class Sort:
    """A total order that one index serves: ``columns`` together are unique.

    The first may be nullable: rows without a value stand last in either direction, as people
    expect, whatever the database would do. The rest are not.

    :param name: What the address calls it.
    """

    name: str
    columns: tuple[InstrumentedAttribute[Any], ...]
    descending: bool = False

    def __post_init__(self) -> None:
        nullable = [column.key for column in self.columns[1:] if column.expression.nullable]
        if nullable or (self.has_empty and len(self.columns) == 1):
            raise TypeError(f"{self.name}: what breaks ties must be there and must not be empty")

    @property
    def has_empty(self) -> bool:
        """Whether rows may have no value to sort by."""
        return bool(self.columns[0].expression.nullable)

    def turned(self, descending: bool) -> Sort:
        """The same columns in the given direction."""
        return replace(self, descending=descending)

    def keys(self) -> list[ColumnElement[Any]]:
        """The columns under the names that a page has them by."""
        return [column.label(f"_key_{i}") for i, column in enumerate(self.columns)]

    def in_direction(self, columns: Collection[Any], *, backward: bool = False) -> list[Any]:
        """``columns`` in the order of the list, or against it."""
        descending = self.descending != backward
        return [column.desc() if descending else column.asc() for column in columns]


@dataclass(frozen=True)
class Position:
    """Where a page lies: right after or right before a row, or at either end of the list.

    ``values`` are the row's values of the sort's columns; None means the end itself. With
    ``at`` the page begins with the first row that has the one value or a later one.
    """

    values: tuple[Any, ...] | None = None
    backward: bool = False
    at: bool = False

    @property
    def shape(self) -> Position:
        """The same for all positions whose pages one statement reads, given their parameters."""
        if self.values is None:
            return self
        return replace(self, values=tuple(None if v is None else 0 for v in self.values))

    @property
    def parameters(self) -> dict[str, Any]:
        """Name -> value of the parameters that a statement has for it."""
        values = enumerate(self.values or ())
        return {f"edge_{i}": value for i, value in values if value is not None}


@dataclass(frozen=True)
class Page:
    """Some rows in the order of the sort, and the positions of the pages around them."""

    rows: Sequence[Any]
    before: tuple[Any, ...] | None
    after: tuple[Any, ...] | None


def walk(
    model: type[Any],
    sort: Sort,
    position: Position,
    *,
    conditions: Sequence[ColumnElement[bool]] = (),
    limit: int | ColumnElement[int],
    carried: Iterable[ColumnElement[Any]] = (),
) -> Select[*tuple[Any, ...]]:
    """Ids and keys of ``limit`` rows from ``position`` on, read along the sort's index.

    The database reads ``limit`` rows at any depth where ``conditions`` hold for all of them.
    Rows with and without a value to sort by are two ranges of the index: two halves, each read
    in order and no further than needed, because no one comparison can span them.

    :param carried: More columns of ``model`` for the caller to look at.
    """
    halves = [
        select(model.id, literal(part).label(PART), *sort.keys(), *carried)
        .where(*conditions, *edge)
        # By all columns also where the first is empty: PostgreSQL does not see that it may be left
        # out, and would sort.
        .order_by(*sort.in_direction(sort.columns, backward=position.backward))
        .limit(limit)
        for part, edge in _ranges(sort, position)
    ]
    if len(halves) == 1:
        return halves[0]
    both = union_all(*(select(half.subquery()) for half in halves)).subquery()
    return select(both).order_by(*page_order(sort, both, backward=position.backward)).limit(limit)


def _ranges(sort: Sort, position: Position) -> Iterator[tuple[int, list[ColumnElement[bool]]]]:
    """The parts of the list that lie on the way from ``position``, with their conditions."""
    column = sort.columns[0]
    at_part = None if position.values is None else int(position.values[0] is None)
    for part in (1, 0) if position.backward else (0, 1):
        if part and not sort.has_empty:
            continue
        beyond = at_part is not None and (at_part < part if position.backward else at_part > part)
        if beyond:
            continue
        conditions: list[ColumnElement[bool]] = []
        if sort.has_empty:
            conditions.append(column.is_(None) if part else column.is_not(None))
        if at_part == part:
            conditions.append(_edge(sort, position, part))
        yield part, conditions


def _edge(sort: Sort, position: Position, part: int) -> ColumnElement[bool]:
    """:source: PostgreSQL manual, "Row and Array Comparisons": rows compare left to right."""
    assert position.values is not None  # noqa: S101 - only then is there an edge
    columns = sort.columns[part : len(position.values)]
    values = [
        bindparam(f"edge_{i}", value, column.type)
        for i, (column, value) in enumerate(zip(columns, position.values[part:], strict=True), part)
    ]
    down = sort.descending != position.backward
    beyond: ColumnElement[bool]
    if position.at:
        beyond = columns[0] <= values[0] if down else columns[0] >= values[0]
    else:
        row, edge = tuple_(*columns), tuple_(*values)
        beyond = row < edge if down else row > edge
    return beyond


def from_position(sort: Sort, position: Position) -> ColumnElement[bool]:
    """The same range as one condition, for rows that are few and need no index."""
    return or_(false(), *(and_(true(), *edge) for _, edge in _ranges(sort, position)))


def part_of(sort: Sort) -> ColumnElement[int]:
    """Which part of the list a row is in."""
    if not sort.has_empty:
        return literal(0).label(PART)
    return case((sort.columns[0].is_(None), 1), else_=0).label(PART)


def list_order(sort: Sort, *, backward: bool = False) -> list[Any]:
    """The order of the list over the rows of its table, which no index has where some are empty."""
    return _ordered(sort, part_of(sort), sort.columns, backward)


def page_order(sort: Sort, page: FromClause, *, backward: bool = False) -> list[Any]:
    """The order of the list over the rows of a page."""
    keys = [page.c[f"_key_{i}"] for i in range(len(sort.columns))]
    return _ordered(sort, page.c[PART], keys, backward)


def _ordered(
    sort: Sort, part: ColumnElement[int], keys: Collection[Any], backward: bool
) -> list[Any]:
    ordered = sort.in_direction(keys, backward=backward)
    if not sort.has_empty:
        return ordered
    return [part.desc() if backward else part.asc(), *ordered]


def cut(rows: Sequence[Any], sort: Sort, position: Position, size: int) -> Page:
    """The page of ``rows``, which are in the list's order and one more than fit if there are more.

    Their last columns are the keys.
    """
    more = len(rows) > size
    if more:
        rows = rows[1:] if position.backward else rows[:-1]
    given = position.values is not None
    has_before, has_after = (more, given) if position.backward else (given, more)
    count = len(sort.columns)
    return Page(
        rows=rows,
        before=tuple(rows[0][-count:]) if rows and has_before else None,
        after=tuple(rows[-1][-count:]) if rows and has_after else None,
    )
