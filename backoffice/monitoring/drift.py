"""Whether the database has the tables that the models declare, down to each constraint's text.

Alembic's comparison looks at neither names of constraints nor at checks. Here the models' tables
are really made, on the side, and the database describes both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import Connection, create_engine, text

from backoffice.database import Base

Catalog = set[str]
"""One line a column, constraint and default, each beginning with its table."""


def differences(connection: Connection) -> list[str]:
    """What is ``missing`` from the database and what is ``not declared``; indexes left out."""
    found, declared = catalog(connection), declared_catalog(connection)
    return sorted(
        [f"missing: {line}" for line in declared - found]
        + [f"not declared: {line}" for line in found - declared]
    )


def catalog(connection: Connection) -> Catalog:
    """The tables of the models as the database describes them."""
    describe = _sqlite_lines if connection.dialect.name == "sqlite" else _postgresql_lines
    return {line for table in Base.metadata.tables for line in describe(connection, table)}


def declared_catalog(connection: Connection) -> Catalog:
    """The same of tables made from the models: in memory, or as temporary ones and undone."""
    if connection.dialect.name == "sqlite":
        engine = create_engine("sqlite://")
        with engine.connect() as aside:
            Base.metadata.create_all(aside, checkfirst=False)
            lines = catalog(aside)
        engine.dispose()
        return lines
    with connection.begin_nested() as savepoint:
        connection.execute(text("SET LOCAL search_path TO pg_temp, public"))
        Base.metadata.create_all(connection, checkfirst=False)
        lines = catalog(connection)
        savepoint.rollback()
    return lines


def _sqlite_lines(connection: Connection, table: str) -> Iterator[str]:
    """The parts of CREATE TABLE as they were written: SQLite keeps that text, and little else."""
    written = connection.scalar(
        text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table"),
        {"table": table},
    )
    for part in _parts(written or ""):
        yield f"{table}: {part}"


def _parts(create_table: str) -> Iterator[str]:
    """The parts between the outer brackets, split at the commas between them."""
    inside = " ".join(create_table.replace('"', "").split()).partition("(")[2].rpartition(")")[0]
    depth, part = 0, ""
    for character in inside:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield part.strip()
            part = ""
        else:
            part += character
    if part:
        yield part.strip()


def _postgresql_lines(connection: Connection, table: str) -> Iterator[str]:
    columns = connection.execute(
        text(
            """
            SELECT attname, format_type(atttypid, atttypmod), attnotnull,
                   coalesce(collname, ''), coalesce(pg_get_expr(adbin, adrelid), '')
            FROM pg_attribute
            LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            LEFT JOIN pg_collation ON pg_collation.oid = attcollation
            WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped
            """
        ),
        {"table": table},
    )
    for name, kind, required, collation, default in columns:
        yield _line(table, name, kind, "NOT NULL" if required else "", collation, default)
    constraints = connection.execute(
        text(
            """
            SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint
            WHERE conrelid = to_regclass(:table) AND contype <> 'n'
            """
        ),
        {"table": table},
    )
    for name, definition, valid in constraints:
        yield _line(table, "CONSTRAINT", name, definition, "" if valid else "NOT VALID")


def _line(table: str, *words: str) -> str:
    """The words without the schema that the table happens to be in."""
    line = " ".join(word for word in words if word)
    return f"{table}: " + re.sub(r"\b(pg_temp(_\d+)?|public)\.", "", line)
