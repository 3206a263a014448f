"""Who holds the lock that a connection waits for."""

from __future__ import annotations

from typing import Any, Self

from sqlalchemy import Connection, text

from backoffice.second_look import SecondLook

SECONDS_BETWEEN_LOOKS = 0.1

_BLOCKERS = text(
    """
    SELECT blocking.pid, usename, application_name, state, query,
           to_char(xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS') AS since,
           (SELECT min(CAST(CAST(relation AS regclass) AS text)) FROM pg_locks
            WHERE pid = :pid AND NOT granted AND locktype = 'relation') AS waits_for
    FROM unnest(pg_blocking_pids(:pid)) AS blocking (pid)
    LEFT JOIN pg_stat_activity USING (pid)
    ORDER BY xact_start
    """
)


class Blockers(SecondLook):
    """Looks from a second connection while the first may wait; after the wait it is too late.

    SQLite does not tell who has its write lock: there this does nothing.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.engine, SECONDS_BETWEEN_LOOKS, self._see)
        self._watches = connection.dialect.name == "postgresql"
        self._found: list[Any] = []
        if self._watches:
            self._pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]

    def __enter__(self) -> Self:
        return super().__enter__() if self._watches else self

    def stop(self) -> None:
        if self._watches:
            super().stop()

    def describe(self) -> str:
        """Who was in the way, in words."""
        self.stop()
        if not self._watches:
            return "another program is writing to the database"
        if not self._found:
            return "a lock was not got, and who holds it is gone by now"
        table = self._found[0].waits_for or "what it needs"
        return f"{table} is locked by " + " and by ".join(_words(row) for row in self._found)

    def remedy(self) -> str:
        """What to do about it, as the beginning of a sentence."""
        if not self._watches:
            return "See `manage.py imports list` for a long import, let it end,"
        pids = [row.pid for row in self._found if row.pid]
        end = " or ".join(f"SELECT pg_terminate_backend({pid})" for pid in pids)
        return f"Let that end, or end it by {end}," if end else "Wait for a quiet moment,"

    def _see(self, connection: Connection) -> None:
        found = connection.execute(_BLOCKERS, {"pid": self._pid}).all()
        self._found = list(found) or self._found


def _words(row: Any) -> str:
    if not row.pid:
        return "a prepared transaction (see pg_prepared_xacts)"
    if row.state is None:
        return f"pid {row.pid} (ask its owner or a superuser what it does)"
    words = " ".join((row.query or "").split())
    words = words if len(words) <= 60 else f"{words[:60]}…"
    since = f" since {row.since} UTC" if row.since else ""
    return f"pid {row.pid} of {row.usename} ({row.state}{since}: {words})"
