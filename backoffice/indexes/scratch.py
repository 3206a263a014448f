"""A copy of tables on which indexes are made and dropped while staff work on the tables.

SQLite: a copy of the file beside it. PostgreSQL: a schema of its own in the same database. On both
without triggers, foreign keys and checks, which cost the same with every index and hide what one
costs. Who is killed leaves the copy, and the next run drops it.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

from sqlalchemy import Connection, create_engine, event, text

from backoffice.database import analyze, begins_reading, db, set_up_sqlite
from backoffice.indexes.present import Present, present

SCHEMA = "index_advice_scratch"
LOCK = 0x61647669  # any number that only we use
PAGES_A_STEP = 20_000
"""Of SQLite's file, copied between two looks at the progress bar."""


class ScratchError(Exception):
    """No copy could be made; the message says why and what to do."""


@dataclass(frozen=True)
class Limits:
    """How much of a table PostgreSQL copies; of a larger one, as large a part by chance."""

    rows: int = 5_000_000
    megabytes: int = 2_000


@dataclass
class Scratch:
    """The copy. ``sampled`` has the share copied of each table that is there in part."""

    connection: Connection
    sampled: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def dialect(self) -> str:
        return self.connection.dialect.name

    def run(self, statement: str, parameters: Any = None) -> list[Any]:
        """The rows of ``statement``, straight from the driver: SQLAlchemy's part costs as much
        as a statement that an index serves.
        """
        driver: Any = self.connection.connection.driver_connection
        cursor = driver.cursor()
        try:
            # Neither driver looks for placeholders where there are no parameters.
            cursor.execute(statement, parameters) if parameters else cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
        finally:
            cursor.close()

    def make(self, statement: str, table: str) -> tuple[float, int]:
        """Make an index and keep it: (seconds, bytes)."""
        before, started = self._used(), perf_counter()
        with self.connection.begin():
            self.run(statement)
        seconds = perf_counter() - started
        size = self._used() - before
        with self.connection.begin():
            analyze(self.connection, [table])
        return seconds, size

    def drop(self, name: str) -> None:
        with self.connection.begin():
            self.run(f"DROP INDEX {name}")

    @contextmanager
    def transaction(self, without: Iterable[str] = (), seconds: float = 0) -> Iterator[None]:
        """A transaction that is taken back, in which the named indexes are not there.

        :param seconds: What one statement may take; 0 for as long as it takes.
        """
        with self.connection.begin() as transaction:
            try:
                for name in without:
                    self.run(f"DROP INDEX {name}")
                if self.dialect == "postgresql":
                    self.run(f"SET LOCAL statement_timeout = {int(1000 * seconds)}")
                yield
            finally:
                self.connection.info.pop("deadline", None)
                transaction.rollback()

    def allow(self, seconds: float) -> None:
        """From now on SQLite has so long."""
        self.connection.info["deadline"] = monotonic() + seconds

    def present(self, tables: Iterable[str]) -> list[Present]:
        with self.connection.begin():
            return present(self.connection, tables)

    def _used(self) -> int:
        with self.connection.begin():
            if self.dialect == "sqlite":
                ((pages, free, size),) = self.run(
                    "SELECT page_count, freelist_count, page_size FROM "
                    "pragma_page_count, pragma_freelist_count, pragma_page_size"
                )
                return int((pages - free) * size)
            ((used,),) = self.run(
                "SELECT coalesce(sum(pg_relation_size(oid)), 0) FROM pg_class "  # noqa: S608
                f"WHERE relkind = 'i' AND relnamespace = '{SCHEMA}'::regnamespace"
            )
            return int(used)


