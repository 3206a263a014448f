"""Cells to values: a parser for one cell, which says what is wrong, and one for a whole column.

A parser trims the cell's edges, returns None for a blank one, and returns the value in the form in
which COPY or SQLite's driver takes it. Numbers and moments go as text where that is exact and
cheaper. A column's parser looks at some hundred cells at once and raises ValueError when one is
wrong; which one, and why, is then asked of the parser for one cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Enum, Integer
from sqlalchemy.types import TypeEngine

from backoffice.grid.formulas import MARK, unguarded
from backoffice.models.columns import Exact, UtcDateTime

Parser = Callable[[str], Any]
ColumnParser = Callable[[Sequence[str]], list[Any]]

REMEMBERED = 5_000
"""Different cells of a column whose values are kept: dates and statuses repeat."""

BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
SPACES = " \u00a0\u202f"
"""What may stand for a blank between thousands."""
THOUSANDS = {"space": SPACES, "comma": ",", "point": ".", "apostrophe": "'\u2019"}
DATES = {
    "iso": ("year-month-day", "2026-01-31"),
    "dmy": ("day.month.year", "31.01.2026"),
    "mdy": ("month/day/year", "01/31/2026"),
    "ymd": ("year/month/day", "2026/01/31"),
}
"""Orders of a date's parts, as a person reads them and as an example."""

_WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:([T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(?: ?(Z|[+-]\d\d:?\d\d))?)?",
    re.ASCII,
)
_PARTS = {"d": r"(?P<d>\d{1,2})", "m": r"(?P<m>\d{1,2})", "y": r"(?P<y>\d{4})"}
_TIME = r"(?:[T ]+(?P<H>\d{1,2}):(?P<M>\d\d)(?::(?P<S>\d\d)(?:\.\d{1,6})?)?(?: ?(?P<half>[AP]M))?)?"


@dataclass(frozen=True)
class Formats:
    """How a file writes numbers and dates.

    :param decimal: What stands before the decimals: a point or a comma.
    :param thousands: Name of what may stand between thousands, see ``THOUSANDS``, or nothing.
    :param dates: Name of the order of a date's parts, see ``DATES``. ISO dates are always taken:
        they cannot be mistaken.
    :param guarded: Whether texts that look like formulas are disguised, see ``grid.formulas``.
    """

    decimal: str = "."
    thousands: str = ""
    dates: str = "iso"
    guarded: bool = True

    @property
    def grouping(self) -> str:
        """The characters that may stand between thousands."""
        return THOUSANDS.get(self.thousands, "")

    def plain(self, number: str) -> str:
        """``number``, trimmed, with a point and without thousands; what is no such is untouched."""
        if self.grouping and (found := _GROUPED[self.thousands].match(number)):
            number = re.sub(f"[{self.grouping}]", "", found[0]) + number[found.end() :]
        if self.decimal == ".":
            return number
        # A point is none here: it must not be taken for what a comma was meant to be.
        return number.replace(".", "?").replace(self.decimal, ".")


_GROUPED = {
    name: re.compile(rf"[+-]?[0-9]{{1,3}}(?:[{signs}][0-9]{{3}})+(?![0-9{signs}])", re.ASCII)
    for name, signs in THOUSANDS.items()
}
PLAIN = Formats()


def is_number(kind: TypeEngine[Any]) -> bool:
    """Whether a column of that type holds numbers, which formats are about."""
    return isinstance(kind, Exact | Integer)


def parser(kind: TypeEngine[Any], dialect: str, formats: Formats = PLAIN) -> Parser:
    """What turns a cell into a value of the column type ``kind``, or None when it is blank.

    It raises ValueError with a reason that goes on after the value.
    """
    if isinstance(kind, Exact):
        return _amount(kind, dialect, formats)
    if isinstance(kind, UtcDateTime):
        return _moment(dialect, formats.dates)
    if isinstance(kind, Integer):
        return _whole(formats)
    if isinstance(kind, Boolean):
        return _boolean
    if isinstance(kind, Enum):
        return _choice(kind.enums)
    return _text(getattr(kind, "length", None), formats)


def column_parser(kind: TypeEngine[Any], dialect: str, formats: Formats = PLAIN) -> ColumnParser:
    """What turns some hundred cells into values, each as ``parser`` would; raises ValueError."""
    one = parser(kind, dialect, formats)
    if isinstance(kind, Exact):
        return _amounts(kind, dialect, formats, one)
    if isinstance(kind, Boolean | Enum | UtcDateTime):
        return remembering(one)
    if isinstance(kind, Integer):
        return _wholes(one)
    return _texts(getattr(kind, "length", None), one)


def remembering(one: Parser, otherwise: ColumnParser | None = None) -> ColumnParser:
    """A column's parser that asks ``one`` but once for each of the first different cells.

    :param otherwise: Takes over when there are too many different ones.
    """
    known = _Known(one)

    def remembered(cells: Sequence[str]) -> list[Any]:
        if otherwise is not None and len(known) >= REMEMBERED:
            return otherwise(cells)
        return list(map(known.__getitem__, cells))

    return remembered


class _Known(dict[str, Any]):
    def __init__(self, one: Parser) -> None:
        self._one = one

    def __missing__(self, cell: str) -> Any:
        value = self._one(cell)
        if len(self) < REMEMBERED:
            self[cell] = value
        return value


