"""Transactions of long work beside staff: a connection of its own, short turns, another try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, OperationalError

from backoffice.database import db, is_busy, somebody_waits

T = TypeVar("T")

CHUNK_SECONDS = 0.35
"""How long one transaction may take; others have to wait for it.

Not much less: each transaction writes the pages of the indexes anew, mostly the same ones.
"""

FEWEST_ROWS = 1_000
MOST_ROWS = 50_000

PAUSE = 0.004
"""Seconds between two transactions on SQLite; a waiting writer asks every 0.002."""

TRIES = 6
"""For a write that broke a rule; looked at anew, what broke it is there to be seen."""

PATIENCE = 60.0
"""Seconds to try again while others hold what a write needs."""

LONGEST_PAUSE = 0.5

POSTGRES_LIMITS = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # Seconds; of a client that vanished, locks and the turn are free after a minute, not two hours.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    # Then it lets go of what it has locked itself, for others who wait, and tries again.
    "lock_timeout": "400ms",
    # Else each row's foreign keys are planned anew: a product took 50 µs and not 33.
    "plan_cache_mode": "auto",
    # Else each chunk reads the whole table rather than looking up its rows by their ids.
    "random_page_cost": "1.1",
}
SQLITE_LIMITS = {
    "busy_timeout": "600000",  # ms; staff at their desks wait less
    "cache_size": "-32768",  # KiB; sorting takes as much again
}


LONGEST_TURN = 3.0
"""Seconds that a transaction on SQLite may take while nobody waits to write."""


class Pace:
    """How many rows the next transaction takes, by how long the last one took."""

    def __init__(self) -> None:
        self.rows = FEWEST_ROWS

    @contextmanager
    def timed(self) -> Iterator[int]:
        begun = monotonic()
        yield self.rows
        seconds = max(monotonic() - begun, CHUNK_SECONDS / 100)
        fitting = int(self.rows * CHUNK_SECONDS / seconds)
        self.rows = max(FEWEST_ROWS, min(fitting, 2 * self.rows, MOST_ROWS))


@contextmanager
def own_connection() -> Iterator[Connection]:
    """A connection with limits of its own, thrown away afterwards with its temporary tables."""
    with db.engine.connect() as connection:
        try:
            with looking(connection):
                if connection.dialect.name == "postgresql":
                    for name, value in POSTGRES_LIMITS.items():
                        connection.execute(text(f"SET {name} = '{value}'"))
                else:
                    for name, value in SQLITE_LIMITS.items():
                        connection.execute(text(f"PRAGMA {name} = {value}"))
            if connection.dialect.name == "postgresql":
                # Prepared, a statement would keep the plan that was right for an empty table.
                driver = connection.connection.driver_connection
                driver.prepare_threshold = None  # type: ignore[union-attr]
            yield connection
        finally:
            connection.invalidate()


@contextmanager
def looking(connection: Connection) -> Iterator[None]:
    """A transaction that writes to temporary tables only, and so never waits for writers."""
    connection.execution_options(begins_reading=True)
    with connection.begin():
        yield


def in_turn(
    connection: Connection,
    pace: Pace,
    after: int,
    step: Callable[[int, int], int | None],
    hurry: Callable[[], bool] = bool,
) -> int | None:
    """Take the steps of one transaction; returns how far they came, None when nothing is left.

    Each transaction of SQLite writes the pages of the indexes anew, mostly the same ones: while
    nobody waits, it goes on. On PostgreSQL, who waits for a row is not to be seen.

    :param step: Takes how far it is done and how many rows to take; returns as ``in_turn`` does.
    :param hurry: Whether somebody wants to be heard after the transaction.
    """
    until = monotonic() + LONGEST_TURN
    last: int | None = after
    while last is not None:
        with pace.timed() as rows:
            last = step(last, rows)
        is_short = connection.dialect.name != "sqlite"
        if is_short or monotonic() > until or hurry() or somebody_waits(connection):
            break
    return last


def write(connection: Connection, work: Callable[[], T]) -> T:
    """What ``work`` returns, done in one transaction; tried again where somebody was in the way.

    :raises IntegrityError: what it writes breaks a rule, also when looked at anew.
    :raises OperationalError: others hold what it needs for longer than ``PATIENCE``.
    """
    connection.execution_options(begins_reading=False)
    until, pause, broken = monotonic() + PATIENCE, PAUSE, 0
    while True:
        try:
            with connection.begin():
                done = work()
        except IntegrityError:
            broken += 1
            if broken == TRIES:
                raise
        except OperationalError as error:
            if error.connection_invalidated or not is_busy(error) or monotonic() > until:
                raise
        else:
            break
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    if connection.dialect.name == "sqlite":
        sleep(PAUSE)
    return done
