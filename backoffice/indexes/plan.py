"""Which indexes the models declare, and how the database's differ from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Column, Connection, Index

from backoffice.database import Base
from backoffice.indexes.declared import declared_indexes, definitions, table_of
from backoffice.indexes.found import Found, found_indexes


class State(StrEnum):
    """How an index of the models and one of the database go together."""

    PRESENT = "present"
    MISSING = "missing"
    INVALID = "invalid"  # an interrupted concurrent build left it: writers pay, nobody reads
    BUILDING = "building"  # somebody makes it at this moment
    DIFFERENT = "different"  # the name is there, over other columns or another part of the rows
    UNDECLARED = "undeclared"  # somebody made it by hand


@dataclass(frozen=True)
class Comparison:
    """One index, as declared where it is, otherwise as found."""

    name: str
    table: str
    columns: tuple[str, ...]
    condition: str
    """Which rows it holds; empty: all."""
    state: State
    declared: Index | None = None
    found: Found | None = None

    @property
    def unique(self) -> bool:
        """Whether it also forbids that two rows have the same keys."""
        if self.found:
            return self.found.unique
        return self.declared is not None and self.declared.unique


def online_indexes() -> list[Index]:
    """The declared indexes of large tables, in the order of their tables and names."""
    return [
        index
        for table in Base.metadata.sorted_tables
        for index in sorted(table.indexes, key=lambda index: str(index.name))
        if index.info.get("online")
    ]


def is_online(table: str, name: str | None) -> bool:
    """Whether the index ``name`` of ``table`` is one of those."""
    return any(index.name == name and table_of(index) == table for index in online_indexes())


def compare(connection: Connection, found: Iterable[Found] | None = None) -> list[Comparison]:
    """Every index of our tables, declared or found, by table and name.

    The indexes behind primary keys and unique constraints belong to those and are not listed.

    :param found: What ``found_indexes`` said, where somebody has asked already.
    """
    there = found_indexes(connection) if found is None else found
    others = {(index.table, index.name): index for index in there if not index.behind}
    spelled = definitions(connection)
    compared = []
    for index in declared_indexes(connection):
        here = others.pop((table_of(index), str(index.name)), None)
        compared.append(
            Comparison(
                name=str(index.name),
                table=table_of(index),
                columns=_columns(index),
                condition=_condition(index, connection),
                state=_state(index, here, connection, spelled),
                declared=index,
                found=here,
            )
        )
    for other in others.values():
        state = State.BUILDING if other.building else State.UNDECLARED
        compared.append(
            Comparison(other.name, other.table, other.keys, other.condition, state, found=other)
        )
    return sorted(compared, key=lambda index: (index.table, index.name))


def _columns(index: Index) -> tuple[str, ...]:
    searched = index.info.get("searched")
    if searched:
        return (f"trigrams of {' || '.join(searched)}",)
    return tuple(part.name if isinstance(part, Column) else str(part) for part in index.expressions)


def _condition(index: Index, connection: Connection) -> str:
    # Written once for each database, as postgresql_where and sqlite_where.
    where = index.dialect_options[connection.dialect.name]["where"]
    return "" if where is None else str(where)


def _state(
    index: Index, found: Found | None, connection: Connection, spelled: dict[str, str]
) -> State:
    if found is None:
        return State.MISSING
    if not found.valid:
        return State.BUILDING if found.building else State.INVALID
    definition = spelled.get(str(index.name))
    if definition is not None:
        same = found.definition == definition
    else:  # nobody could say how the database would spell it
        same = len(found.keys) == len(index.expressions) and (
            bool(found.condition) == bool(_condition(index, connection))
        )
    return State.PRESENT if same else State.DIFFERENT
