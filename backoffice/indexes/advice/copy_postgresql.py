"""PostgreSQL's copy: the tables wanted, in a schema of their own in the same database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from backoffice.database import db
from backoffice.indexes.advice.copied import SCHEMA, Limits, Scratch, ScratchError
from backoffice.indexes.found import Found, found_indexes

LOCK = 0x61647669  # any number that only we use


@contextmanager
def copied_tables(
    tables: list[str], limits: Limits, used: set[str], progress: Callable[[str], None]
) -> Iterator[Scratch]:
    with db.engine.connect() as connection:
        try:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(text(f"SET {name} = 0"))
            if not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
                raise ScratchError("another measurement is running: wait for its end")
            try:
                connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
                connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
                yield _filled(connection, tables, limits, used, progress)
            finally:
                connection.rollback()
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
                # The server notices a connection's end some time later.
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        finally:
            connection.invalidate()


def _filled(
    connection: Connection,
    tables: list[str],
    limits: Limits,
    used: set[str],
    progress: Callable[[str], None],
) -> Scratch:
    shares = {table: _share(connection, table, limits) for table in tables}
    indexes = [index for index in found_indexes(connection) if index.valid]
    connection.commit()
    # Of one snapshot: a row and the row that it refers to are both there.
    connection.execution_options(isolation_level="REPEATABLE READ")
    with connection.begin():
        for table in tables:
            progress(f"copying {table}")
            connection.execute(
                text(
                    f"CREATE UNLOGGED TABLE {SCHEMA}.{table} (LIKE {table} INCLUDING DEFAULTS "
                    "INCLUDING GENERATED INCLUDING STORAGE INCLUDING STATISTICS) "
                    "WITH (autovacuum_enabled = false)"
                )
            )
            part = f" TABLESAMPLE BERNOULLI ({100 * shares[table]}) REPEATABLE (1)"
            connection.execute(
                text(
                    f"INSERT INTO {SCHEMA}.{table} SELECT * FROM {table}"  # noqa: S608
                    f"{part if shares[table] < 1 else ''}"
                )
            )
    connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.execute(text(f"SET search_path = {SCHEMA}, public"))
    for index in indexes:
        if index.table in tables and (index.method == "btree" or index.name in used):
            progress(f"building {index.name}")
            connection.exec_driver_sql(_statement(index))
    for table in tables:
        connection.execute(text(f"VACUUM (ANALYZE) {table}"))
    connection.commit()
    connection.execution_options(isolation_level="READ COMMITTED")
    return Scratch(connection, {table: share for table, share in shares.items() if share < 1})


def _statement(index: Found) -> str:
    """What makes it on the copy; a primary key, since GROUP BY may go by it, as such."""
    if index.behind == "primary key":
        return f"ALTER TABLE {index.table} ADD PRIMARY KEY ({', '.join(index.keys)})"
    unique = "UNIQUE " if index.unique else ""
    definition = index.definition.removeprefix("UNIQUE ")
    return f"CREATE {unique}INDEX {index.name} ON {index.table} USING {definition}"


def _share(connection: Connection, table: str, limits: Limits) -> float:
    rows, size = connection.execute(
        text(
            "SELECT greatest(reltuples, 1), pg_relation_size(oid) FROM pg_class "
            "WHERE oid = to_regclass(:table)"
        ),
        {"table": table},
    ).one()
    return float(min(1, limits.rows / rows, limits.megabytes * 2**20 / max(size, 1)))
