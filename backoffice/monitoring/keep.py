"""The query log is kept here: requests hand their records over, and a thread writes them.

No request waits for it, and none fails by it. What a database that is busy does not take stays
in memory as far as it fits, added up; what does not fit is counted.
"""

from __future__ import annotations

import atexit
import logging
import os
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from time import monotonic, sleep

from flask import Flask, current_app
from sqlalchemy import Engine
from sqlalchemy.exc import DataError

from backoffice import querylog
from backoffice.database import begins_reading, db, is_busy, writes_at_once
from backoffice.monitoring import metrics
from backoffice.monitoring.bounds import prune
from backoffice.monitoring.explained import Explained, Judged
from backoffice.monitoring.pending import Pending
from backoffice.monitoring.write import write
from backoffice.querylog import UNRECORDED, Record

log = logging.getLogger(__name__)

SECONDS_BETWEEN = 2.0
"""From one look at what waits to the next; slow calls are written then."""

SECONDS_BETWEEN_WRITING = 10.0
"""When there is nothing slow: on SQLite each commit costs all readers what they had in memory."""

SECONDS_BETWEEN_PRUNING = 60.0
ROWS_BETWEEN_PRUNING = 500
"""Pruned is what comes first."""

SECONDS_TO_END = 2.0
"""How long a process that ends waits for what it still has to write."""

MOST_WAITING = 5_000
"""Records of requests that were not added up yet: more than can be answered between two looks."""

SHAPES_AT_ONCE = 100
"""Written in one transaction: others wait for the one writer of SQLite meanwhile."""

SECONDS_FOR_OTHERS = 0.005
"""Between two of them; who waits asks each 2 ms."""

MOST_STEPS = 50
"""Of deleting, one after the other."""

NAME = "kept_query_log"


def now() -> datetime:
    """The moment that entries are put down to."""
    return datetime.now(UTC)


def _engine() -> Engine:
    """For writes that nobody waits for, nor hears of."""
    return writes_at_once(db.engine.execution_options(**{UNRECORDED: True}))


class Keeper:
    """The log of one application in this process; ``dropped`` counts what found no place."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.dropped = self._told = 0
        self._forget()
        # What waits is the parent's to write, and its locks may be taken for good.
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        # Writing may wait for the database; who only counts does not wait for that.
        self._lock, self._writing, self._ends = Lock(), Lock(), Event()
        self._thread: Thread | None = None
        self._waiting: deque[Record] = deque()
        self._counted: list[Record] = []
        self._pending, self._explained = Pending(), Explained()
        self._written, self._prune_at, self._write_at = 0, 0.0, 0.0

    def receive(self, record: Record) -> None:
        """Take the record of a request that is over: on the request's path, so no more than that.

        The thread begins here and not with the application: it would not outlive a fork.
        """
        if len(self._waiting) + len(self._counted) >= MOST_WAITING:
            self.dropped += 1
            return
        self._waiting.append(record)
        if self._thread is None and not self.app.testing:
            self._begin()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._work, name="query log", daemon=True)
                self._thread.start()
                atexit.register(self.end)

    def _work(self) -> None:
        ends = self._ends
        while not ends.wait(SECONDS_BETWEEN):
            self.flush(if_due=True)
        until = monotonic() + SECONDS_TO_END
        # Another process of the server ends, and writes, at the same time.
        while not self.flush() and monotonic() < until:
            sleep(SECONDS_FOR_OTHERS)

    def end(self) -> None:
        """Write what waits, if that goes quickly, and work no more."""
        if self._thread is not None:
            self._ends.set()
            self._thread.join(SECONDS_TO_END)

    def forget(self) -> None:
        """Let go of all that waits, and explain everything anew."""
        with self._writing, self._lock:
            self._waiting.clear()
            self._counted.clear()
            self._pending, self._explained = Pending(), Explained()
            self._written, self._prune_at, self._write_at = 0, 0.0, 0.0
            self.dropped = self._told = 0

    def flush(self, if_due: bool = False) -> bool:
        """Write what waits; whether nothing waits any more. Raises nothing.

        :param if_due: Only add up what nobody would miss as yet.
        """
        with self._writing, self.app.app_context():
            try:
                self._add_up()
                if if_due and not self._pending.slow and monotonic() < self._write_at:
                    return False
                if self._pending:
                    self._write_at = monotonic() + SECONDS_BETWEEN_WRITING
                    self._write()
                    self._prune_now_and_then()
            except Exception as error:
                # The first line alone: the rest may quote people's data.
                says = str(error).partition("\n")[0]
                if is_busy(error):
                    log.info("the query log waits: %s", says)
                    return False
                log.warning("a part of the query log is lost: %s", says)
                self.dropped += len(self._pending.sums) + len(self._pending.slow)
                self._pending = Pending()
            return True

    def count(self) -> None:
        """Have the requests up to now in the metrics."""
        with self._lock, self.app.app_context():
            self._count()

    def _count(self) -> None:
        records = []
        while self._waiting:
            records.append(self._waiting.popleft())
        metrics.count(self.app, records, self.dropped - self._told)
        self._told = self.dropped
        if self.app.config["QUERY_LOG"]:
            self._counted += records

    def _add_up(self) -> None:
        with self._lock:
            self._count()
            records, self._counted = self._counted, []
        self.dropped += self._pending.add(records, now())

    def _write(self) -> None:
        pending = self._pending
        engine = db.engine.execution_options(**{UNRECORDED: True})
        slow = {call.fingerprint: call.sample for call in pending.slow}
        reading = begins_reading(engine)
        if engine.dialect.name == "postgresql":  # where a statement that fails ends a transaction
            reading = reading.execution_options(isolation_level="AUTOCOMMIT")
        with reading.connect() as connection:
            plans = self._explained.plans(connection, pending.shapes, slow)
        try:
            while pending:
                part = pending.part(SHAPES_AT_ONCE)
                try:
                    unplanned = self._write_part(part, plans)
                except DataError:
                    part.forget_values()
                    unplanned = self._write_part(part, plans)
                # Somebody else has deleted them: with the log, or as too many.
                self._explained.forget(unplanned)
                pending.remove(part)
                self._written += len(part.shapes) + len(part.sums) + len(part.slow)
                if pending:
                    sleep(SECONDS_FOR_OTHERS)
        except Exception:
            self._explained.forget(set(plans) & set(pending.shapes))
            raise

    def _write_part(self, part: Pending, plans: Mapping[str, Judged]) -> list[str]:
        with _engine().begin() as connection:
            return write(connection, part, plans, now())

    def _prune_now_and_then(self) -> None:
        """In small steps, so that nobody waits long for SQLite's one writer."""
        if self._written < ROWS_BETWEEN_PRUNING and monotonic() < self._prune_at:
            return
        self._written, self._prune_at = 0, monotonic() + SECONDS_BETWEEN_PRUNING
        for _ in range(MOST_STEPS):
            with _engine().begin() as connection:
                if not prune(connection, now()):
                    return


def init_app(app: Flask) -> None:
    """Count what the requests of ``app`` ask, and keep it unless the setting says not to."""
    keeper = app.extensions[NAME] = Keeper(app)
    querylog.on_request_end(app, keeper.receive)


def keeper() -> Keeper:
    """That of the current application."""
    found: Keeper = current_app.extensions[NAME]
    return found


def flush() -> bool:
    """Write what waits in this process: for pages that show the log, and for tests.

    False when the database is busy, and what waits is still to come.
    """
    return keeper().flush()


def forget() -> None:
    """Let go of what waits in this process."""
    keeper().forget()
