"""What a revision locks, writes and takes, seen while it runs on a clone."""

from __future__ import annotations

from threading import Event, Thread
from time import perf_counter
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, text

from backoffice.models.searched import is_fts_table
from backoffice.revisions.backfill import Filled
from backoffice.revisions.steps import Watch, title
from backoffice.revisions.trial import WAITS, Held, Trial, strongest

SECONDS_BETWEEN_LOOKS = 0.01

_LOCKS = text(
    "SELECT DISTINCT CAST(relation AS bigint) AS oid, mode FROM pg_locks "
    "WHERE pid = :pid AND locktype = 'relation' AND granted AND mode <> 'AccessShareLock'"
)


class Observed(Watch):
    """Writes a ``Trial`` for each revision that runs on the clone of ``engine``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._look: _OnSqlite | _OnPostgresql = (
            _OnSqlite() if engine.dialect.name == "sqlite" else _OnPostgresql(engine)
        )
        self._filling = 0.0
        self._is_over = True
        self.trials: list[Trial] = []

    def filled(self, filled: Filled) -> None:
        self._filling = filled.seconds

    def begins(self, step: Any, context: MigrationContext) -> None:
        assert context.connection is not None  # noqa: S101 - online
        trial = Trial(title(step.revision.module), step.is_upgrade, fill_seconds=self._filling)
        self.trials.append(trial)
        self._filling = 0.0
        self._is_over = False
        trial.bytes = -size(context.connection)
        self._look.begin(context.connection)
        context.connection.commit()
        self._started = perf_counter()

    def applied(self, *, ctx: MigrationContext, **_: Any) -> None:
        assert ctx.connection is not None  # noqa: S101 - online
        self._look.end(ctx.connection, self.trials[-1])

    def ended(self, step: Any, context: MigrationContext) -> None:
        assert context.connection is not None  # noqa: S101 - online
        ended = perf_counter()
        trial = self.trials[-1]
        trial.seconds = ended - self._started
        trial.locks = self._look.held(self._started, ended)
        trial.bytes += size(context.connection)
        self._is_over = True
        context.connection.commit()

    def leave_out_unfinished(self) -> None:
        """Say nothing of the revision that failed: half of it tells nothing."""
        if self.trials and not self._is_over:
            self.trials.pop()

    def stop(self) -> None:
        """Look no more; also after a revision that failed."""
        self._look.stop()


def size(connection: Connection) -> int:
    """Bytes of the database, on SQLite without its log."""
    if connection.dialect.name == "sqlite":
        pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        return int(connection.scalar(text(pages)) or 0)
    return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


class _OnSqlite:
    """One lock for all; a table that is made anew begins on another page of the file."""

    def begin(self, connection: Connection) -> None:
        self._pages = self._roots(connection)
        self._changes = self._total(connection)

    def end(self, connection: Connection, trial: Trial) -> None:
        now = self._roots(connection)
        self._rewritten = sorted(
            table for table, page in self._pages.items() if now.get(table, page) != page
        )
        # Without the row of the version.
        trial.rows = {"all tables": self._total(connection) - self._changes - 1}

    def held(self, started: float, ended: float) -> list[Held]:
        seconds = ended - started
        whole = [Held("all tables", "write lock", seconds, rewritten=False)]
        return whole + [
            Held(table, "write lock", seconds, rewritten=True) for table in self._rewritten
        ]

    def stop(self) -> None:
        pass

    @staticmethod
    def _roots(connection: Connection) -> dict[str, int]:
        rows = connection.execute(
            text("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'")
        )
        return {name: page for name, page in rows if page and not is_fts_table(name)}

    @staticmethod
    def _total(connection: Connection) -> int:
        driver: Any = connection.connection.driver_connection
        return int(driver.total_changes)


class _OnPostgresql:
    """All locks are there just before the commit; a second connection sees when each came."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread: Thread | None = None

    def begin(self, connection: Connection) -> None:
        self._tables = self._files(connection)
        # Else the revision before counts too, until the server gets round to its figures.
        if connection.scalar(text("SELECT to_regproc('pg_stat_force_next_flush')")):
            connection.execute(text("SELECT pg_stat_force_next_flush()"))
        self._first: dict[tuple[int, str], float] = {}
        driver: Any = connection.connection.driver_connection
        self._pid = driver.info.backend_pid
        self._over = Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self, connection: Connection, trial: Trial) -> None:
        self.stop()
        now = perf_counter()
        for row in connection.execute(_LOCKS, {"pid": self._pid}):
            self._first.setdefault((row.oid, row.mode), now)
        files = self._files(connection)
        self._rewritten = {
            oid for oid, (_, file) in self._tables.items() if files.get(oid, ("", file))[1] != file
        }
        changed = connection.execute(
            text(
                "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del AS rows "
                "FROM pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
            )
        )
        trial.rows = {name: rows for name, rows in changed if name != "alembic_version"}

    def held(self, _started: float, ended: float) -> list[Held]:
        found = []
        for oid, (name, _) in self._tables.items():
            modes = [mode for one, mode in self._first if one == oid]
            if not modes or name == "alembic_version":
                continue
            mode = strongest(modes)
            since = self._first[oid, mode]
            found.append(Held(name, mode, ended - since, rewritten=oid in self._rewritten))
        order = list(WAITS)
        return sorted(found, key=lambda held: (order.index(held.lock), held.table))

    def stop(self) -> None:
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        with self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            while not self._over.wait(SECONDS_BETWEEN_LOOKS):
                now = perf_counter()
                for row in connection.execute(_LOCKS, {"pid": self._pid}):
                    self._first.setdefault((row.oid, row.mode), now)

    @staticmethod
    def _files(connection: Connection) -> dict[int, tuple[str, int]]:
        """Number -> name and file of each table that is there."""
        rows = connection.execute(
            text(
                "SELECT CAST(oid AS bigint), relname, CAST(pg_relation_filenode(oid) AS bigint) "
                "FROM pg_class WHERE relkind = 'r' "
                "AND relnamespace = CAST(current_schema() AS regnamespace)"
            )
        )
        return {oid: (name, file) for oid, name, file in rows}
