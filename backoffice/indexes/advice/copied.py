"""A copy of tables: what can be done on it, whichever database it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import monotonic, perf_counter, thread_time
from typing import Any

from sqlalchemy import Connection

from backoffice.database import analyze

SCHEMA = "index_advice_scratch"
"""Where PostgreSQL's copies are."""


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

    def clock(self, alone: bool = False) -> float:
        """Seconds of the work on statements, from some moment on.

        SQLite works in this thread, whose own time nobody else's work adds to. So does what
        PostgreSQL's process does ``alone``, without helpers, where it is on this machine.
        """
        if self.dialect == "sqlite":
            return thread_time()
        if alone and self.process:
            return int((self.process / "schedstat").read_text().split()[0]) / 1e9
        return perf_counter()

    @cached_property
    def process(self) -> Path | None:
        """Where this machine tells of the server's process, which a socket leads to."""
        host = str(self.connection.engine.url.query.get("host") or "")
        ((number,),) = self.run("SELECT pg_backend_pid()")
        found = Path(f"/proc/{number}")
        told = host.startswith("/") and (found / "schedstat").exists()
        return found if told and "postgres" in (found / "comm").read_text() else None

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
        with self.connection.begin() as transaction, self._hidden(without):
            try:
                if self.dialect == "postgresql":
                    self.run(f"SET LOCAL statement_timeout = {int(1000 * seconds)}")
                yield
            finally:
                self.connection.info.pop("deadline", None)
                transaction.rollback()

    @contextmanager
    def _hidden(self, names: Iterable[str]) -> Iterator[None]:
        """Have the schema without these indexes until the transaction is taken back.

        To drop one on SQLite walks all its pages: statements that follow find their own pages no
        longer in memory, which told of writers who were quicker with an index than without.
        """
        if self.dialect == "postgresql":  # only its catalog changes before the commit
            for name in names:
                self.run(f"DROP INDEX {name}")
            yield
            return
        self._edit_schema(names)
        try:
            yield
        finally:
            self._edit_schema()

    def _edit_schema(self, gone: Iterable[str] = ()) -> None:
        """Take the indexes ``gone`` out of SQLite's schema, and have it read that anew."""
        self.run("PRAGMA writable_schema = 1")
        for name in gone:
            self.run("DELETE FROM sqlite_schema WHERE name = ?", (name,))
        self.run("PRAGMA writable_schema = RESET")

    def allow(self, seconds: float) -> None:
        """From now on SQLite has so long."""
        self.connection.info["deadline"] = monotonic() + seconds

    def tidy(self, table: str) -> None:
        """Clear away what was taken back, over whose dead rows PostgreSQL steps from then on."""
        if self.dialect == "postgresql":
            self.connection.execution_options(isolation_level="AUTOCOMMIT")
            self.connection.exec_driver_sql(f"VACUUM ANALYZE {table}")
            self.connection.commit()
            self.connection.execution_options(isolation_level="READ COMMITTED")

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
