"""A copy of SQLite's file beside it, gone afterwards: for what is tried on real rows."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

PAGES = 5_000
"""Copied at once: between two such steps Ctrl-C is heard, and progress told."""

ENDINGS = ("", "-wal", "-shm", "-journal", ".migrate.lock", ".waiting")


class NoCopyError(Exception):
    """There is no room, or somebody else has such a copy; the message says what to do."""


@contextmanager
def copied(
    database: Path,
    purpose: str,
    *,
    room: float,
    progress: Callable[[float], None] = lambda _: None,
) -> Iterator[Path]:
    """Yield a copy of ``database`` as it is at one moment; everybody goes on reading and writing.

    Nobody else may read it, as it has all that is in the database.

    :param purpose: Ends its name, and is done once at a time: ``rehearsal``.
    :param room: Bytes needed beside the file, as times its size.
    :param progress: Told the share that is copied.
    :raises NoCopyError: see there.
    """
    with _place(database, purpose) as copy:
        _refuse_without_room(database, purpose, room)
        _copy(database, copy, progress)
        yield copy


def sweep(database: Path, purpose: str) -> None:
    """Delete the copy that somebody who was killed left.

    :raises NoCopyError: somebody is using it.
    """
    with _place(database, purpose):
        pass


@contextmanager
def _place(database: Path, purpose: str) -> Iterator[Path]:
    """Where the copy may be, empty before and afterwards."""
    with database.with_name(f"{database.name}.{purpose}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NoCopyError(f"another {purpose} is running: wait for its end") from error
        copy = database.with_name(f"{database.name}.{purpose}")
        _remove(copy)  # only who has the lock has a copy
        try:
            yield copy
        finally:
            _remove(copy)


def _refuse_without_room(database: Path, purpose: str, room: float) -> None:
    log = database.with_name(f"{database.name}-wal")
    there = database.stat().st_size + (log.stat().st_size if log.exists() else 0)
    free, needed = shutil.disk_usage(database.parent).free, int(there * room)
    if free < needed:
        raise NoCopyError(
            f"{database.parent} has {free / 1e6:,.0f} MB free and a copy for the {purpose} needs "
            f"{needed / 1e6:,.0f} MB: make room, or work on a copy elsewhere "
            "(DATABASE_URL=sqlite:///...)"
        )


def _copy(database: Path, copy: Path, progress: Callable[[float], None]) -> None:
    copy.touch(mode=0o600)
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as read,
        closing(sqlite3.connect(copy)) as written,
    ):
        # One snapshot: else each commit of somebody else would have the copy begin anew.
        read.execute("BEGIN")
        read.execute("SELECT 1 FROM sqlite_master").fetchone()
        written.execute("PRAGMA synchronous = OFF")
        read.backup(
            written, pages=PAGES, progress=lambda _, left, pages: progress(1 - left / (pages or 1))
        )


def _remove(copy: Path) -> None:
    for ending in ENDINGS:
        copy.with_name(f"{copy.name}{ending}").unlink(missing_ok=True)
