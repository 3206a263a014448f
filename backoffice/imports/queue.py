"""One import a table at a time, and one worker a run: locks that end with whoever holds them."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import monotonic, sleep

from sqlalchemy import Connection, Table, text

from backoffice.imports.work import looking

SECONDS_BETWEEN_LOOKS = 0.1


@contextmanager
def turn(
    connection: Connection,
    table: Table,
    waiting: Callable[[], None] | None = None,
    between: Callable[[], object] = bool,
) -> Iterator[None]:
    """Wait for other imports into ``table``, and keep others waiting.

    The lock is the database session's, or an open file's beside the embedded database: whatever
    ends the process lets go of it. So who has it knows that no run noted as running is alive.

    :param waiting: Called once when there is somebody to wait for.
    :param between: Called between any two looks whether it is our turn; ends the waiting by what
        it raises.
    """
    with _lock(connection, table.name) as try_lock:
        if not try_lock():
            if waiting:
                waiting()
            while not try_lock():
                between()
                sleep(SECONDS_BETWEEN_LOOKS)
        yield


def is_free(connection: Connection, table: Table) -> bool:
    """Whether nobody has the turn for ``table`` just now."""
    with _lock(connection, table.name) as try_lock:
        return try_lock()


@contextmanager
def alone(connection: Connection, run: int, patience: float = 1.0) -> Iterator[bool]:
    """Whether nobody else works at ``run``; nobody else will meanwhile.

    Held from the reading of the file on, while the turn comes only with its merge.

    :param patience: Seconds to wait for somebody who only looks whether it is free.
    """
    until = monotonic() + patience
    with _lock(connection, _name(run)) as try_lock:
        while not (locked := try_lock()) and monotonic() < until:
            sleep(SECONDS_BETWEEN_LOOKS)
        yield locked


def is_left_alone(connection: Connection, run: int) -> bool:
    """Whether nobody works at ``run`` just now."""
    with alone(connection, run, patience=0) as is_ours:
        return is_ours


def _name(run: int) -> str:
    # Locks beside the embedded database are files that stay: a bounded number of them. Two runs
    # that share one are worked at one after the other.
    return f"run-{run % 64}"


def _lock(connection: Connection, name: str) -> AbstractContextManager[Callable[[], bool]]:
    wait = _advisory_lock if connection.dialect.name == "postgresql" else _file_lock
    return wait(connection, name)


@contextmanager
def _advisory_lock(connection: Connection, name: str) -> Iterator[Callable[[], bool]]:
    """Asked for again and again: who waits in a statement keeps its snapshot, and vacuum back."""
    key = {"key": f"import into {name}"}
    locked = False

    def try_lock() -> bool:
        nonlocal locked
        with looking(connection):
            lock = text("SELECT pg_try_advisory_lock(hashtext(:key))")
            locked = bool(connection.scalar(lock, key))
        return locked

    try:
        yield try_lock
    finally:
        if locked and not connection.invalidated and not connection.in_transaction():
            with looking(connection):
                connection.execute(text("SELECT pg_advisory_unlock(hashtext(:key))"), key)


@contextmanager
def _file_lock(connection: Connection, name: str) -> Iterator[Callable[[], bool]]:
    database = Path(str(connection.engine.url.database))
    with database.with_name(f"{database.name}.{name}.lock").open("a") as file:

        def try_lock() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        yield try_lock
