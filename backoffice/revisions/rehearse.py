"""The pending revisions tried on a clone, which is gone afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from time import perf_counter

from sqlalchemy import Engine

from backoffice.database import begins_reading, db
from backoffice.revisions import clone_postgresql, clone_sqlite, running
from backoffice.revisions.contents import contents, differences
from backoffice.revisions.observed import Observed, size
from backoffice.revisions.trial import Rehearsal

Say = Callable[[str], None]


Clone = Callable[[Engine, str | None, Say], AbstractContextManager[Engine]]
"""(source, its revision, whom to tell) -> a database with the same rows, dropped at the end."""

CLONES: dict[str, tuple[Clone, Callable[[Engine], None]]] = {
    "postgresql": (clone_postgresql.clone, clone_postgresql.sweep),
    "sqlite": (clone_sqlite.clone, clone_sqlite.sweep),
}
"""Dialect -> (makes a clone, deletes what a killed rehearsal left)."""


def rehearse(target: str = "head", *, down: bool = False, say: Say) -> Rehearsal:
    """Clone the database, which is only read, and run the revisions up to ``target`` there.

    :param down: Take them back too, and compare the clone with what it was.
    :raises RehearsalRefusedError: see there.
    :raises CommandError: there is no such revision.
    """
    with begins_reading(db.engine).connect() as connection:
        revision = running.check_known(connection, target)
    clone, sweep = CLONES[db.engine.dialect.name]
    if revision == running.scripts().get_current_head():
        sweep(db.engine)
        return Rehearsal(revision, 0, 0, [])
    started = perf_counter()
    with clone(db.engine, revision, say) as engine:
        done = Rehearsal(revision, perf_counter() - started, _bytes(engine), [])
        before = _contents(engine) if down else None
        say("running the revisions")
        watch = Observed(engine)
        done.trials = watch.trials
        try:
            running.upgrade(engine, target, watch)
            if before is not None:
                say("taking them back")
                running.downgrade(engine, revision or "base", watch)
                done.differences = differences(before, _contents(engine))
        except RuntimeError as error:
            done.failure = str(error)
            watch.leave_out_unfinished()
        finally:
            watch.stop()
        return done


def _contents(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return contents(connection)


def _bytes(engine: Engine) -> int:
    with engine.connect() as connection:
        return size(connection)
