"""A page after a position: constant cost at any depth, and cursors that travel in the address."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from backoffice.database import Rows
from backoffice.models.columns import Exact, UtcDateTime

MOST_INTEGER = 2**63 - 1
LONGEST_CURSOR = 2_000


class CursorError(ValueError):
    """The cursor in the address is damaged or belongs to another sort."""


@dataclass(frozen=True)
class Sort:
    """A total order that one index serves: ``columns`` together unique, none of them nullable.

    :param name: What the address calls it.
    """

    name: str
    columns: tuple[InstrumentedAttribute[Any], ...]
    descending: bool = False

    def __post_init__(self) -> None:
        nullable = [column.key for column in self.columns if column.expression.nullable]
        if nullable:
            raise TypeError(f"cannot page by {nullable}: NULL has no place in the order")

    def turned(self, descending: bool) -> Sort:
        """The same columns in the given direction."""
        return replace(self, descending=descending)


@dataclass(frozen=True)
class Position:
    """Where a page lies: right after or right before a row, or at either end of the list.

    ``values`` are the row's values of the sort's columns; None means the end itself.
    """

    values: tuple[Any, ...] | None = None
    backward: bool = False


@dataclass(frozen=True)
class Page:
    """Some rows in the order of the sort, and the cursors of the pages around them."""

    rows: Sequence[Any]
    before: str | None
    after: str | None


def fetch(session: Session, statement: Rows, sort: Sort, position: Position, size: int) -> Page:
    """Run ``statement`` for ``size`` rows after or before ``position``.

    The database reads ``size + 1`` rows at any depth, given an index on the sort's columns.

    :source: PostgreSQL manual, "Row and Array Comparisons": rows compare left to right.
    """
    descending = sort.descending != position.backward
    if position.values is not None:
        row = tuple_(*sort.columns)
        edge = tuple_(
            *(
                literal(value, column.type)
                for value, column in zip(position.values, sort.columns, strict=True)
            )
        )
        statement = statement.where(row < edge if descending else row > edge)
    keys = [column.label(f"_key_{i}") for i, column in enumerate(sort.columns)]
    ordered = statement.add_columns(*keys).order_by(
        *(column.desc() if descending else column.asc() for column in sort.columns)
    )
    rows = session.execute(ordered.limit(size + 1)).all()
    more = len(rows) > size
    rows = rows[:size]
    if position.backward:
        rows = rows[::-1]
        has_before, has_after = more, position.values is not None
    else:
        has_before, has_after = position.values is not None, more
    return Page(
        rows=rows,
        before=_cursor_of(rows[0], sort) if rows and has_before else None,
        after=_cursor_of(rows[-1], sort) if rows and has_after else None,
    )


def _cursor_of(row: Any, sort: Sort) -> str:
    return encode(sort, tuple(row[-len(sort.columns) :]))


def encode(sort: Sort, values: tuple[Any, ...]) -> str:
    """The position of one row as text for an address; tied to the sort it was made for."""
    content = [sort.name, int(sort.descending), *(_to_json(value) for value in values)]
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode(sort: Sort, cursor: str) -> tuple[Any, ...]:
    """The values in ``cursor``, typed like the sort's columns.

    :raises CursorError: it is damaged, or was made for another sort.
    """
    if len(cursor) > LONGEST_CURSOR:
        raise CursorError("too long")
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        content = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise CursorError("not readable") from error
    if not isinstance(content, list) or content[:2] != [sort.name, int(sort.descending)]:
        raise CursorError("made for another sort")
    if len(content) != 2 + len(sort.columns):
        raise CursorError("not readable")
    return tuple(
        _from_json(value, column) for value, column in zip(content[2:], sort.columns, strict=True)
    )


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | str) else value


def _from_json(value: Any, column: InstrumentedAttribute[Any]) -> Any:
    """``value`` in the type of ``column``, refused where the database would refuse it."""
    try:
        match column.type:
            case Exact():
                number = Decimal(_text(value))
                if not number.is_finite() or abs(number) >= column.type.limit:
                    raise CursorError("out of range")
                return number.quantize(Decimal("0.0001"))
            case UtcDateTime():
                moment = datetime.fromisoformat(_text(value))
                if moment.tzinfo is None:
                    raise CursorError("no time zone")
                return moment.astimezone(UTC)
        if column.type.python_type is int:
            if type(value) is not int or abs(value) > MOST_INTEGER:
                raise CursorError("not a number in range")
            return value
        return _text(value)
    except (ArithmeticError, ValueError) as error:  # also a number or moment out of all bounds
        raise CursorError("not readable") from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise CursorError("not a text")
    value.encode()  # a lone surrogate fits no database
    return value
