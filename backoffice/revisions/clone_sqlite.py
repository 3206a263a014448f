"""A copy of SQLite's file to rehearse on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine

from backoffice import sqlite_copy
from backoffice.database import set_up
from backoffice.revisions.trial import RehearsalRefusedError
from backoffice.sqlite_copy import NoCopyError

ROOM = 2.2
"""Times the file: the copy, and the log of a revision that writes all of it anew."""


@contextmanager
def clone(source: Engine, _revision: str | None, say: Callable[[str], None]) -> Iterator[Engine]:
    """A copy of the file as it is at one moment, while everybody goes on reading and writing.

    :raises RehearsalRefusedError: no room, or another rehearsal runs.
    """
    database = Path(str(source.url.database))
    say(f"copying {database.name}")
    try:
        with sqlite_copy.copied(database, "rehearsal", room=ROOM) as copy:
            engine = create_engine(f"sqlite:///{copy}")
            set_up(engine)
            try:
                yield engine
            finally:
                engine.dispose()
    except NoCopyError as error:
        raise RehearsalRefusedError(str(error)) from error


def sweep(source: Engine) -> None:
    """Delete what a killed rehearsal left."""
    try:
        sqlite_copy.sweep(Path(str(source.url.database)), "rehearsal")
    except NoCopyError as error:
        raise RehearsalRefusedError(str(error)) from error
