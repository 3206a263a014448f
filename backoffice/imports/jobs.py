"""What is done to a run in the background: the dry run, the import, the taking back.

The table of imports is the truth: a job is told the number of a run and does what its state asks
for. So it may be started twice, or never, and whoever looks after the runs mends it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, BinaryIO

from sqlalchemy import Connection, Row, select

from backoffice.database import begins_reading, db
from backoffice.history import Author, acting_for
from backoffice.imports import ledger, uploads
from backoffice.imports.chosen import Chosen
from backoffice.imports.kinds import KINDS
from backoffice.imports.ledger import RUNS, RunCancelledError, RunRefusedError
from backoffice.imports.queue import alone, is_free, is_left_alone
from backoffice.imports.read import FileRefused
from backoffice.imports.resume import resume
from backoffice.imports.run import Choices, Report, run_import
from backoffice.imports.told import told
from backoffice.imports.words import for_people
from backoffice.imports.work import looking, own_connection, write

log = logging.getLogger(__name__)

SECONDS_BETWEEN_NOTES = 0.5
"""How often a job says how far it is, and looks whether somebody cancelled it."""

MOST_TRIES = 5
"""How often a run is begun again that breaks off each time, or takes its process along."""

BROKE_OFF = "It broke off by a fault of ours, which was logged."


class StoppedError(Exception):
    """The process is about to end; another one goes on with the run."""


def work(run: int, stopping: Callable[[], bool] = bool) -> None:
    """Do what ``run`` waits for, if anything, and if nobody else is at it.

    :param stopping: Whether this process is about to end.
    """
    with own_connection() as connection, alone(connection, run) as is_ours:
        if not is_ours:
            return
        with looking(connection):
            noted = connection.execute(select(RUNS).where(RUNS.c.id == run)).one_or_none()
        if noted is not None and noted.state in ledger.PENDING:
            _Job(connection, noted, stopping).do()


def left_alone() -> list[int]:
    """The runs of the browser that have something to be done and nobody doing it, oldest first."""
    pending = select(RUNS.c.id, RUNS.c.progress)
    pending = pending.where(RUNS.c.state.in_(ledger.PENDING), RUNS.c.means == "browser")
    with begins_reading(db.engine).connect() as connection:
        with looking(connection):
            found = connection.execute(pending.order_by(RUNS.c.id)).all()
        return [
            noted.id
            for noted in found
            if noted.progress.get("tries", 0) < MOST_TRIES and is_left_alone(connection, noted.id)
        ]


@dataclass
class _Job:
    """What there is to do for one run, by who has it alone."""

    connection: Connection
    noted: Row[Any]
    stopping: Callable[[], bool]
    file: BinaryIO | None = field(default=None, init=False)
    size: int = field(default=0, init=False)
    next_note: float = field(default=0.0, init=False)
    is_cancelled: bool = field(default=False, init=False)

    def do(self) -> None:
        acts = {ledger.CHECKING: self._check, ledger.QUEUED: self._import}
        act = acts.get(self.noted.state, self._resume)
        tries = self.noted.progress.get("tries", 0)
        self._note(progress={"tries": tries + 1})  # before: it may end the process
        problem = ""
        try:
            with acting_for(Author(self.noted.asked_by or self.noted.actor, "browser")):
                act()
        except RunCancelledError:
            pass
        except (StoppedError, RunRefusedError) as refusal:
            problem = str(refusal)
        except FileRefused as refusal:
            self._note(progress={"tries": tries + 1, "problem": str(refusal)})
            return
        except Exception:
            log.exception("run %s broke off", self.noted.id)
            self._note(progress={"tries": tries + 1, "problem": BROKE_OFF})
            return
        self._note(progress={"problem": problem} if problem else {})

    def _check(self) -> None:
        report = self._imported(dry_run=True)
        if report is not None:
            kept = {"preview": told(report), "checked_at": datetime.now(UTC).isoformat()}
            self._settle(ledger.CHECKING, state=ledger.CHECKED, report=self._report(**kept))

    def _import(self) -> None:
        kind = KINDS[self.noted.kind]
        with looking(self.connection):
            earlier = ledger.interrupted(self.connection, kind)
        if earlier is not None and is_free(self.connection, kind.owner):
            # Told before the file is read: this is asked every few seconds.
            raise RunRefusedError(
                f"Waits for import {earlier.id} of {earlier.file}, which was interrupted."
            )
        report = self._imported(dry_run=False)
        if report is not None:
            self._tell(report)

    def _resume(self) -> None:
        rejects = uploads.rejects_of(self.noted.id)
        done = resume(self.noted.id, Choices(rejects_file=rejects, **self._hooks()))
        if isinstance(done, Report):
            if not done.rejected:
                rejects.unlink(missing_ok=True)
            self._tell(done)

    def _imported(self, *, dry_run: bool) -> Report | None:
        """What the run does, or would do; None if the file as a whole is refused."""
        noted, path = self.noted, uploads.path_of(self.noted.id)
        chosen = Chosen.of(noted.choices)
        rejects = uploads.rejects_of(noted.id)
        hooks = {"run": noted.id, "rejects_file": rejects, **self._hooks()}
        choices = Choices(dry_run=dry_run, **{**hooks, **chosen.how})
        try:
            source = uploads.opened(path, name=noted.file, reading=chosen.reading)
            report = run_import(KINDS[noted.kind], source, chosen.mapping, choices)
        except (FileRefused, OSError) as refusal:
            problem = str(refusal) if isinstance(refusal, FileRefused) else "The file is gone."
            rejects.unlink(missing_ok=True)
            values: dict[str, Any] = {"state": ledger.UPLOADED}
            if not dry_run:
                values = {"state": ledger.REFUSED, "ended_at": datetime.now(UTC)}
            self._settle(noted.state, **values, report=self._report(problem=problem))
            return None
        if not report.rejected:
            rejects.unlink(missing_ok=True)
        return report

    def _tell(self, report: Report) -> None:
        """Keep what the run did; where it wrote nothing, its end as well."""
        kept = self._report(done=told(report))
        if report.run is not None:
            self._note(report=kept)
            return
        refused = report.rejected and not self.noted.choices["skip_refused"]
        counts = {name: getattr(report, name) for name in ("inserted", "updated", "rejected")}
        self._settle(
            self.noted.state,
            state=ledger.REFUSED if refused else ledger.DONE,
            ended_at=datetime.now(UTC),
            total=report.rows,
            report=kept,
            **counts,
        )

    def _report(self, **more: Any) -> dict[str, Any]:
        """What is kept of the run, with ``more``; of an earlier problem nothing."""
        with looking(self.connection):
            kept = ledger.get(self.connection, self.noted.id).report
        return {name: part for name, part in kept.items() if name != "problem"} | more

    def _note(self, **values: Any) -> None:
        write(self.connection, lambda: ledger.note(self.connection, self.noted.id, **values))

    def _settle(self, before: str, **values: Any) -> None:
        """Note ``values`` unless somebody has cancelled the run.

        Of one that was taken back by what it came upon while it wrote, the report says why.
        """
        run, move, report = self.noted.id, ledger.move, values["report"]

        def settle() -> None:
            moved = move(self.connection, run, (before,), **values)
            if not moved and before != ledger.CHECKING:
                move(self.connection, run, (ledger.CANCELLED,), report=report)

        write(self.connection, settle)

    # How far it is, and whether it is to go on.

    def _hooks(self) -> dict[str, Any]:
        asked: dict[str, Any] = {"watch": self._watch, "waiting": self._waits}
        asked |= {"cancelled": self._cancelled, "hurry": self.stopping}
        return {**asked, "words": for_people}

    def _waits(self) -> None:
        with looking(self.connection):
            progress = ledger.get(self.connection, self.noted.id).progress
        self._note(progress={**progress, "waits": True})

    def _watch(self, file: BinaryIO) -> BinaryIO:
        self.file, self.size = file, os.fstat(file.fileno()).st_size
        return file

    def _cancelled(self) -> bool:
        """Asked between batches and chunks, when no transaction is open."""
        if self.stopping():
            raise StoppedError("It goes on when the server is up again.")
        if monotonic() >= self.next_note:
            self.next_note = monotonic() + SECONDS_BETWEEN_NOTES
            with looking(self.connection):
                noted = ledger.get(self.connection, self.noted.id)
            self.is_cancelled = noted.state in {ledger.CANCELLING, ledger.CANCELLED}
            read = self._read()
            if read:
                self._note(progress={**noted.progress, "read": read, "size": self.size})
        return self.is_cancelled

    def _read(self) -> int:
        """Bytes of the file that are read; 0 when it is closed again."""
        if self.file is None or self.file.closed:
            return 0
        return self.file.tell()
