"""One import a table at a time: the next waits until the one before it has ended, or has died."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from sqlalchemy import Connection, Table, text

from backoffice.imports.work import looking

SECONDS_BETWEEN_LOOKS = 0.1


@contextmanager
def turn(
    connection: Connection, table: Table, waiting: Callable[[], None] | None = None
) -> Iterator[None]:
    """Wait for other imports into ``table``, and keep others waiting.

    The lock is the database session's, or an open file's beside the embedded database: whatever
    ends the process lets go of it. So who has it knows that no run noted as running is alive.

    :param waiting: Called once when there is somebody to wait for.
    """
    wait = _advisory_lock if connection.dialect.name == "postgresql" else _file_lock
    with wait(connection, table) as try_lock:
        if not try_lock():
            if waiting:
                waiting()
            while not try_lock():
                sleep(SECONDS_BETWEEN_LOOKS)
        yield


@contextmanager
def _advisory_lock(connection: Connection, table: Table) -> Iterator[Callable[[], bool]]:
    """Asked for again and again: who waits in a statement keeps its snapshot, and vacuum back."""
    key = {"key": f"import into {table.name}"}

    def try_lock() -> bool:
        with looking(connection):
            locked = text("SELECT pg_try_advisory_lock(hashtext(:key))")
            return bool(connection.scalar(locked, key))

    try:
        yield try_lock
    finally:
        if not connection.invalidated and not connection.in_transaction():
            with looking(connection):
                connection.execute(text("SELECT pg_advisory_unlock(hashtext(:key))"), key)


@contextmanager
def _file_lock(connection: Connection, table: Table) -> Iterator[Callable[[], bool]]:
    database = Path(str(connection.engine.url.database))
    with database.with_name(f"{database.name}.{table.name}.lock").open("a") as file:

        def try_lock() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        yield try_lock
