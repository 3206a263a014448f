"""What people ask of a run in the browser: each changes its state, if that is still as they saw it.

The caller commits, and then has the job done.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select

from backoffice import history
from backoffice.imports import ledger
from backoffice.imports.chosen import Chosen
from backoffice.imports.ledger import RUNS, move

MAPPABLE = (ledger.UPLOADED, ledger.CHECKED, ledger.REFUSED)
"""States in which it can be said anew how the file is taken."""

CANCELLABLE = (*MAPPABLE[:2], ledger.CHECKING, ledger.QUEUED, ledger.RUNNING)


def newest(limit: int, before: int | None = None, after: int | None = None) -> Select[Any]:
    """The runs, newest first; of those ``after`` a run, oldest first."""
    if after is not None:
        later = select(RUNS).where(RUNS.c.id > after)
        return later.order_by(RUNS.c.id).limit(limit)
    runs = select(RUNS).order_by(RUNS.c.id.desc()).limit(limit)
    return runs if before is None else runs.where(RUNS.c.id < before)


def by_number(run: int) -> Select[Any]:
    """One run."""
    return select(RUNS).where(RUNS.c.id == run)


def add(connection: Connection, kind: str, file: str, digest: str, source: dict[str, Any]) -> int:
    """Note an uploaded file; returns the number of its run."""
    who = history.author()
    values = {
        "kind": kind,
        "file": file,
        "digest": digest,
        "choices": Chosen().as_kept() | {"reading": source["asked"]},
        "state": ledger.UPLOADED,
        "actor": who.actor,
        "means": who.means,
        "report": {"source": source},
    }
    run = connection.scalar(insert(RUNS).values(values).returning(RUNS.c.id))
    assert run is not None  # noqa: S101 - RETURNING of an insert has a row
    return int(run)


def read_anew(connection: Connection, noted: Row[Any], source: dict[str, Any]) -> bool:
    """Note that the file is to be read in another way; what it was mapped to is forgotten."""
    choices = Chosen().as_kept() | {"reading": source["asked"]}
    report = {"source": source}
    state = ledger.UPLOADED
    return move(connection, noted.id, MAPPABLE, state=state, choices=choices, report=report)


def fill(
    connection: Connection, run: int, source: dict[str, Any], choices: dict[str, Any], mapping: int
) -> bool:
    """Note that the file is read, and proposed to be taken, as the saved ``mapping`` says."""
    report = {"source": source, "mapping": mapping}
    state = ledger.UPLOADED
    return move(connection, run, MAPPABLE, state=state, choices=choices, report=report)


def check(
    connection: Connection, noted: Row[Any], chosen: Chosen, keep: dict[str, Any] | None = None
) -> bool:
    """Have it found out what the import would do.

    :param keep: Name and choices of the mapping that is to be saved when it is imported.
    """
    return move(
        connection,
        noted.id,
        MAPPABLE,
        state=ledger.CHECKING,
        choices=chosen.as_kept(),
        report={"source": noted.report["source"], "keep": keep or {}},
        ended_at=None,
        **_asked(),
    )


def apply(connection: Connection, run: int) -> bool:
    """Have it imported as it was checked."""
    return move(connection, run, (ledger.CHECKED,), state=ledger.QUEUED, **_asked())


def cancel(connection: Connection, run: int) -> bool:
    """Have nothing of it stay: what is written is taken back by a job."""
    states, now = CANCELLABLE[:-1], datetime.now(UTC)
    return move(connection, run, states, state=ledger.CANCELLED, ended_at=now) or move(
        connection, run, (ledger.RUNNING,), state=ledger.CANCELLING, **_asked()
    )


def is_undoable(noted: Row[Any]) -> bool:
    """Whether there is anything to take back."""
    return noted.state == ledger.DONE and bool(noted.entries)


def undo(connection: Connection, run: int) -> bool:
    """Have it taken back."""
    noted = connection.execute(by_number(run)).one()
    is_asked = is_undoable(noted) and move(
        connection, run, (ledger.DONE,), state=ledger.UNDO_QUEUED, **_asked()
    )
    return bool(is_asked)


def again(connection: Connection, run: int) -> bool:
    """Have a run that broke off begun once more."""
    return move(connection, run, ledger.PENDING, **_asked())


def _asked() -> dict[str, Any]:
    return {"asked_by": history.author().actor, "progress": {}}
