"""The values of a statement as JSON and back, exactly: what the driver got it gets again."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

Values: TypeAlias = tuple[Any, ...] | dict[str, Any]
"""What a driver takes: by place or by name."""

WRITE: dict[type, Callable[[Any], str]] = {
    datetime: datetime.isoformat,
    date: date.isoformat,
    Decimal: str,
    bytes: lambda value: b64encode(value).decode(),
}
READ: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "Decimal": Decimal,
    "bytes": b64decode,
}


def to_json(values: Values) -> Any:
    """``values`` as a list or an object of plain JSON; what JSON has not is ``{kind: text}``.

    :raises TypeError: a value of a kind that no statement of ours has.
    """
    if isinstance(values, dict):
        return {name: _written(value) for name, value in values.items()}
    return [_written(value) for value in values]


def from_json(written: Any) -> Values:
    """What ``to_json`` was given."""
    if isinstance(written, dict):
        return {name: _read(value) for name, value in written.items()}
    return tuple(_read(value) for value in written)


def kinds_of(values: Values) -> Any:
    """The kind and length of each value and not the value: ``"text of 12"``, ``"int"``."""
    if isinstance(values, dict):
        return {name: _kind(value) for name, value in values.items()}
    return [_kind(value) for value in values]


def _written(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return {"list": [_written(item) for item in value]}
    if type(value) not in WRITE:
        raise TypeError(f"{type(value).__name__} is no value of a recorded statement")
    return {type(value).__name__: WRITE[type(value)](value)}


def _read(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, written),) = value.items()
    return [_read(item) for item in written] if kind == "list" else READ[kind](written)


def _kind(value: Any) -> str:
    if isinstance(value, str | bytes):
        return f"text of {len(value)}"
    if isinstance(value, list | tuple):
        return f"list of {len(value)}"
    return "null" if value is None else type(value).__name__
