"""What PostgreSQL says about a build while it runs, seen from a second connection."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, text

from backoffice.indexes.limits import Tell
from backoffice.second_look import SecondLook

SECONDS_BETWEEN_LOOKS = 0.25

# Phase -> from where to where it goes, of 1. The table is read twice; the waits come between.
PHASES = {
    "initializing": (0.0, 0.0),
    "waiting for writers before build": (0.0, 0.0),
    "building index: scanning table": (0.0, 0.3),
    "building index: sorting live tuples": (0.3, 0.4),
    "building index: loading tuples in tree": (0.4, 0.6),
    "building index: merging tuples (workers)": (0.3, 0.3),  # of GIN
    "building index: merging tuples": (0.3, 0.6),
    "waiting for writers before validation": (0.6, 0.6),
    "index validation: scanning index": (0.6, 0.7),
    "index validation: sorting tuples": (0.7, 0.7),
    "index validation: scanning table": (0.7, 1.0),
    "waiting for old snapshots": (1.0, 1.0),
}

PROGRESS = text(
    """
    SELECT phase, blocks_done, blocks_total, tuples_done, tuples_total
    FROM pg_stat_progress_create_index WHERE pid = :pid
    """
)
BLOCKERS = text(
    """
    SELECT pid, usename, application_name, state, extract(epoch FROM now() - xact_start) AS seconds
    FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids(:pid)) ORDER BY xact_start LIMIT 1
    """
)


class Watcher(SecondLook):
    """Looks a few times a second while its block runs, and tells what it sees."""

    def __init__(self, builder: Connection, tell: Tell) -> None:
        super().__init__(builder.engine, SECONDS_BETWEEN_LOOKS, self._see)
        self.blocker = ""
        """Who was waited for last, for people."""
        self._share: float | None = None
        self._pid = builder.scalar(text("SELECT pg_backend_pid()"))
        self._tell = tell

    def _see(self, connection: Connection) -> None:
        blocker = connection.execute(BLOCKERS, {"pid": self._pid}).first()
        if blocker:
            self.blocker = _named(blocker)
        progress = connection.execute(PROGRESS, {"pid": self._pid}).first()
        if progress:
            waits = f", for {self.blocker}" if blocker else ""
            known = share(progress)
            self._share = self._share if known is None else known
            self._tell(progress.phase + waits, self._share)


def share(progress: Row[Any]) -> float | None:
    """How far a build is, from 0 to 1."""
    start, end = PHASES.get(progress.phase, (None, None))
    if start is None or end is None:
        return None
    if progress.blocks_total:
        within = progress.blocks_done / progress.blocks_total
    elif progress.tuples_total:
        within = progress.tuples_done / progress.tuples_total
    else:
        within = 0.0
    return float(start + (end - start) * within)


def _named(blocker: Row[Any]) -> str:
    named = f"process {blocker.pid} of {blocker.usename}"
    if blocker.application_name:
        named += f" ({blocker.application_name})"
    return f"{named}, {blocker.state} for {blocker.seconds or 0:.0f} s"