def _text(length: int | None, formats: Formats) -> Parser:
    def text(cell: str) -> str | None:
        cell = unguarded(cell.strip()) if formats.guarded else cell.strip()
        if "\0" in cell:
            raise ValueError("holds a NUL character: remove it")
        if length is not None and len(cell) > length:
            raise ValueError(f"has {len(cell):,} characters: shorten it to {length}")
        return cell or None

    return text


def _texts(length: int | None, one: Parser) -> ColumnParser:
    def texts(cells: Sequence[str]) -> list[str | None]:
        trimmed = list(map(str.strip, cells))
        together = "".join(trimmed)
        fits = length is None or max(map(len, trimmed)) <= length
        if not fits or MARK in together or "\0" in together:
            return [one(cell) for cell in trimmed]
        return [cell or None for cell in trimmed]

    return texts


def _amount(kind: Exact, dialect: str, formats: Formats) -> Parser:
    digits = kind.precision - 4
    shift = dialect == "sqlite"  # there an amount is an integer of ten-thousandths
    sign_of_decimals = "a point" if formats.decimal == "." else "a comma"
    pattern = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]{1,4}))?", re.ASCII)

    def amount(cell: str) -> str | int | None:
        cell = formats.plain(cell.strip())
        if not cell:
            return None
        found = pattern.fullmatch(cell)
        if found is None:
            reason = (
                f"is not a number: write digits, {sign_of_decimals} and at most four decimals, "
                f"as in 1234{formats.decimal}50"
            )
            if formats.decimal == "." and _COMMA.fullmatch(cell):
                reason += "; or add --decimal , where a comma stands before decimals"
            raise ValueError(reason)
        sign, whole, decimals = found.groups("")
        if len(whole) > digits and len(whole.lstrip("0")) > digits:
            raise ValueError(f"is too large: at most {digits} digits before the point")
        return int(sign + whole + decimals.ljust(4, "0")) if shift else cell

    return amount


_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]{1,4}", re.ASCII)


def _amounts(kind: Exact, dialect: str, formats: Formats, one: Parser) -> ColumnParser:
    # One look at the whole column; cells that are written otherwise are parsed one by one. The
    # quantifiers give nothing back, which is five times as fast.
    whole, point = rf"-?+[0-9]{{1,{kind.precision - 4}}}+", re.escape(formats.decimal)
    usual = re.compile(rf"(?:(?:{whole}(?:{point}[0-9]{{1,4}}+)?+)?+\n)*+", re.ASCII)
    cents = re.compile(rf"(?:{whole}{point}[0-9]{{2}}\n)*+", re.ASCII)

    def amounts(cells: Sequence[str]) -> list[Any]:
        together = "\n".join(cells) + "\n"
        if together.count("\n") != len(cells) or usual.fullmatch(together) is None:
            return [one(cell) for cell in cells]
        if dialect == "sqlite" and cents.fullmatch(together):
            return [int(cell) * 100 for cell in together.replace(formats.decimal, "").split()]
        if formats.decimal != ".":
            cells = together.replace(formats.decimal, ".").split("\n")[:-1]
        if dialect != "sqlite":
            return [cell or None for cell in cells]
        # Exact: at most 13 digits, of which a binary fraction holds more than 15.
        return [round(float(cell) * 10_000) if cell else None for cell in cells]

    return amounts


def _whole(formats: Formats) -> Parser:
    def whole(cell: str) -> int | None:
        cell = formats.plain(cell.strip())
        if not cell:
            return None
        if _WHOLE.fullmatch(cell) is None:
            raise ValueError("is not a whole number: write digits only, as in 12")
        if len(cell) > 11 or not -(2**31) <= (number := int(cell)) < 2**31:
            raise ValueError("is too large: at most 2147483647")
        return number

    return whole


def _wholes(one: Parser) -> ColumnParser:
    usual = re.compile(r"(?:(?:-?+[0-9]{1,9}+)?+\n)*+", re.ASCII)

    def wholes(cells: Sequence[str]) -> list[int | None]:
        together = "\n".join(cells) + "\n"
        if together.count("\n") != len(cells) or usual.fullmatch(together) is None:
            return [one(cell) for cell in cells]
        if "" in cells:
            return [int(cell) if cell else None for cell in cells]
        return list(map(int, cells))

    return wholes


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


def _moment(dialect: str, order: str) -> Parser:
    pattern = (
        re.compile("[-./]".join(_PARTS[part] for part in order) + _TIME, re.ASCII | re.I)
        if order != "iso"
        else None
    )
    says, example = DATES[order]

    def utc(cell: str) -> datetime:
        if iso := _ISO.fullmatch(cell):
            moment = datetime.fromisoformat("".join(iso.groups("")))
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        found = pattern.fullmatch(cell) if pattern else None
        if found is None:
            raise ValueError
        return _assembled(found)

    def moment(cell: str) -> str | None:
        cell = cell.strip()
        if not cell:
            return None
        try:
            found = utc(cell)
        except (ValueError, OverflowError):
            raise ValueError(
                f"is not a date: write {says}, as in {example} or {example} 08:00"
            ) from None
        if dialect != "sqlite":
            return found.isoformat()
        return found.replace(tzinfo=None).isoformat(" ", "microseconds")

    return moment


def _assembled(found: re.Match[str]) -> datetime:
    day, month, year, hour, minute, second = (int(found[part] or 0) for part in "dmyHMS")
    if found["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if found["half"].upper() == "PM" else 0)
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
