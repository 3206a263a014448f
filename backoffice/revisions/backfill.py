"""Filling rows of a large table in batches, each in a short transaction of its own.

A revision that fills rows does nothing else before it, and says so by a constant, which
``manage.py db upgrade`` runs before the revision's own transaction begins:

    BACKFILL = Batches(
        name="0009 products.margin",
        table="products",
        statement="UPDATE products SET margin = price * 0.3"
        " WHERE id > :after AND id <= :upto AND margin IS NULL",
    )

The revision counts as done only afterwards, so one that was killed is run again, and the ledger
tells where to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter, sleep

from sqlalchemy import Connection, Engine, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from backoffice.database import is_busy
from backoffice.models import Backfill

TARGET_SECONDS = 0.2
"""A batch grows or shrinks to take about this long: who writes on SQLite waits for all of it."""

LONGEST_SECONDS = 1.0
"""PostgreSQL stops a batch that takes longer; it is tried again with fewer rows."""

FIRST_ROWS = 500
MOST_ROWS = 50_000
PAUSE = 0.25
"""Of the time that a batch took: the share that it leaves to everybody else."""
LEAST_PAUSE = 0.01
TRIES = 60
SECONDS_BETWEEN_REPORTS = 5.0


@dataclass(frozen=True)
class Batches:
    """What to fill: ``statement`` changes those rows of ``table`` with :after < id <= :upto."""

    name: str
    table: str
    statement: str

    def __post_init__(self) -> None:
        if not (":after" in self.statement and ":upto" in self.statement):
            raise ValueError(
                f"{self.name}: the statement must change WHERE id > :after AND id <= :upto"
            )


@dataclass(frozen=True)
class Filled:
    """How far it is; ``rows`` counts all, ``batches`` and ``seconds`` those of this run."""

    name: str
    position: int
    rows: int
    batches: int
    seconds: float
    longest: float


def run(engine: Engine, fill: Batches, progress: Callable[[Filled], None] | None = None) -> Filled:
    """Fill what is not filled yet; killed at any moment, it may be run again.

    Rows that come while it runs are filled too, so long as their ids go up. So are those that came
    after it had ended, when its revision was killed before the commit: it goes on once more.

    :param progress: Told every few seconds.
    :raises OperationalError: locks were in the way of a batch ``TRIES`` times in a row.
    :raises RuntimeError: a batch took too long as often, however few its rows.
    """
    started = told = perf_counter()
    size, batches, longest = FIRST_ROWS, 0, 0.0
    position, rows = _begin(engine, fill)
    finished = False
    while not finished:
        seconds, position, rows, finished = _one_with_patience(engine, fill, size)
        longest = max(longest, seconds)
        batches += 1
        size = _next_size(size, seconds)
        if progress and perf_counter() - told > SECONDS_BETWEEN_REPORTS:
            told = perf_counter()
            progress(Filled(fill.name, position, rows, batches, told - started, longest))
        sleep(max(PAUSE * seconds, LEAST_PAUSE))
    return Filled(fill.name, position, rows, batches, perf_counter() - started, longest)


def forget(connection: Connection, fill: Batches) -> None:
    """Have it done anew the next time; for a revision that is taken back."""
    connection.execute(delete(Backfill).where(Backfill.name == fill.name))


def _begin(engine: Engine, fill: Batches) -> tuple[int, int]:
    """(position, rows) of the ledger, which has a row afterwards."""
    of_ours = select(Backfill.position, Backfill.rows).where(Backfill.name == fill.name)
    with suppress(IntegrityError), engine.begin() as connection:  # two may begin at once
        if connection.execute(of_ours).one_or_none() is None:
            first = connection.scalar(text(f"SELECT min(id) FROM {fill.table}"))  # noqa: S608
            values = {"name": fill.name, "position": (first or 1) - 1, "rows": 0}
            connection.execute(insert(Backfill), {**values, "started_at": _now()})
    with engine.begin() as connection:
        found = connection.execute(of_ours).one()
        return found.position, found.rows


def _one_with_patience(engine: Engine, fill: Batches, size: int) -> tuple[float, int, int, bool]:
    """(seconds, position, rows, whether it is finished) of a batch of ``size`` rows or fewer."""
    for number in range(TRIES):
        started = perf_counter()
        try:
            with engine.begin() as connection:
                done = _one(connection, fill, max(size >> number, 1))
        except OperationalError as error:
            # A row that staff are saving, or the time was not enough for so many.
            if not is_busy(error):
                raise
            if number == TRIES - 1:
                _refuse_what_takes_long(error, fill)
                raise
            sleep(min(0.1 * 1.5**number, 5.0))
        else:
            return (perf_counter() - started, *done)
    raise AssertionError  # pragma: no cover - the last try raises


def _refuse_what_takes_long(error: OperationalError, fill: Batches) -> None:
    """Name this limit: a revision's own statements have another."""
    if getattr(error.orig, "sqlstate", None) == "57014":  # query_canceled
        words = " ".join((error.statement or "").split())[:80]
        raise RuntimeError(
            f"{fill.name}: the smallest batch took more than {LONGEST_SECONDS:g} s and was "
            f"stopped, {TRIES} times, so that nobody waits longer for its rows: {words}. What is "
            "filled stays so: see what is slow about it, and run this again."
        ) from error


def _one(connection: Connection, fill: Batches, size: int) -> tuple[int, int, bool]:
    if connection.dialect.name == "postgresql":
        milliseconds = int(1000 * LONGEST_SECONDS)
        connection.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
        connection.execute(text(f"SET LOCAL lock_timeout = {milliseconds}"))
    # Read here and locked: two at once take turns and none does what the other has done.
    position, rows = connection.execute(
        select(Backfill.position, Backfill.rows).where(Backfill.name == fill.name).with_for_update()
    ).one()
    upto = connection.scalar(
        text(
            f"SELECT max(id) FROM (SELECT id FROM {fill.table} WHERE id > :after "  # noqa: S608
            "ORDER BY id LIMIT :size) AS batch"
        ),
        {"after": position, "size": size},
    )
    values: dict[str, object] = {"finished_at": _now()}
    if upto is not None:
        changed = connection.execute(text(fill.statement), {"after": position, "upto": upto})
        position, rows = upto, rows + changed.rowcount
        values = {"position": position, "rows": rows}
    connection.execute(update(Backfill).where(Backfill.name == fill.name).values(values))
    return position, rows, upto is None


def _next_size(size: int, seconds: float) -> int:
    """At most double or a quarter of ``size``, aiming at the target."""
    factor = min(max(TARGET_SECONDS / max(seconds, 0.001), 0.25), 2.0)
    return min(max(int(size * factor), 1), MOST_ROWS)


def _now() -> datetime:
    return datetime.now(UTC)
