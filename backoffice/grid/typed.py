"""What people type, as a value of a column's type: in forms, filters and jumps alike."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Integer
from sqlalchemy.types import TypeEngine

from backoffice.models.columns import Exact, UtcDateTime

MOST_WHOLE = 2**31 - 1
MOMENT_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


def value_of(kind: TypeEngine[Any], text: str) -> Any:
    """``text`` as a value of the type.

    :raises ValueError: it is none; the message quotes it and says what to write.
    """
    if isinstance(kind, Exact):
        return amount(text, kind.limit, f"Must be below {kind.limit:,}.")
    if isinstance(kind, UtcDateTime):
        return moment(text)
    if isinstance(kind, Integer):
        return whole(text, -MOST_WHOLE, MOST_WHOLE)
    return text


def amount(text: str, limit: Decimal, too_large: str) -> Decimal:
    """A number with at most four decimals.

    :param too_large: What to say of one that is not below ``limit``.
    """
    if "," in text:
        raise ValueError("Write decimals with a point and thousands without a comma: 1234.50.")
    try:
        number = Decimal(text) if set(text) <= set("0123456789.-") else None
    except InvalidOperation:
        number = None
    if number is None:
        raise ValueError(f"{text[:40]!r} is not an amount: write digits, such as 1234.50.")
    if abs(number) >= limit:
        raise ValueError(too_large)
    if number != round(number, 4):
        raise ValueError("At most four decimals are kept.")
    return number


def whole(text: str, least: int, most: int) -> int:
    """An integer from ``least`` to ``most``."""
    if len(text) > 20 or not text.removeprefix("-").isdecimal():
        raise ValueError(f"{text[:40]!r} is not a whole number.")
    if not least <= int(text) <= most:
        raise ValueError(f"Must be from {least:,} to {most:,}.")
    return int(text)


def moment(text: str) -> datetime:
    """A date, or a date with a time, in UTC."""
    for pattern in MOMENT_FORMATS:
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(f"{text[:40]!r} is not a date and time such as 2026-01-31 08:00.")
