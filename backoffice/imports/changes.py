"""What an import did to a row, as ``history_rows.changes`` keeps it: column -> [before, after].

The values stand there as the database stores them, so that SQL alone writes and restores them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import Column, ColumnElement, case, cast, func, literal, literal_column, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

Pairs = Mapping[str, tuple[ColumnElement[Any], ColumnElement[Any]]]
"""Column -> its value before, and after."""


def as_json(dialect: str, pairs: Pairs) -> ColumnElement[Any]:
    """``pairs`` as JSON, without those whose values are the same."""
    differing = {name: (a, b, a.is_distinct_from(b)) for name, (a, b) in pairs.items()}
    if dialect == "postgresql":
        arguments: list[Any] = []
        for name, (before, after, differs) in differing.items():
            pair = func.jsonb_build_array(before, after)
            arguments += [_quoted(name), case((differs, pair))]
        return func.jsonb_strip_nulls(func.jsonb_build_object(*arguments, type_=JSONB))
    # Put together as text: json_patch, which drops nulls as well, parses it twice.
    members = [
        case((differs, literal(f',"{name}":').concat(func.json_array(before, after))), else_="")
        for name, (before, after, differs) in differing.items()
    ]
    return literal("{").concat(func.substr(reduce(add, members), 2)).concat("}")


def names(dialect: str, changes: ColumnElement[Any], column: str) -> ColumnElement[bool]:
    """Whether ``changes`` tells of ``column``."""
    if dialect == "postgresql":
        return type_coerce(changes, JSONB).op("?", is_comparison=True)(column)
    return func.json_type(changes, f"$.{column}").is_not(None)


def before(dialect: str, changes: ColumnElement[Any], column: Column[Any]) -> ColumnElement[Any]:
    """The value of ``column`` before, where ``changes`` tells of it."""
    if dialect == "postgresql":
        return cast(type_coerce(changes, JSONB)[column.name][0].astext, column.type)
    # As it is stored: the type's own way of reading would convert it a second time.
    return func.json_extract(changes, f"$.{column.name}[0]")


def _quoted(name: str) -> ColumnElement[str]:
    return literal_column(f"'{name}'")
