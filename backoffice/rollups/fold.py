"""Bringing the rollups up to date with the tables, from the queue that the triggers write.

In transactions of about a third of a second, each of which takes what it brought up to date out
of the queue: killed at any moment, nothing is lost and nothing is counted twice. Days are read
again from orders and lines; what differs from before is added to the periods that have the day.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime
from time import monotonic
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, text

from backoffice.database import begins_reading, db
from backoffice.rollups import statements
from backoffice.rollups.keys import is_day, key_of, runs_of
from backoffice.rollups.periods import PERIODS, Days, days_of
from backoffice.rollups.statements import run
from backoffice.rollups.steps import empty, own_connection, step, sweep

log = logging.getLogger(__name__)

SECONDS_A_STEP = 0.3
"""How long one transaction should take: on SQLite everybody who writes waits for it."""

ORDERS_A_STEP = 100_000
MOST_ROWS_OF_STOCK = 50
MANY_DAYS = 60


class State(NamedTuple):
    """How far the rollups are.

    ``number`` counts the times they were brought up to date, ``day`` is the last day of their
    periods, ``at`` the moment up to which they have every change, and ``waiting`` says whether
    there are changes that they have not seen.
    """

    number: int
    day: date | None
    at: datetime | None
    waiting: bool

    def is_current(self, today: date) -> bool:
        """Whether they say what the tables say."""
        return self.day == today and not self.waiting


@dataclass
class Folded:
    """What a call of ``fold`` did, and how many days it left to be read again.

    There may be more than those: orders are waiting whose days are not known yet.
    """

    days: int = 0
    left: int = 0
    is_done: bool = True


def state(connection: Connection) -> State:
    """How far the rollups are in what ``connection`` sees: one statement, a probe of each table."""
    row = connection.execute(
        text(
            "SELECT number, day, at, EXISTS (SELECT 1 FROM rollup_changes) FROM rollup_state"
        ).columns(day=statements.TYPES["day"], at=statements.TYPES["at"])
    ).one_or_none()
    if row is None:  # somebody emptied the tables
        return State(0, None, None, True)
    return State(row[0], row[1], row[2], bool(row[3]))


def fold(seconds: float | None = None, patience: float = 10, today: date | None = None) -> Folded:
    """Bring the rollups up to date, on a connection and in transactions of its own.

    Newest days first. Nothing is written when there is nothing to do.

    :param seconds: Begin no further transaction after so many, None for until all is done.
    :param patience: Seconds to wait for SQLite's one writer, or for somebody else who folds.
    :param today: The last day of the periods, by default that of now in UTC.
    :raises SomebodyElseError: somebody else folded all that time.
    :raises OperationalError: the database is busy; what was done until then stays.
    """
    until = None if seconds is None else monotonic() + seconds
    folded = Folded()
    with begins_reading(db.engine).connect() as connection, connection.begin():
        current = state(connection)
    if current.is_current(today or datetime.now(UTC).date()):
        return folded
    with own_connection(patience) as connection:
        pace = _Pace()
        while True:
            began = datetime.now(UTC)  # a change that commits from now on may not be seen
            with step(connection, patience, in_page=seconds is not None):
                done = _Step(connection, began, today or began.date(), pace).run()
            folded.days += done.days
            folded.left = done.left
            folded.is_done = not done.more
            if not done.more or (until is not None and monotonic() > until):
                break
    if folded.days > MANY_DAYS and folded.is_done:
        sweep()
    return folded


@dataclass
class _Pace:
    """How many days a transaction takes: as many as are read in ``SECONDS_A_STEP``."""

    days: int = 4

    def took(self, days: int, seconds: float) -> None:
        wanted = days * SECONDS_A_STEP / max(seconds, 0.001)
        self.days = max(1, min(int(wanted), 4 * self.days))


class _Done(NamedTuple):
    days: int
    left: int
    more: bool


@dataclass
class _Step:
    """What one transaction does: whatever is in the queue but days, and then some days."""

    connection: Connection
    began: datetime
    today: date
    pace: _Pace

    def run(self) -> _Done:
        connection = self.connection
        current = state(connection)
        what = set(connection.scalars(text("SELECT DISTINCT what FROM rollup_changes")))
        if not what and current.day == self.today:
            return _Done(0, 0, False)
        if "all" in what:
            run(connection, *statements.BEGIN_ANEW)
        if "order" in what:
            self._find_days_of_orders()
        keys = self._days()
        if "product" in what:
            self._follow_suppliers()
        if "stock" in what:
            run(connection, *statements.COUNT_STOCK)
        self._forget("all", "product", "catalog", "stock")
        postponed = self._postpones(len(keys))
        if not postponed:
            before = None if "all" in what else current.day
            if before != self.today:
                self._move_on(before)
        days = self._take(keys, postponed)
        self._add_up_stock()
        left = len(keys) - days
        more = bool(left) or ("order" in what and bool(self._waiting("order", limit=1)))
        run(
            connection,
            statements.NOTE,
            day=None if postponed else self.today,
            at=None if more else self.began,
        )
        return _Done(days, left, more)

    def _postpones(self, days: int) -> bool:
        """Whether periods are added up when the days are done, and not with each of them.

        Half as much work in all, but one long transaction, which on SQLite nobody could write in.
        """
        return days > MANY_DAYS and self.connection.dialect.name == "postgresql"

    def _days(self) -> list[int]:
        """The days in the queue, the newest first; what is no day is thrown out.

        Both databases store moments of which Python has no date. No page could show such an order,
        and nobody would see any figure any more if the queue held on to it.
        """
        keys = self._waiting("day")
        strange = [key for key in keys if not is_day(key)]
        for key in strange:
            log.warning("orders placed on the day %s are in no figure: it is no date", key)
            self.connection.execute(
                text("DELETE FROM rollup_changes WHERE what = 'day' AND key = :key").bindparams(
                    bindparam("key", key, BigInteger())
                )
            )
        return [key for key in keys if key not in strange] if strange else keys

    def _waiting(self, what: str, limit: int = -1) -> list[int]:
        """The keys in the queue, the largest first."""
        limited = f" LIMIT {limit}" if limit >= 0 else ""
        return list(
            self.connection.scalars(
                text(
                    "SELECT DISTINCT key FROM rollup_changes WHERE what = :what "
                    f"ORDER BY key DESC{limited}"
                ),
                {"what": what},
            )
        )

    def _forget(self, *kinds: str) -> None:
        for kind in kinds:
            self.connection.execute(
                text("DELETE FROM rollup_changes WHERE what = :what"), {"what": kind}
            )

    def _move_on(self, before: date | None) -> None:
        """Take into the periods the days that have come, and out of them those that have gone."""
        for period in PERIODS:
            new = days_of(period, self.today)
            old = days_of(period, before) if before else None
            if old is None or not new.meets(old):
                for table in ("product_periods", "supplier_periods"):
                    self.connection.execute(
                        text(f"DELETE FROM {table} WHERE period = :period"),
                        {"period": period},
                    )
                old = None
            come = new.without(old) if old else [new]
            gone = old.without(new) if old else []
            for sign, parts in ((1, come), (-1, gone)):
                for days in parts:
                    run(
                        self.connection,
                        statements.MOVE_DAYS,
                        period=period,
                        sign=sign,
                        first=days.first,
                        last=days.last,
                    )
        self._apply("product_periods", "supplier_periods")

    def _follow_suppliers(self) -> None:
        run(self.connection, *statements.ONCE_A_PRODUCT)
        take_off, add, follow = statements.MOVE_SUPPLIERS
        for period in PERIODS:
            run(self.connection, take_off, add, period=period)
        self._apply("supplier_periods")
        for period in PERIODS:
            run(self.connection, follow, period=period)

    def _find_days_of_orders(self) -> None:
        """Name the days of changed orders in the queue: where an order lies now, not at the time.

        The day that an order has left is there already, by the trigger of orders.
        """
        last = run(self.connection, statements.LAST_ORDER, most=ORDERS_A_STEP).scalar_one()
        run(self.connection, *statements.ORDERS_TO_DAYS, last=last)

    def _take(self, keys: list[int], postponed: bool) -> int:
        """Read the newest days again, as many as fit one transaction; returns how many."""
        started, taken = monotonic(), 0
        for days in runs_of(keys[: self.pace.days]):
            self._read(days, postponed)
            taken += (days.last - days.first).days + 1
        if taken:
            self.pace.took(taken, monotonic() - started)
        return taken

    def _read(self, days: Days, postponed: bool) -> None:
        """Bring the rollups up to date with ``days``; the periods later where that is better."""
        empty(self.connection)
        here = {"first": days.first, "last": days.last}
        run(self.connection, statements.READ_LINES, **here)
        run(self.connection, *statements.WRITE_SALES, statements.COMPARE, **here)
        self._analyze("rollup_diff")
        run(self.connection, *statements.WRITE_PRODUCTS)
        if not postponed:
            self._move_difference(days)
        self.connection.execute(
            text("DELETE FROM rollup_changes WHERE what = 'day' AND key BETWEEN :first AND :last"),
            {"first": key_of(days.first), "last": key_of(days.last)},
        )

    def _move_difference(self, days: Days) -> None:
        """Add what differs to the periods that have these days."""
        for period in PERIODS:
            its = days_of(period, self.today)
            if its.meets(days):
                within = {"first": max(its.first, days.first), "last": min(its.last, days.last)}
                run(self.connection, statements.MOVE_DIFFERENCE, period=period, **within)
        self._apply("product_periods", "supplier_periods")

    def _apply(self, *tables: str) -> None:
        """Add the moves to ``tables``."""
        self._analyze("rollup_moves")
        for table in tables:
            key = table.replace("_periods", "_id")
            run(self.connection, *statements.apply_moves(table, key))
        empty(self.connection, "rollup_moves")

    def _analyze(self, table: str) -> None:
        """Else PostgreSQL takes ten rows for a thousand, and reads all periods to find them."""
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(text(f"ANALYZE {table}"))

    def _add_up_stock(self) -> None:
        rows = self.connection.scalar(text("SELECT count(*) FROM stock_states")) or 0
        if rows > MOST_ROWS_OF_STOCK:
            run(self.connection, *statements.ADD_UP_STOCK)
