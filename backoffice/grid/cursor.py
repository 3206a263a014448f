"""Cursors: the position of a row as text that travels in an address, typed and tied to its sort."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import InstrumentedAttribute

from backoffice.grid.keyset import Sort
from backoffice.models.columns import Exact, UtcDateTime

MOST_ID = 2**63 - 1
LONGEST_CURSOR = 2_000


class CursorError(ValueError):
    """The cursor in the address is damaged or belongs to another sort."""


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
    if value is None and column.expression.nullable:
        return None
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
            if type(value) is not int or abs(value) > MOST_ID:
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
