"""Trying a revision again and again, each time so shortly that nobody notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from sqlite3 import SQLITE_BUSY
from time import perf_counter, sleep
from typing import Any

import click
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from backoffice.database import complaint
from backoffice.revisions.blockers import Blockers

GROWTH = 1.5


@dataclass(frozen=True)
class Patience:
    """How often and how long is waited; the defaults come to about eight minutes.

    A lock that we wait for keeps everybody behind us waiting too, so one try is short; the pauses
    let them through, and grow.
    """

    lock_ms: int = 1_000
    statement_ms: int = 15_000
    """As long as a page waits: a statement that takes longer under a lock makes pages fail."""
    tries: int = 30
    pause: float = 0.5
    longest_pause: float = 20.0

    def pauses(self) -> Iterator[float]:
        """Seconds to wait after each try but the last."""
        for number in range(self.tries - 1):
            yield min(self.pause * GROWTH**number, self.longest_pause)


def set_limits(connection: Connection, patience: Patience) -> None:
    """Have PostgreSQL give up a wait or a statement; SQLite waits as its pragma says."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET lock_timeout = {patience.lock_ms}"))
        connection.execute(text(f"SET statement_timeout = {patience.statement_ms}"))
        connection.commit()


def patiently(
    connection: Connection,
    work: Callable[[], None],
    doing: Callable[[], str],
    patience: Patience,
) -> None:
    """Run ``work``, which goes on where it was, until no lock is in its way.

    :param doing: Names the revision that is being tried.
    :raises RuntimeError: the tries are used up, or a statement took too long or was refused; names
        the revision and says what to do.
    """
    started = perf_counter()
    pauses = patience.pauses()
    failing, number = "", 0
    while True:
        with Blockers(connection) as blockers:
            try:
                work()
            except DBAPIError as error:
                connection.rollback()
                _refuse_what_takes_long(error, doing(), patience)
                if not _is_locked(error):
                    raise RuntimeError(_refused(error, doing())) from error
                # Each revision has all its tries.
                if doing() != failing:
                    failing, number, pauses = doing(), 0, patience.pauses()
                number += 1
                who, cause = blockers.describe(), error
            except RuntimeError as error:
                connection.rollback()
                raise RuntimeError(f"{doing()}: {error}") from error
            else:
                return
        pause = next(pauses, None)
        if pause is None:
            seconds = perf_counter() - started
            raise RuntimeError(
                f"{failing}: gave up after {number} tries in {seconds:.0f} s: {who}. The revision "
                f"changed nothing. {blockers.remedy()} and run this again."
            ) from cause
        click.echo(
            f"{failing}: {who}; try {number} of {patience.tries}, again in {pause:.1f} s", err=True
        )
        sleep(pause)


def _is_locked(error: DBAPIError) -> bool:
    if not isinstance(error, OperationalError):
        return False
    code: Any = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return bool(code & 0xFF == SQLITE_BUSY)
    return getattr(error.orig, "sqlstate", None) in {
        "55P03",  # lock_not_available
        "40P01",  # deadlock_detected
    }


def _refused(error: DBAPIError, doing: str) -> str:
    """What the database said of which statement."""
    at = f", at: {_beginning(error)}" if error.statement else ""
    kept = "" if error.connection_invalidated else " The revision changed nothing."
    return f"{doing}: {complaint(error)}{at}.{kept}"


def _beginning(error: DBAPIError) -> str:
    words = " ".join((error.statement or "").split())
    return words if len(words) <= 80 else f"{words[:80]}…"


def _refuse_what_takes_long(error: DBAPIError, doing: str, patience: Patience) -> None:
    if getattr(error.orig, "sqlstate", None) == "57014":  # query_canceled
        raise RuntimeError(
            f"{doing}: a statement took more than {patience.statement_ms / 1000:g} s and was "
            f"stopped, so that no page waits longer: {_beginning(error)}. The revision changed "
            "nothing. See `manage.py db rehearse` for what it locks; fill rows by a BACKFILL, or, "
            "where it blocks nobody, begin the revision with SET LOCAL statement_timeout = 0."
        ) from error
