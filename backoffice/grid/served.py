"""Which index serves a sort, a filter or a search: read from the models' declarations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Index, Table, UniqueConstraint
from sqlalchemy.orm import InstrumentedAttribute


def index_of(*columns: InstrumentedAttribute[Any] | Column[Any]) -> str | None:
    """The name of an index that begins with ``columns`` and holds all rows; None if none does."""
    wanted = [column.key for column in columns]
    table = columns[0].table
    for name, indexed in _ways_to_read(table):
        if indexed[: len(wanted)] == wanted:
            return name
    return None


def search_index_of(table: Table, columns: Sequence[InstrumentedAttribute[Any]]) -> str | None:
    """The name of the trigram index over ``columns``, in any order; None if there is none."""
    for index in table.indexes:
        if set(index.info.get("searched", ())) >= {column.key for column in columns}:
            return str(index.name)
    return None


def _ways_to_read(table: Any) -> Iterator[tuple[str, list[str]]]:
    """Each index of all rows, with its columns in order; an expression has no column."""
    for item in sorted(table.constraints, key=lambda item: str(item.name)):
        if isinstance(item, UniqueConstraint):
            yield str(item.name), [column.name for column in item.columns]
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        if not _is_partial(index) and "searched" not in index.info:
            yield str(index.name), [column.name for column in index.columns]


def _is_partial(index: Index) -> bool:
    return any(option.endswith("_where") for option in index.dialect_kwargs)
