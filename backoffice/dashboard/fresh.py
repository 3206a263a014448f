"""What every page of figures begins with: rollups that are up to date, and one moment for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from backoffice.database import is_busy
from backoffice.rollups.catch_up import catch_up
from backoffice.rollups.fold import fold
from backoffice.rollups.steps import SomebodyElseError

SECONDS_TO_FOLD, SECONDS_TO_WAIT = 1.0, 0.5
"""How long a page brings the rollups up to date, and how long it waits for its turn to do so."""


@dataclass(frozen=True)
class Freshness:
    """The moment of figures, and whether what changed before it is in them.

    ``left`` is how many days are still to be added, None if that is not known.
    """

    as_of: datetime
    is_behind: bool = False
    left: int | None = None


def brought_up_to_date(
    session: Session, seconds: float | None = None, patience: float | None = None
) -> Freshness:
    """Bring the rollups up to date as far as that goes quickly; ends the session's transaction.

    Else a page would hold two connections meanwhile, and on SQLite see the state from before.
    Where much has changed a thread goes on. By default it takes ``SECONDS_TO_FOLD``.
    """
    session.commit()
    # Noted before the first statement: a change that commits meanwhile may or may not be in.
    as_of = datetime.now(UTC).replace(microsecond=0)
    try:
        folded = fold(
            SECONDS_TO_FOLD if seconds is None else seconds,
            SECONDS_TO_WAIT if patience is None else patience,
        )
    except SomebodyElseError:
        return Freshness(as_of, is_behind=True)
    except (OperationalError, PoolTimeout) as error:
        if not is_busy(error):
            raise
        return Freshness(as_of, is_behind=True)
    if not folded.is_done:
        catch_up(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001
    return Freshness(as_of, not folded.is_done, folded.left)


@contextmanager
def one_snapshot(session: Session) -> Iterator[Connection]:
    """A transaction of the session in which all statements see the same rows; ends the one before.

    PostgreSQL's usual one looks anew for each statement; SQLite's never does. It takes the place
    of the session's, which only read: two connections a page could use up the pool.
    """
    session.commit()
    options: dict[str, Any] = {"begins_reading": True}
    if session.get_bind().dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    try:
        yield session.connection(execution_options=options)
    except BaseException:
        session.rollback()
        raise
    session.commit()
