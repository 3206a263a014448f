"""SQLite's copy: the whole file, beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from backoffice.database import analyze, begins_reading, set_up
from backoffice.indexes.advice.copied import Scratch, ScratchError
from backoffice.sqlite_copy import NoCopyError, copied

ROOM = 2.0
"""Times the file: the copy, its new indexes, and its log."""


@contextmanager
def copied_file(
    database: Path, tables: Iterable[str], progress: Callable[[str], None]
) -> Iterator[Scratch]:
    try:
        with copied(
            database,
            "measurement",
            room=ROOM,
            progress=lambda share: progress(f"copied {share:.0%}"),
        ) as copy:
            yield from _set_up(copy, tables)
    except NoCopyError as error:
        raise ScratchError(str(error)) from error


def _set_up(copy: Path, tables: Iterable[str]) -> Iterator[Scratch]:
    engine = create_engine(f"sqlite:///{copy}")
    set_up(engine)
    try:
        with begins_reading(engine).connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA synchronous = 0")
            driver.execute("PRAGMA foreign_keys = 0")
            driver.execute("PRAGMA ignore_check_constraints = 1")
            scratch = Scratch(connection)
            with connection.begin():
                triggers = scratch.run("SELECT name FROM sqlite_master WHERE type = 'trigger'")
                for (name,) in triggers:
                    scratch.run(f"DROP TRIGGER {name}")
                # Else what fresh statistics bring would count for the first index.
                analyze(connection, tables)
            yield scratch
    finally:
        engine.dispose()
