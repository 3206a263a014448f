"""Building the indexes that are missing, without being in the way of those who write.

Each database has a module of its own: PostgreSQL builds beside writers, SQLite in their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from time import perf_counter

from sqlalchemy import Connection

from backoffice.database import begins_reading, db
from backoffice.indexes import build_at_once, build_concurrently
from backoffice.indexes.limits import USUAL, BuildRefusedError, Limits
from backoffice.indexes.plan import Comparison, State, compare
from backoffice.models.searched import fts_table, rebuild_search, wrong_search

OTHERWISE = {
    State.DIFFERENT: "there, but not as declared. Drop it ({drop}), and build again.",
    State.BUILDING: "somebody else builds it at this moment. Build again when that is done.",
    State.MISSING: "not there although it was built. Somebody drops indexes.",
    State.INVALID: "not valid although it was built. Build again.",
}


@dataclass(frozen=True)
class Step:
    """How far a build is: the ``number``-th of ``total`` is at ``share``, if that is known."""

    name: str
    number: int
    total: int
    phase: str = ""
    share: float | None = None


@dataclass(frozen=True)
class Built:
    """One index that was built."""

    name: str
    seconds: float


Watch = Callable[[Step], None]


def to_build(connection: Connection, names: Collection[str] = ()) -> list[Comparison]:
    """The declared indexes that are missing, and the invalid ones that an interrupted build left.

    :param names: These alone; empty: all.
    """
    return [
        index
        for index in _declared(connection, names)
        if index.state in {State.MISSING, State.INVALID}
    ]


def build(
    names: Collection[str] = (), *, watch: Watch | None = None, limits: Limits = USUAL
) -> Iterator[Built]:
    """Build what ``to_build`` names, one after the other, and yield each when it is done.

    PostgreSQL: CONCURRENTLY, so writers go on. SQLite has no such thing: there writers wait for
    one index at a time, no longer than ``Limits.hold_seconds``. Killed at any moment on either, it
    may be run again. SQLite's search is filled anew where it is wrong.

    :param names: These alone; empty: all.
    :param watch: Called with every step, also from another thread.
    :raises BuildRefusedError: others were in the way, or an index is there with other columns than
        declared: what it serves would suffer while it is replaced, so a person decides when.
    """
    here = build_at_once if db.engine.dialect.name == "sqlite" else build_concurrently
    with here.connected(limits) as connection:
        yield from _fill_search(connection, names, limits)
        with _reading() as looking:
            wanted = to_build(looking, names)
        number = 0
        for table, indexes in groupby(wanted, key=lambda index: index.table):
            for index in indexes:
                number += 1
                tell = partial(_tell, watch, Step(index.name, number, len(wanted)))
                tell("", None)
                started = perf_counter()
                here.make(connection, index, limits, tell)
                yield Built(index.name, perf_counter() - started)
            here.analyze_table(connection, table)
    with _reading() as looking:
        _check(looking, names)


def _declared(connection: Connection, names: Collection[str]) -> list[Comparison]:
    return [
        index
        for index in compare(connection)
        if index.declared is not None and (not names or index.name in names)
    ]


def _reading() -> Connection:
    return begins_reading(db.engine).connect()


def _fill_search(connection: Connection, names: Collection[str], limits: Limits) -> Iterator[Built]:
    with _reading() as looking:
        wrong = [table for table in wrong_search(looking) if not names or fts_table(table) in names]
    for table in wrong:
        started = perf_counter()
        build_at_once.hold(
            connection, fts_table(table), partial(rebuild_search, connection, table), limits
        )
        yield Built(fts_table(table), perf_counter() - started)


def _tell(watch: Watch | None, step: Step, phase: str, share: float | None) -> None:
    if watch:
        watch(Step(step.name, step.number, step.total, phase, share))


def _check(connection: Connection, names: Collection[str]) -> None:
    """Complain of declared indexes that are not as they should be, all at once."""
    drop = "DROP INDEX CONCURRENTLY" if connection.dialect.name == "postgresql" else "DROP INDEX"
    complaints = [
        f"{index.name}: {OTHERWISE[index.state].format(drop=drop)}"
        for index in _declared(connection, names)
        if index.state in OTHERWISE
    ]
    if complaints:
        raise BuildRefusedError("\n".join(complaints))
