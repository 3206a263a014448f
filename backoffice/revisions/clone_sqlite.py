"""A copy of SQLite's file beside it, gone afterwards."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine

from backoffice.database import set_up
from backoffice.revisions.trial import RehearsalRefusedError

PAGES = 2_000
"""How many pages are copied at once: between two such steps, Ctrl-C is heard."""

ROOM = 2.2
"""Times the file: the copy, and the log of a revision that writes all of it anew."""


@contextmanager
def clone(source: Engine, _revision: str | None, say: Callable[[str], None]) -> Iterator[Engine]:
    """A copy of the file as it is at one moment, while everybody goes on reading and writing.

    :raises RehearsalRefusedError: no room, or another rehearsal runs.
    """
    with _place(source) as (database, copy):
        _refuse_without_room(database)
        say(f"copying {database.name}")
        _copy(database, copy)
        engine = create_engine(f"sqlite:///{copy}")
        set_up(engine)
        try:
            yield engine
        finally:
            engine.dispose()


def sweep(source: Engine) -> None:
    """Delete what a killed rehearsal left."""
    with _place(source):
        pass


@contextmanager
def _place(source: Engine) -> Iterator[tuple[Path, Path]]:
    """(the database, where its copy may be), empty before and afterwards."""
    database = Path(str(source.url.database))
    with database.with_name(f"{database.name}.rehearse.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RehearsalRefusedError("another rehearsal is running: wait for it") from error
        copy = database.with_name(f"{database.name}.rehearsal")
        _remove(copy)  # only who has the lock has a copy
        try:
            yield database, copy
        finally:
            _remove(copy)


def _refuse_without_room(database: Path) -> None:
    log = database.with_name(f"{database.name}-wal")
    there = database.stat().st_size + (log.stat().st_size if log.exists() else 0)
    free, needed = shutil.disk_usage(database.parent).free, int(there * ROOM)
    if free < needed:
        raise RehearsalRefusedError(
            f"{database.parent} has {free / 1e6:,.0f} MB free and a rehearsal needs "
            f"{needed / 1e6:,.0f} MB: make room, or rehearse on a copy elsewhere "
            "(DATABASE_URL=sqlite:///...)"
        )


def _copy(database: Path, copy: Path) -> None:
    copy.touch(mode=0o600)
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as read,
        closing(sqlite3.connect(copy)) as written,
    ):
        # One snapshot: else each commit of somebody else would have the copy begin anew.
        read.execute("BEGIN")
        read.execute("SELECT 1 FROM sqlite_master").fetchone()
        written.execute("PRAGMA synchronous = OFF")
        read.backup(written, pages=PAGES)


def _remove(copy: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal", ".migrate.lock", ".waiting"):
        copy.with_name(f"{copy.name}{ending}").unlink(missing_ok=True)
