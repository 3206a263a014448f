"""SQLite's copy: the whole file, beside it."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from backoffice.database import analyze, begins_reading, db, set_up
from backoffice.indexes.copied import Scratch, ScratchError

PAGES_A_STEP = 20_000
"""Of the file, copied between two looks at the progress bar."""


@contextmanager
def copied_file(
    database: Path, tables: Iterable[str], progress: Callable[[str], None]
) -> Iterator[Scratch]:
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
            yield from _copied(folder / "copy.db", tables, progress)
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


def _copied(
    file: Path, tables: Iterable[str], progress: Callable[[str], None]
) -> Iterator[Scratch]:
    engine = create_engine(f"sqlite:///{file}")
    set_up(engine)
    try:
        with begins_reading(engine).connect() as connection:
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
                # Else what fresh statistics bring would count for the first index.
                analyze(connection, tables)
            yield copy
    finally:
        engine.dispose()
