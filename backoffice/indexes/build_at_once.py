"""Building on SQLite: one transaction an index, and writers wait for its end.

SQLite cannot build beside writers. A build that takes longer than they should wait is taken back
as soon as one of them has waited so long, and tried again when nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from backoffice.database import Base, analyze, db, is_busy, somebody_waits
from backoffice.indexes.declared import create_index
from backoffice.indexes.limits import BuildRefusedError, Limits, Tell
from backoffice.indexes.notes import write_note
from backoffice.indexes.plan import Comparison

STEPS_BETWEEN_LOOKS = 20_000
"""How many of its steps SQLite takes before it looks who waits; some milliseconds."""

SORT_KIB = 2_000
"""What SQLite sorts in memory at a time, by the size of its cache.

With the 64 MB of the web it sorts a million entries in one step, in which it looks at nothing, and
takes half as long again: a small heap stays in the processor's own cache.
"""

TURN = 0.05
LONGEST_TURN = 1.0
"""Seconds between two transactions, in which those who wait have theirs: they ask every 0.002.

On a busy machine they come late; who missed the turn would wait for the next index as well.
"""


@contextmanager
def connected(_limits: Limits) -> Iterator[Connection]:
    """A connection of our own, thrown away afterwards: it looks at other things than the web's."""
    with db.engine.connect() as connection:
        try:
            yield connection
        finally:
            connection.invalidate()


def make(connection: Connection, index: Comparison, limits: Limits, tell: Tell) -> None:
    """Build ``index``, whole or not at all; what the planner should know of it comes with it."""
    assert index.declared is not None  # noqa: S101 - what is to be built is declared
    statement = create_index(index.declared, connection)
    note = f" /* {write_note(datetime.now(UTC))} */)"
    # SQLite keeps the text as it is written. The first closing bracket that ends the keys:
    # a condition after them has none of its own before a WHERE.
    keys, where, condition = statement.partition(" WHERE ")
    noted = keys.removesuffix(")") + note + where + condition
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA cache_size = -{SORT_KIB}")
    steps = _steps(driver, index, statement)

    def work() -> None:
        if not _is_there(connection, index):  # else another build was faster
            connection.exec_driver_sql(noted)
        analyze(connection, [index.name])

    hold(connection, index.name, work, limits, tell=tell, steps=steps)


def analyze_table(_connection: Connection, _table: str) -> None:
    """Nothing: each index was analyzed as it was built."""


def hold(
    connection: Connection,
    name: str,
    work: Callable[[], None],
    limits: Limits,
    *,
    tell: Tell | None = None,
    steps: int | None = None,
) -> None:
    """Do ``work`` in one transaction, which is taken back where somebody waited for too long.

    :param steps: How many steps of SQLite's it takes, if that is known.
    :raises BuildRefusedError: somebody was in the way in each try.
    """
    for tries_left in reversed(range(limits.tries)):
        try:
            with connection.begin(), _looking(connection, limits.hold_seconds, tell, steps):
                work()
        except OperationalError as error:
            if not is_busy(error):
                raise
            if not tries_left:
                raise BuildRefusedError(
                    f"{name}: others were writing in each of {limits.tries} tries, and would have "
                    f"waited longer than {limits.hold_seconds:g} s. Build again in a quiet hour, "
                    "or let them wait longer with --hold."
                ) from error
            if tell:
                tell("waiting until nobody writes", None)
            sleep(limits.pause_seconds)
        else:
            _give_way(connection)
            return


def _give_way(connection: Connection) -> None:
    until = monotonic() + LONGEST_TURN
    sleep(TURN)
    while somebody_waits(connection) and monotonic() < until:
        sleep(TURN)


@contextmanager
def _looking(
    connection: Connection, patience: float, tell: Tell | None, steps: int | None
) -> Iterator[None]:
    """Look every few steps how far the work is, and end it if somebody waits for too long."""
    driver: Any = connection.connection.driver_connection
    began, looks = monotonic(), 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        if tell:
            share = min(looks * STEPS_BETWEEN_LOOKS / steps, 1.0) if steps else None
            tell("building, writers wait", share)
        return monotonic() - began > patience and somebody_waits(connection)

    driver.set_progress_handler(look, STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)  # what follows is the commit, which is short


def _steps(driver: Any, index: Comparison, statement: str) -> int | None:
    """How many steps the build takes: SQLite's program has two loops over the rows.

    A row that the index leaves out takes fewer, and ids that were deleted none: it ends early.

    :param driver: Reads without a transaction, which would wait for those who write.
    """
    if not Base.metadata.tables[index.table].dialect_options["sqlite"]["with_rowid"]:
        return None
    # First, as EXPLAIN alone does not notice that others have changed the schema.
    (rows,) = driver.execute(f"SELECT max(rowid) FROM {index.table}").fetchone()  # noqa: S608 - ours
    there = "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?"
    if not rows or driver.execute(there, [index.name]).fetchone():
        return None
    loops = {"Next", "SorterNext"}
    program = driver.execute(f"EXPLAIN {statement}").fetchall()
    a_row = sum(1 + place - start for place, step, _, start, *_ in program if step in loops)
    return int(a_row * rows)


def _is_there(connection: Connection, index: Comparison) -> bool:
    there = text("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = :name")
    return connection.scalar(there, {"name": index.name}) is not None
