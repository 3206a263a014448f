"""Turn rows into values that the database can store; what a row alone can tell is told here.

It goes by columns: one call parses the cells that some hundred rows have in one column. Only where
that fails are they parsed one by one, so that each wrong cell is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from backoffice.imports.cells import ColumnParser, Parser, column_parser, parser, remembering
from backoffice.imports.mapping import Cell, Layout
from backoffice.imports.source import Batch, Source

Values = tuple[Any, ...]
"""Line, whether something is wrong with the row, then one value a cell of the layout."""


class Complaint(NamedTuple):
    """What is wrong with one cell, or with the whole row where ``header`` is empty.

    ``reason`` goes on after the cell's value: "is not a whole number", "must be at least 1".
    """

    line: int
    header: str
    reason: str


class _Column(NamedTuple):
    """How the values of one field are made: of the cells at ``place``, or of a constant."""

    header: str
    place: int | None
    constant: str
    one: Parser
    all: ColumnParser


def validate(
    layout: Layout,
    batches: Iterable[Batch],
    complaints: list[Complaint],
    dialect: str,
    source: Source,
) -> Iterator[Values]:
    """One tuple a row, wrong rows included; their wrong cells are None.

    :param complaints: Takes every complaint about a row before that row is returned.
    """
    columns = [_column(cell, layout, dialect, source) for cell in layout.cells]
    for batch in batches:
        told = len(complaints)
        unusable = _unusable(batch, layout.width, source, complaints)
        lines, rows = batch.lines, batch.rows
        if unusable:
            blank = [""] * layout.width
            rows = [blank if n in unusable else row for n, row in enumerate(rows)]
        cells = list(zip(*rows, strict=True))
        values = [list(_values(column, cells, lines, unusable, complaints)) for column in columns]
        wrong = {complaint.line for complaint in complaints[told:]}
        bad = [line in wrong for line in lines] if wrong else repeat(False)
        yield from zip(lines, bad, *values)  # noqa: B905 - repeat() has no end


def _unusable(
    batch: Batch, width: int, source: Source, complaints: list[Complaint]
) -> frozenset[int]:
    """Complain of the rows that are not parsed at all, and return where in the batch they are."""
    unusable = set()
    for at, column, reason in batch.faults:
        inside = column is not None and column < len(source.header)
        header = source.header[column] if inside and column is not None else ""
        complaints.append(Complaint(batch.lines[at], header, reason))
        unusable.add(at)
    if set(map(len, batch.rows)) != {width}:
        for at, cells in enumerate(batch.rows):
            if len(cells) != width and at not in unusable:
                complaints.append(Complaint(batch.lines[at], "", _ragged(len(cells), width)))
                unusable.add(at)
    return frozenset(unusable)


def _ragged(count: int, width: int) -> str:
    cells = f"{count} cell{'s' if count != 1 else ''}"
    return f"has {cells} where the header has {width}: look for a stray delimiter"


def _values(
    column: _Column,
    cells: Sequence[Sequence[str]],
    lines: Sequence[int],
    unusable: frozenset[int],
    complaints: list[Complaint],
) -> Iterable[Any]:
    found = [column.constant] * len(lines) if column.place is None else cells[column.place]
    if not unusable:
        try:
            return column.all(found)
        except ValueError:
            pass
    return _one_by_one(column, found, lines, unusable, complaints)


def _one_by_one(
    column: _Column,
    cells: Sequence[str],
    lines: Sequence[int],
    unusable: frozenset[int],
    complaints: list[Complaint],
) -> Iterator[Any]:
    for at, cell in enumerate(cells):
        value = None
        if at not in unusable:
            try:
                value = column.one(cell)
            except ValueError as error:
                complaints.append(Complaint(lines[at], column.header, str(error)))
        yield value


def _column(cell: Cell, layout: Layout, dialect: str, source: Source) -> _Column:
    one = parser(cell.field.type, dialect, source.formats)
    every = column_parser(cell.field.type, dialect, source.formats)
    # A mapping's values and constants are ours: written as we do, whatever the file's formats.
    ours = parser(cell.field.type, dialect)
    if cell.index is None:
        one = ours
    if cell.values is not None:
        one = _mapped(cell.values, one, ours)
    if cell.index is None or cell.values is not None:
        every = remembering(one)
    elif cell.field.reference is not None:
        every = remembering(one, every)  # a file has many rows of one supplier
    if cell.field.name in layout.key:
        one, every = _key(one, layout.kind.noun), _keys(every)
    return _Column(cell.header, cell.index, cell.constant or "", one, every)


def _mapped(values: dict[str, str], theirs: Parser, ours: Parser) -> Parser:
    other = values.get("*")

    def mapped(cell: str) -> Any:
        cell = cell.strip()
        known = values.get(cell, other if cell else None)
        return theirs(cell) if known is None else ours(known)

    return mapped


def _key(parse: Parser, noun: str) -> Parser:
    def key(cell: str) -> Any:
        value = parse(cell)
        if value is None:
            raise ValueError(f"is blank and says which {noun} is meant: fill it in")
        return value

    return key


def _keys(parse: ColumnParser) -> ColumnParser:
    def keys(cells: Sequence[str]) -> list[Any]:
        values = parse(cells)
        if None in values:
            raise ValueError
        return values

    return keys
