"""A database beside PostgreSQL's with the same tables and rows, dropped afterwards.

Made by the revisions and by COPY, from connection to connection: the server's programs, as
pg_dump, need not be here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

from flask import current_app
from sqlalchemy import Connection, Engine, create_engine, text

from backoffice.revisions import running
from backoffice.revisions.trial import RehearsalRefusedError

REHEARSE_LOCK = 0x72686561  # any number that only we use

Say = Callable[[str], None]


@contextmanager
def clone(source: Engine, revision: str | None, say: Say) -> Iterator[Engine]:
    """A new database at ``revision`` with the rows of one moment; the source is only read.

    :raises RehearsalRefusedError: the role may not make one, or another rehearsal runs.
    """
    with _scratch(source) as engine:
        if revision is not None:
            say(f"making the tables of {revision} in {engine.url.database}")
            running.upgrade(engine, revision, running.Silent())
            with source.connect() as read, engine.connect() as written:
                _copy(read, written, say)
        yield engine


def scratch_name(database: str) -> str:
    """The clone's name: the same each time, so that what a killed rehearsal left is found."""
    return f"rehearsal_{crc32(database.encode()):08x}_{database}"[:63]


def sweep(source: Engine) -> None:
    """Drop what a killed rehearsal left."""
    with _place(source):
        pass


@contextmanager
def _scratch(source: Engine) -> Iterator[Engine]:
    with _place(source) as (server, name):
        may = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        if not server.scalar(text(may)):
            role = server.scalar(text("SELECT current_user"))
            raise RehearsalRefusedError(
                f"a rehearsal makes a database, which the role {role} may not, and should not "
                "where it serves pages: name by DATABASE_URL another role that may (CREATEDB) and "
                "that reads all tables"
            )
        server.execute(text(f'CREATE DATABASE "{name}" {_like(server)}'))
        engine = create_engine(
            source.url.set(database=name), **current_app.config["SQLALCHEMY_ENGINE_OPTIONS"]
        )
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def _place(source: Engine) -> Iterator[tuple[Connection, str]]:
    """(a connection to the server, the clone's name), which is free before and afterwards."""
    name = scratch_name(str(source.url.database))
    with source.connect() as server:
        server.execution_options(isolation_level="AUTOCOMMIT")
        for limit in ("statement_timeout", "lock_timeout"):
            server.execute(text(f"SET {limit} = 0"))
        # Across databases it does not count, and need not: the name is this database's.
        if not server.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": REHEARSE_LOCK}):
            raise RehearsalRefusedError("another rehearsal is running: wait for it")
        drop = text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(drop)  # only who has the lock has one
        try:
            yield server, name
        finally:
            server.execute(drop)
            server.invalidate()  # the next user of the pool gets the usual timeouts


def _like(server: Connection) -> str:
    """The same encoding and order of text as the database of ``server``."""
    row = server.execute(
        text(
            "SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, datctype, "
            "to_jsonb(pg_database) AS all FROM pg_database WHERE datname = current_database()"
        )
    ).one()
    told: dict[str, Any] = row.all
    words = (
        f"TEMPLATE template0 ENCODING '{row.encoding}' LC_COLLATE '{row.datcollate}' "
        f"LC_CTYPE '{row.datctype}'"
    )
    # The column has another name from version 17 on.
    locale = told.get("datlocale") or told.get("daticulocale")
    kinds = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}
    if locale and told.get("datlocprovider") in kinds:
        provider, option = kinds[told["datlocprovider"]]
        words += f" LOCALE_PROVIDER {provider} {option} '{locale}'"
    return words


def _copy(read: Connection, written: Connection, say: Say) -> None:
    read.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    for connection in (read, written):
        # The server's limits are the web's; here a COPY may take its time.
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    tables = _tables(written)
    there = _tables(read)
    references = _rows(
        written,
        "SELECT CAST(CAST(conrelid AS regclass) AS text) AS table, conname AS name, "
        "pg_get_constraintdef(oid) AS rule FROM pg_constraint WHERE contype = 'f' "
        "AND connamespace = CAST(current_schema() AS regnamespace)",
    )
    # Checked in one go afterwards, which is faster, and needs no order of the tables.
    for reference in references:
        _run(written, f'ALTER TABLE {reference.table} DROP CONSTRAINT "{reference.name}"')
    for table in tables:
        _run(written, f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
    _run(written, "TRUNCATE " + ", ".join(f'"{table}"' for table in tables))
    for table in tables.keys() & there.keys():
        say(f"copying {table}")
        _copy_table(read, written, table, [c for c in tables[table] if c in there[table]])
    say("making the indexes")
    _copy_indexes(read, written)
    for reference in references:
        _run(
            written,
            f'ALTER TABLE {reference.table} ADD CONSTRAINT "{reference.name}" {reference.rule}',
        )
    for table in tables:
        _run(written, f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
    _copy_sequences(read, written)
    read.rollback()
    written.commit()
    _run(written, "ANALYZE")
    written.commit()


def _tables(connection: Connection) -> dict[str, list[str]]:
    """Table -> the columns that are stored, but not Alembic's own."""
    found: dict[str, list[str]] = {}
    for row in _rows(
        connection,
        "SELECT relname AS table, attname AS name FROM pg_class JOIN pg_attribute "
        "ON attrelid = pg_class.oid WHERE relkind = 'r' AND relnamespace = "
        "CAST(current_schema() AS regnamespace) AND attnum > 0 AND NOT attisdropped "
        "AND attgenerated = '' AND relname <> 'alembic_version' ORDER BY relname, attnum",
    ):
        found.setdefault(row.table, []).append(row.name)
    return found


def _copy_table(read: Connection, written: Connection, table: str, columns: list[str]) -> None:
    listed = ", ".join(f'"{column}"' for column in columns)
    source: Any = read.connection.driver_connection
    target: Any = written.connection.driver_connection
    with (
        source.cursor().copy(
            f'COPY (SELECT {listed} FROM "{table}") TO STDOUT (FORMAT binary)'  # noqa: S608
        ) as out,
        target.cursor().copy(f'COPY "{table}" ({listed}) FROM STDIN (FORMAT binary)') as into,
    ):
        for block in out:
            into.write(block)


def _copy_indexes(read: Connection, written: Connection) -> None:
    """Make those that `indexes build` or somebody made: rewriting a table rewrites them too."""
    listed = "SELECT indexname AS name, indexdef AS rule FROM pg_indexes WHERE schemaname = "
    made = {row.name for row in _rows(written, f"{listed} current_schema()")}
    for row in _rows(read, f"{listed} current_schema()"):
        if row.name not in made:
            _run(written, row.rule)


def _copy_sequences(read: Connection, written: Connection) -> None:
    listed = (
        "SELECT sequencename AS name, last_value AS last FROM pg_sequences WHERE schemaname = "
        "current_schema()"
    )
    made = {row.name for row in _rows(written, listed)}
    for row in _rows(read, listed):
        if row.name in made and row.last is not None:
            written.execute(
                text("SELECT setval(:name, :last)"), {"name": f'"{row.name}"', "last": row.last}
            )


def _rows(connection: Connection, statement: str) -> list[Any]:
    return list(connection.execute(text(statement)).all())


def _run(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)
