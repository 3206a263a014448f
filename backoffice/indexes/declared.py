"""The indexes that the models declare, spelled as the database would spell them."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, Index, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex

from backoffice.database import Base
from backoffice.indexes.found import without_names
from backoffice.indexes.spelling import spelled

_spelled_here: dict[str, dict[str, str]] = {}
"""Database -> name -> definition: PostgreSQL is asked once a process, the models do not change."""


def declared_indexes(connection: Connection) -> Iterator[Index]:
    """The models' indexes, without those that are declared for the other database only."""
    for table in Base.metadata.sorted_tables:
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            only = index._ddl_if  # noqa: SLF001 - what Index.ddl_if() sets; there is no getter
            if only is None or only._should_execute(CreateIndex(index), index, connection):  # noqa: SLF001
                yield index


def table_of(index: Index) -> str:
    """The name of the table that ``index`` is on."""
    assert index.table is not None  # noqa: S101 - the models' indexes belong to a table
    return index.table.name


def create_index(index: Index, connection: Connection) -> str:
    """The statement that makes it."""
    return str(CreateIndex(index).compile(dialect=connection.dialect))


def definitions(connection: Connection) -> dict[str, str]:
    """Name of each declared index -> its definition as ``Found.definition`` spells it.

    PostgreSQL spells expressions and conditions in its own way, so the indexes are really made:
    on empty temporary tables, and undone. A role that may not has those left out.
    """
    if connection.dialect.name == "sqlite":
        return {
            str(index.name): _on_sqlite(create_index(index, connection))
            for index in declared_indexes(connection)
        }
    database = connection.engine.url.render_as_string()
    if database not in _spelled_here:
        try:
            _spelled_here[database] = _on_postgresql(connection)
        except DBAPIError:
            return {}
    return _spelled_here[database]


def _on_sqlite(statement: str) -> str:
    parts = spelled(statement)
    return repr((parts.unique, parts.keys, parts.condition))


def _on_postgresql(connection: Connection) -> dict[str, str]:
    indexes = list(declared_indexes(connection))
    with connection.begin_nested() as savepoint:
        for table in sorted({table_of(index) for index in indexes}):
            # From here on the name means the temporary one.
            connection.execute(text(f'CREATE TEMP TABLE "{table}" (LIKE "{table}")'))
        for index in indexes:
            connection.exec_driver_sql(create_index(index, connection))
        rows = connection.execute(
            text(
                """
                SELECT relname, pg_get_indexdef(oid) FROM pg_class
                WHERE relkind = 'i' AND relnamespace = pg_my_temp_schema()
                """
            )
        ).all()
        savepoint.rollback()
    return {name: without_names(definition) for name, definition in rows}
