"""What is searched by parts of words: the columns of each table, and the index that serves it.

PostgreSQL has a trigram index (pg_trgm) over the columns as one text. SQLite has a table of its
own (FTS5, trigrams) that triggers keep right; migrations make both, see ``restore_search``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Index, literal_column, text

LINE_BREAK = r"E'\n'"

LEAST_TRIGRAM = 3
"""Characters of the shortest text that a trigram index finds."""

SEARCHED: dict[str, tuple[str, ...]] = {}
"""Table -> its searched columns; filled by the models as they declare their indexes."""


def search_index(table: str, *columns: str) -> Index:
    """The index over ``columns`` for a table's arguments; declares them searched.

    One index over the joined text and not one a column: several words are one read of it, and
    a write costs one entry. No word holds a line break, so nothing is found across columns.
    """
    SEARCHED[table] = columns
    return Index(
        f"ix_{table}_search",
        text(f"{_joined(columns)} gin_trgm_ops"),
        postgresql_using="gin",
        info={"online": True, "searched": columns},
    ).ddl_if(dialect="postgresql")


def document(model: Any) -> ColumnElement[str]:
    """The searched columns of a row as one text, spelled as PostgreSQL's index spells it."""
    first, *others = (getattr(model, name) for name in SEARCHED[model.__tablename__])
    joined = first
    for column in others:
        joined = joined.op("||")(literal_column(LINE_BREAK)).op("||")(column)
    return joined.collate("default")  # type: ignore[no-any-return]


def _joined(columns: tuple[str, ...]) -> str:
    # Capitals fold as the database's locale says; the columns' own order, by code point, would
    # fold ASCII only.
    return f'(({f" || {LINE_BREAK} || ".join(columns)}) COLLATE "default")'


def fts_table(table: str) -> str:
    """SQLite's table beside ``table`` that finds parts of words."""
    return f"{table}_search"


def is_fts_table(name: str | None) -> bool:
    """Whether ``name`` is such a table, or one of those that FTS5 keeps behind it."""
    return name is not None and any(name.startswith(fts_table(table)) for table in SEARCHED)


def create_fts_table(table: str, columns: tuple[str, ...]) -> Iterator[str]:
    """The statements that make and fill it; triggers are made by ``triggers``.

    It keeps no text of its own but reads the table's, which halves it.
    """
    name = fts_table(table)
    yield (
        f"CREATE VIRTUAL TABLE {name} USING fts5({', '.join(columns)}, "
        f"content='{table}', content_rowid='id', tokenize='trigram')"
    )
    yield f"INSERT INTO {name} ({name}) VALUES ('rebuild')"  # noqa: S608 - our own names


def triggers(table: str) -> dict[str, str]:
    """Name -> the statement that makes the trigger; they keep SQLite's search table right.

    An update that leaves the searched columns as they are writes nothing.
    """
    columns, name = SEARCHED[table], fts_table(table)
    listed = ", ".join(columns)
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("old", "new"))
    add = f"INSERT INTO {name} (rowid, {listed}) VALUES (new.id, {new});"  # noqa: S608 - as above
    gone = f"({name}, rowid, {listed}) VALUES ('delete', old.id, {old})"
    remove = f"INSERT INTO {name} {gone};"
    differs = " OR ".join(f"old.{column} IS NOT new.{column}" for column in columns)
    return {
        f"{name}_insert": f"AFTER INSERT ON {table} BEGIN {add} END",
        f"{name}_delete": f"AFTER DELETE ON {table} BEGIN {remove} END",
        f"{name}_update": (
            f"AFTER UPDATE OF {listed} ON {table} WHEN {differs} BEGIN {remove} {add} END"
        ),
    }


def missing_triggers(connection: Connection) -> dict[str, str]:
    """Name -> body of the triggers that SQLite lacks, or has otherwise than declared."""
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master")).all()
    found = {name: sql or "" for name, sql in rows}
    return {
        name: body
        for table in SEARCHED
        if fts_table(table) in found
        for name, body in triggers(table).items()
        if not found.get(name, "").endswith(body)
    }


def wrong_search(connection: Connection) -> dict[str, str]:
    """Table -> what is wrong with its search; always nothing on PostgreSQL."""
    if connection.dialect.name != "sqlite":
        return {}
    wrong = {}
    missing = missing_triggers(connection)
    for table in SEARCHED:
        name = fts_table(table)
        gone = [trigger for trigger in triggers(table) if trigger in missing]
        counts = f"(SELECT count(*) FROM {table}), (SELECT count(*) FROM {name}_docsize)"  # noqa: S608
        rows, known = connection.execute(text(f"SELECT {counts}")).one()
        if gone:
            wrong[table] = f"{', '.join(gone)}: the trigger is gone, so changes are not found"
        elif rows != known:
            wrong[table] = f"the search knows {known:,} of {rows:,} {table}"
    return wrong


def rebuild_search(connection: Connection, table: str) -> None:
    """Fill SQLite's search of ``table`` anew, and have it follow the table again."""
    restore_search(connection)
    name = fts_table(table)
    connection.execute(text(f"INSERT INTO {name} ({name}) VALUES ('rebuild')"))  # noqa: S608


def restore_search(connection: Connection) -> None:
    """Make the triggers again that went with a table which a migration rebuilt."""
    if connection.dialect.name == "sqlite":
        for name, body in missing_triggers(connection).items():
            connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
            connection.exec_driver_sql(f"CREATE TRIGGER {name} {body}")
