"""PostgreSQL's own count of statements: also of what is no request, such as imports and psql."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import DBAPIError

from backoffice.database import complaint, db, reading
from backoffice.monitoring import queries
from backoffice.querylog.shape import LIST, shape_of

SECONDS = 2.0
EXTENSION = "pg_stat_statements"

TURN_ON = (
    "Set shared_preload_libraries = 'pg_stat_statements' in postgresql.conf, restart PostgreSQL, "
    "then run CREATE EXTENSION pg_stat_statements; in this database."
)
MAY_READ = "Run GRANT pg_read_all_stats TO the role that this application connects as."

NUMBERED = re.compile(r"\$\d+")
SQUASHED = re.compile(r"(\$\d+)\s*/\*, \.\.\. \*/")
"""How PostgreSQL 18 writes a list of values of any length."""

CONSTANT = re.compile(r"\b(?:true|false|null)\b|\bE\?|(?<=[(,=<>] )-\?|(?<=\()-\?", re.IGNORECASE)

BEGINNING = 30
"""Signs by which shapes of ours are found that may be the server's."""

HIDDEN = "<insufficient privilege>"

SCHEMA = text(
    "SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace "
    "WHERE e.extname = :name"
)


@dataclass(frozen=True)
class ServerStatement:
    """A statement as the server counts it, of all users and programs; times in microseconds.

    ``fingerprint`` is that of a shape of ours, None where the query log knows none.
    """

    shape: str
    calls: int
    microseconds: int
    slowest: int
    rows: int
    fingerprint: str | None


@dataclass(frozen=True)
class Server:
    """The statements that took most time since ``since``; ``problem`` says why there are none."""

    statements: tuple[ServerStatement, ...] = ()
    microseconds: int = 0
    since: datetime | None = None
    problem: str = ""


def top_statements(limit: int) -> Server | None:
    """Those of our database; None of SQLite, which counts nothing."""
    if db.engine.dialect.name != "postgresql":
        return None
    try:
        with reading(SECONDS) as connection:
            schema = connection.scalar(SCHEMA, {"name": EXTENSION})
            if schema is None:
                return Server(problem=f"pg_stat_statements is not here. {TURN_ON}")
            return _read(connection, str(schema), limit)
    except DBAPIError as error:
        said = complaint(error)
        remedy = TURN_ON if "shared_preload_libraries" in said else MAY_READ
        return Server(problem=f"pg_stat_statements cannot be read: {said}. {remedy}")


def _read(connection: Connection, schema: str, limit: int) -> Server:
    quoted = connection.dialect.identifier_preparer.quote_identifier(schema)
    # One row for each user who asked it; how long a text the server keeps, nobody bounds.
    statement = text(
        f"""
        SELECT min(left(query, 20000)) AS query, CAST(sum(calls) AS bigint) AS calls,
               CAST(1000 * sum(total_exec_time) AS bigint) AS microseconds,
               CAST(1000 * max(max_exec_time) AS bigint) AS slowest,
               CAST(sum(rows) AS bigint) AS rows,
               CAST(sum(1000 * sum(total_exec_time)) OVER () AS bigint) AS all_microseconds,
               (SELECT stats_reset FROM {quoted}.pg_stat_statements_info) AS since
        FROM {quoted}.pg_stat_statements
        WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        GROUP BY queryid
        ORDER BY microseconds DESC
        LIMIT :size
        """  # noqa: S608 - the schema is quoted
    ).bindparams(bindparam("size", limit))
    found = connection.execute(statement).all()
    shapes = [shape_of(as_ours(row.query)) for row in found]
    beginnings = {shape[:BEGINNING] for shape in shapes}
    known = {
        without_constants(shape): fingerprint
        for fingerprint, shape in connection.execute(
            queries.shapes_beginning(beginnings, BEGINNING)
        )
    }
    return Server(
        tuple(
            _statement(row, shape, known.get(without_constants(shape)))
            for row, shape in zip(found, shapes, strict=True)
        ),
        found[0].all_microseconds if found else 0,
        found[0].since if found else None,
        f"The texts of other users' statements are hidden. {MAY_READ}"
        if any(row.query == HIDDEN for row in found)
        else "",
    )


def _statement(row: Any, shape: str, fingerprint: str | None) -> ServerStatement:
    return ServerStatement(
        shape="of another user" if row.query == HIDDEN else shape,
        calls=row.calls,
        microseconds=row.microseconds,
        slowest=row.slowest,
        rows=row.rows,
        fingerprint=fingerprint,
    )


def as_ours(query: str) -> str:
    """The server's text with the placeholders of our driver, so that it has the same shape."""
    return NUMBERED.sub("%(p)s", SQUASHED.sub(r"\1, \1", query))


def without_constants(shape: str) -> str:
    """``shape`` as it is on either side: the server also takes out what is no value of ours."""
    return LIST.sub("(?, …)", CONSTANT.sub("?", shape.replace("%%", "%")))
