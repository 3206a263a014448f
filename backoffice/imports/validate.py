"""Turn cells into values that the database can store; what a row alone can tell is told here.

A parser is made once a column and is called for every cell of it, so it does little: it trims
the cell's edges, returns None for a blank one, and returns the value in the form in which
COPY or SQLite's driver takes it. Numbers and moments go as text where that is exact and cheaper.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Enum, Integer
from sqlalchemy.types import TypeEngine

from backoffice.grid.formulas import unguarded
from backoffice.imports.mapping import Cell, Layout
from backoffice.imports.read import Row
from backoffice.models.columns import Exact, UtcDateTime

Parser = Callable[[str], Any]
Values = tuple[Any, ...]
"""Line, whether something is wrong with the row, then one value a cell of the layout."""

WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)
AMOUNT = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]{1,4}))?", re.ASCII)
MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class Complaint(NamedTuple):
    """What is wrong with one cell, or with the whole row where ``header`` is empty.

    ``reason`` goes on after the cell's value: "is not a whole number", "must be at least 1".
    """

    line: int
    header: str
    reason: str


def validate(
    layout: Layout, rows: Iterator[Row], complaints: list[Complaint], dialect: str
) -> Iterator[Values]:
    """One tuple a row, wrong rows included; their wrong cells are None.

    :param complaints: Takes every complaint about a row before that row is returned.
    """
    parsers = [(cell.header, *_source(cell, layout, dialect)) for cell in layout.cells]
    plan = [(parse, index) for _, parse, index in parsers]
    for line, cells in rows:
        if len(cells) != layout.width:
            count = f"{len(cells)} cell{'s' if len(cells) != 1 else ''}"
            reason = f"has {count} where the header has {layout.width}"
            complaints.append(Complaint(line, "", f"{reason}: look for a stray delimiter"))
            yield (line, True, *[None] * len(parsers))
            continue
        try:
            yield (line, False, *[parse(cells[index]) for parse, index in plan])
        except ValueError:
            yield (line, True, *_complain(parsers, line, cells, complaints))


def _complain(
    parsers: list[tuple[str, Parser, int]], line: int, cells: list[str], found: list[Complaint]
) -> Iterator[Any]:
    """The row cell by cell, so that each wrong one is named."""
    for header, parse, index in parsers:
        try:
            yield parse(cells[index])
        except ValueError as error:
            found.append(Complaint(line, header, str(error)))
            yield None


def _source(cell: Cell, layout: Layout, dialect: str) -> tuple[Parser, int]:
    parse = parser(cell.field.type, dialect)
    if cell.values is not None:
        parse = _mapped(cell.values, parse)
    if cell.field.name in layout.key:
        parse = _key(parse, layout.kind.noun)
    if cell.index is None:
        return _constant(cell.constant or "", parse), 0
    return parse, cell.index


def _mapped(values: dict[str, str], parse: Parser) -> Parser:
    other = values.get("*")

    def mapped(cell: str) -> Any:
        cell = cell.strip()
        return parse(values.get(cell, cell if other is None or not cell else other))

    return mapped


def _key(parse: Parser, noun: str) -> Parser:
    def key(cell: str) -> Any:
        value = parse(cell)
        if value is None:
            raise ValueError(f"is blank and says which {noun} is meant: fill it in")
        return value

    return key


def _constant(constant: str, parse: Parser) -> Parser:
    return lambda _: parse(constant)


def parser(kind: TypeEngine[Any], dialect: str) -> Parser:
    """What turns a cell into a value of the column type ``kind``, or None when it is blank.

    It raises ValueError with a reason that goes on after the value.
    """
    if isinstance(kind, Exact):
        return _amount(kind, dialect)
    if isinstance(kind, UtcDateTime):
        return _moment_sqlite if dialect == "sqlite" else _moment
    if isinstance(kind, Integer):
        return _whole
    if isinstance(kind, Boolean):
        return _boolean
    if isinstance(kind, Enum):
        return _choice(kind.enums)
    return _text(getattr(kind, "length", None))


def _text(length: int | None) -> Parser:
    def text(cell: str) -> str | None:
        cell = unguarded(cell.strip())
        if "\0" in cell:
            raise ValueError("holds a NUL character: remove it")
        if length is not None and len(cell) > length:
            raise ValueError(f"has {len(cell):,} characters: shorten it to {length}")
        return cell or None

    return text


def _amount(kind: Exact, dialect: str) -> Parser:
    digits = kind.precision - 4
    shift = dialect == "sqlite"  # there an amount is an integer of ten-thousandths

    def amount(cell: str) -> str | int | None:
        cell = cell.strip()
        if not cell:
            return None
        found = AMOUNT.fullmatch(cell)
        if found is None:
            raise ValueError(
                "is not a number: write digits, a point and at most four decimals, as in 1234.50"
            )
        sign, whole, decimals = found.groups("")
        if len(whole) > digits and len(whole.lstrip("0")) > digits:
            raise ValueError(f"is too large: at most {digits} digits before the point")
        return int(sign + whole + decimals.ljust(4, "0")) if shift else cell

    return amount


def _whole(cell: str) -> int | None:
    cell = cell.strip()
    if not cell:
        return None
    if WHOLE.fullmatch(cell) is None:
        raise ValueError("is not a whole number: write digits only, as in 12")
    if len(cell) > 11 or not -(2**31) <= (number := int(cell)) < 2**31:
        raise ValueError("is too large: at most 2147483647")
    return number


def _boolean(cell: str) -> bool | None:
    cell = cell.strip()
    if not cell:
        return None
    value = BOOLEANS.get(cell.lower())
    if value is None:
        raise ValueError(f"is not yes or no: write one of {', '.join(BOOLEANS)}")
    return value


def _choice(known: list[str]) -> Parser:
    def choice(cell: str) -> str | None:
        cell = cell.strip().lower()
        if cell and cell not in known:
            raise ValueError(f"is not known here: write one of {', '.join(known)}")
        return cell or None

    return choice


def _utc(cell: str) -> datetime | None:
    cell = cell.strip()
    if not cell:
        return None
    try:
        if MOMENT.fullmatch(cell):
            moment = datetime.fromisoformat(cell)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("is not a date: write year-month-day, as in 2026-01-31 or 2026-01-31 08:00")


def _moment(cell: str) -> str | None:
    moment = _utc(cell)
    return moment.isoformat() if moment else None


def _moment_sqlite(cell: str) -> str | None:
    moment = _utc(cell)
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds") if moment else None
