"""The ledger: which runs there are, and how far each came, in the transactions of its chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select, update

from backoffice import history
from backoffice.imports.kinds import KINDS, Kind
from backoffice.imports.mapping import FieldMap
from backoffice.imports.read import Source, as_text
from backoffice.imports.undone import Undone
from backoffice.models import ImportRun

# In the browser a run is there from the upload of its file on; a command's when it writes.
UPLOADED = "uploaded"
CHECKING = "checking"
CHECKED = "checked"
QUEUED = "queued"
REFUSED = "refused"
RUNNING = "running"
DONE = "done"
CANCELLING = "cancelling"
CANCELLED = "cancelled"
UNDO_QUEUED = "undo queued"
UNDOING = "undoing"
UNDONE = "undone"

UNFINISHED = (RUNNING, CANCELLING, UNDOING)
"""States in which a run that nobody works at was interrupted."""

PENDING = (CHECKING, QUEUED, UNDO_QUEUED, *UNFINISHED)
"""States that a job ends."""

COUNTED = (DONE, REFUSED, UNDONE)
"""States of a run whose counts add up: all its rows were looked at, and nothing is under way."""

UNWRITTEN = (UPLOADED, CHECKING, CHECKED, QUEUED, REFUSED)
"""States of a run that has written nothing."""

assert isinstance(ImportRun.__table__, Table)  # noqa: S101 - for the type checker
RUNS = ImportRun.__table__


COUNTS = ("rows", "inserted", "updated", "unchanged", "rejected")
"""The rows of a file, and the four kinds of them that add up to these."""


class RunRefusedError(Exception):
    """The state of the runs does not allow it; the message says which run, and what to do."""


class RunCancelledError(Exception):
    """Somebody cancelled the import; what it had written was taken back.

    ``undone`` says what had to stay; None where nothing was written yet.
    """

    def __init__(self, undone: Undone | None = None) -> None:
        super().__init__(undone)
        self.undone = undone


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity(
    source: Source, content: str, mapping: FieldMap, choices: dict[str, Any]
) -> dict[str, Any]:
    """What makes an import the same as one before: the file's content and how it is taken."""
    return {
        "digest": content,
        "choices": {"reading": asdict(source.reading), "mapping": asdict(mapping), **choices},
    }


def begin(
    connection: Connection,
    source: Source,
    kind: Kind,
    planned: dict[str, Any],
    run: int | None = None,
) -> int:
    """Note a run that is about to write its first chunk; returns its number.

    :param run: The run that is noted already, and queued.
    :raises RunCancelledError: it is queued no more.
    """
    who = history.author()
    values = {
        "kind": kind.name,
        "file": source.name[:300],
        "path": as_text(str(source.path.absolute())),
        "state": RUNNING,
        "actor": who.actor,
        "means": who.means,
        **planned,
    }
    if run is not None:
        if not move(connection, run, (QUEUED,), **values, started_at=datetime.now(UTC)):
            raise RunCancelledError
        return run
    run = connection.scalar(insert(RUNS).values(values).returning(RUNS.c.id))
    assert run is not None  # noqa: S101 - RETURNING of an insert has a row
    return int(run)


def move(connection: Connection, run: int, states: Collection[str], **values: Any) -> bool:
    """Change what is noted of ``run`` if it is in one of ``states``; whether it was."""
    changed = update(RUNS).where(RUNS.c.id == run, RUNS.c.state.in_(states)).values(values)
    return connection.scalar(changed.returning(RUNS.c.id)) is not None


def note(connection: Connection, run: int, **values: Any) -> None:
    """Change what is noted of ``run``."""
    connection.execute(update(RUNS).where(RUNS.c.id == run).values(values))


def get(connection: Connection, run: int) -> Row[Any]:
    """What is noted of ``run``.

    :raises RunRefusedError: there is no such run.
    """
    found = connection.execute(select(RUNS).where(RUNS.c.id == run)).one_or_none()
    if found is None:
        raise RunRefusedError(f"there is no run {run}: `imports list` shows them")
    return found


def nothing_left(noted: Row[Any]) -> str:
    """Why an ended run is not gone on with."""
    return f"run {noted.id} of {noted.file} is {noted.state}: nothing is left to do"


def counts_of(noted: Any) -> dict[str, int]:
    """The ``COUNTS`` of a run; what is unchanged is the rest."""
    written = {name: getattr(noted, name) for name in ("inserted", "updated", "rejected")}
    told = {"rows": noted.total, **written, "unchanged": noted.total - sum(written.values())}
    return {name: told[name] for name in COUNTS}


def interrupted(connection: Connection, kind: Kind) -> Row[Any] | None:
    """The unfinished run into the table of ``kind``; to be asked by who has the turn."""
    same = [other.name for other in KINDS.values() if other.owner is kind.owner]
    unfinished = select(RUNS).where(RUNS.c.state.in_(UNFINISHED), RUNS.c.kind.in_(same))
    return connection.execute(unfinished.order_by(RUNS.c.id).limit(1)).one_or_none()


def finish(connection: Connection, run: int, state: str, at: datetime, **values: Any) -> None:
    """Note that nothing is left to do."""
    note(connection, run, state=state, ended_at=at, **values)
