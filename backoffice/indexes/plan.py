"""Which indexes the models declare, and how the database's differ from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Connection, Index, Table, inspect, text
from sqlalchemy.schema import CreateIndex

from backoffice.database import Base


class State(StrEnum):
    """How an index of the models and one of the database go together."""

    PRESENT = "present"
    MISSING = "missing"
    INVALID = "invalid"  # an interrupted concurrent build left it: writers pay, nobody reads
    DIFFERENT = "different"  # the name is there, over other columns or another part of the rows
    UNDECLARED = "undeclared"  # somebody made it by hand


@dataclass(frozen=True)
class Comparison:
    """One index, as declared where it is, otherwise as found."""

    name: str
    table: str
    columns: tuple[str, ...]
    partial: bool
    state: State
    declared: Index | None = None


@dataclass(frozen=True)
class Found:
    """One index of the database; ``columns`` has an empty name where it is over an expression."""

    name: str
    table: str
    columns: tuple[str, ...]
    partial: bool
    valid: bool = True


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
    return any(index.name == name and _table(index) == table for index in online_indexes())


def _table(index: Index) -> str:
    assert index.table is not None  # noqa: S101 - the models' indexes belong to a table
    return index.table.name


def compare(connection: Connection) -> list[Comparison]:
    """Every index of our tables, declared or found, by table and name.

    The indexes behind primary keys and unique constraints belong to those and are not listed.
    """
    found = {(index.table, index.name): index for index in _found(connection)}
    compared = []
    for index in _declared(connection):
        here = found.pop((_table(index), str(index.name)), None)
        compared.append(
            Comparison(
                name=str(index.name),
                table=_table(index),
                columns=_columns(index),
                partial=_is_partial(index, connection),
                state=_state(index, here, connection),
                declared=index,
            )
        )
    compared += [
        Comparison(index.name, index.table, index.columns, index.partial, State.UNDECLARED)
        for index in found.values()
    ]
    return sorted(compared, key=lambda index: (index.table, index.name))


def _declared(connection: Connection) -> Iterator[Index]:
    """The models' indexes, without those that are declared for the other database only."""
    for table in Base.metadata.sorted_tables:
        for index in table.indexes:
            only = index._ddl_if  # noqa: SLF001 - what Index.ddl_if() sets; there is no getter
            if only is None or only._should_execute(CreateIndex(index), index, connection):  # noqa: SLF001
                yield index


def _columns(index: Index) -> tuple[str, ...]:
    return tuple(part.name if isinstance(part, Column) else str(part) for part in index.expressions)


def _is_partial(index: Index, connection: Connection) -> bool:
    # Written once for each database, as postgresql_where and sqlite_where.
    return index.dialect_options[connection.dialect.name]["where"] is not None


def _state(index: Index, found: Found | None, connection: Connection) -> State:
    if found is None:
        return State.MISSING
    if not found.valid:
        return State.INVALID
    # Each database spells expressions and conditions in its own way: not compared.
    plain = tuple(part.name if isinstance(part, Column) else "" for part in index.expressions)
    same = found.columns == plain and found.partial == _is_partial(index, connection)
    return State.PRESENT if same else State.DIFFERENT


def _found(connection: Connection) -> Iterator[Found]:
    tables = set(inspect(connection).get_table_names()) & set(Base.metadata.tables)
    read = _found_on_sqlite if connection.dialect.name == "sqlite" else _found_on_postgresql
    for table in sorted(tables):
        yield from read(connection, Base.metadata.tables[table])


def _found_on_sqlite(connection: Connection, table: Table) -> Iterator[Found]:
    rows = connection.execute(
        text("SELECT name, origin, partial FROM pragma_index_list(:table)"), {"table": table.name}
    ).all()
    for name, origin, partial in rows:
        if origin == "c":  # made by CREATE INDEX
            columns = connection.scalars(
                text("SELECT coalesce(name, '') FROM pragma_index_info(:name) ORDER BY seqno"),
                {"name": name},
            )
            yield Found(name, table.name, tuple(columns), bool(partial))


def _found_on_postgresql(connection: Connection, table: Table) -> Iterator[Found]:
    statement = text(
        """
        SELECT index.relname, pg_index.indisvalid, pg_index.indpred IS NOT NULL,
               ARRAY(
                   SELECT coalesce(attribute.attname, '')
                   FROM unnest(pg_index.indkey::int[]) WITH ORDINALITY AS part(number, place)
                   LEFT JOIN pg_attribute AS attribute
                       ON attribute.attrelid = pg_index.indrelid
                       AND attribute.attnum = part.number
                   WHERE part.place <= pg_index.indnkeyatts
                   ORDER BY part.place
               )
        FROM pg_index
        JOIN pg_class AS index ON index.oid = pg_index.indexrelid
        WHERE pg_index.indrelid = to_regclass(:table)
          AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = index.oid)
        ORDER BY index.relname
        """
    )
    rows: Any = connection.execute(statement, {"table": table.name})
    for name, valid, partial, columns in rows:
        yield Found(name, table.name, tuple(columns), partial, valid)