@contextmanager
def scratch(
    tables: Iterable[str],
    limits: Limits,
    *,
    used: Iterable[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Scratch]:
    """A copy of ``tables`` as they are now, gone afterwards.

    :param used: Names of indexes for search that are copied as well; others of their kind take
        longer to make than all else.
    :raises ScratchError: there is no room, or another run is at work.
    """
    if db.engine.dialect.name == "sqlite":
        with _file(Path(str(db.engine.url.database)), progress) as copy:
            _count(copy, tables)
            yield copy
    else:
        with _schema(sorted(tables), limits, set(used), progress) as copy:
            _count(copy, tables)
            yield copy


def _count(copy: Scratch, tables: Iterable[str]) -> None:
    with copy.connection.begin():
        for table in tables:
            ((copy.rows[table],),) = copy.run(f"SELECT count(*) FROM {table}")  # noqa: S608


@contextmanager
def _file(database: Path, progress: Callable[[str], None]) -> Iterator[Scratch]:
    folder = database.with_name(f"{database.name}.advise")
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ScratchError("another run measures indexes: wait until it is done") from None
        try:
            for left in folder.glob("copy.db*"):
                left.unlink()
            _check_room(database)
            yield from _copied(folder / "copy.db", progress)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _check_room(database: Path) -> None:
    size = sum(
        file.stat().st_size for file in database.parent.glob(f"{database.name}*") if file.is_file()
    )
    free = shutil.disk_usage(database.parent).free
    if free < 2 * size:  # the copy, its new indexes, and its log
        raise ScratchError(
            f"a copy of {database.name} with indexes needs {2 * size >> 20:,} MiB beside it, "
            f"and {free >> 20:,} MiB are free"
        )


def _copied(file: Path, progress: Callable[[str], None]) -> Iterator[Scratch]:
    engine = create_engine(f"sqlite:///{file}")
    event.listen(engine, "connect", set_up_sqlite)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    try:
        with engine.connect() as connection:
            target: Any = connection.connection.driver_connection
            target.execute("PRAGMA synchronous = 0")
            target.execute("PRAGMA foreign_keys = 0")
            target.execute("PRAGMA ignore_check_constraints = 1")
            # One transaction reads it all: nobody waits for it, and who writes meanwhile does
            # not make the copy begin anew.
            with begins_reading(db.engine).connect() as source, source.begin():
                source.execute(text("SELECT 1 FROM sqlite_master")).all()
                driver: Any = source.connection.driver_connection
                driver.backup(
                    target,
                    pages=PAGES_A_STEP,
                    progress=lambda _, left, all_: progress(f"copied {1 - left / all_:.0%}"),
                )
            # What the backup brought is another file: our settings are read from it anew.
            target.execute("PRAGMA journal_mode = wal")
            copy = Scratch(connection)
            with connection.begin():
                triggers = copy.run("SELECT name FROM sqlite_master WHERE type = 'trigger'")
                for (name,) in triggers:
                    copy.run(f"DROP TRIGGER {name}")
            yield copy
    finally:
        engine.dispose()


@contextmanager
def _schema(
    tables: list[str], limits: Limits, used: set[str], progress: Callable[[str], None]
) -> Iterator[Scratch]:
    with db.engine.connect() as connection:
        try:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(text(f"SET {name} = 0"))
            if not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
                raise ScratchError("another run measures indexes: wait until it is done")
            try:
                connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
                connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
                yield _filled(connection, tables, limits, used, progress)
            finally:
                connection.rollback()
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
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
    indexes = present(connection, tables)
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
        if index.ordered or index.name in used:
            progress(f"building {index.name}")
            # Its own schema is the only one that the statement names.
            connection.exec_driver_sql(index.statement.replace(" ON public.", " ON "))
    for table in tables:
        connection.execute(text(f"VACUUM (ANALYZE) {table}"))
    connection.commit()
    connection.execution_options(isolation_level="READ COMMITTED")
    return Scratch(connection, {table: share for table, share in shares.items() if share < 1})


def _share(connection: Connection, table: str, limits: Limits) -> float:
    rows, size = connection.execute(
        text(
            "SELECT greatest(reltuples, 1), pg_relation_size(oid) FROM pg_class "
            "WHERE oid = to_regclass(:table)"
        ),
        {"table": table},
    ).one()
    return float(min(1, limits.rows / rows, limits.megabytes * 2**20 / max(size, 1)))
