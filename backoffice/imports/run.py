"""One import from file to tables: read, validate, stage, check, merge."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.exc import IntegrityError

from backoffice import history
from backoffice.imports import ledger
from backoffice.imports.check import Counts, check, to_create
from backoffice.imports.differences import Sample, changes_by_column, samples
from backoffice.imports.kinds import Kind
from backoffice.imports.ledger import RunCancelledError, RunRefusedError
from backoffice.imports.mapping import FieldMap, Layout, match
from backoffice.imports.merge import Merge
from backoffice.imports.queue import turn
from backoffice.imports.read import Batch, FileRefused, Source, batches
from backoffice.imports.refused import changed_meanwhile
from backoffice.imports.rejects import Reason, Reject, reasons, rejects
from backoffice.imports.stage import Stage, fill, leave_out, make_stage
from backoffice.imports.undo import take_back
from backoffice.imports.validate import Complaint, validate
from backoffice.imports.work import Pace, looking, own_connection, write


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How to import: the options of the command.

    ``clears`` says that a blank cell empties what is stored; else it leaves it as it is.
    ``watch`` wraps the open file, so that a progress bar sees how much was read; ``waiting`` is
    called once when another import comes first; ``cancelled`` is asked between any two batches or
    transactions. An exception in the middle of a statement could not be taken back by that
    connection. ``hurry``, which makes no query, is asked within a transaction whether to end it.
    ``words`` puts the reasons in the file of refused rows for who reads it.
    ``run`` is the run in the ledger that this is, where it is noted already.
    """

    dry_run: bool = False
    create_missing: bool = False
    skip_refused: bool = False
    clears: bool = False
    rejects_file: Path | None = None
    words: Callable[[str], str] = str
    run: int | None = None
    watch: Callable[[BinaryIO], BinaryIO] | None = None
    waiting: Callable[[], None] | None = None
    cancelled: Callable[[], bool] = bool
    hurry: Callable[[], bool] = bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one import did, or in a dry run would do.

    Inserted, updated, unchanged and rejected add up to the rows of the file. Where a refused row
    refuses the file, the rows without a fault count as unchanged: they changed nothing.
    ``columns`` maps a field to the number of known rows in which it changes. ``run`` is the run's
    number in the ledger, None when nothing was written. ``meanwhile`` counts the rows that others
    had written between the check of the file and its merge; ``versions`` is ``Counts.versions``.
    """

    kind: str
    file: str
    run: int | None = None
    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    meanwhile: int = 0
    versions: int = 0
    seconds: float = 0.0
    encoding: str = ""
    delimiter: str = ""
    read_as: str = ""
    created: dict[str, int] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    columns: dict[str, int] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    rejects: tuple[Reject, ...] = ()
    reasons: tuple[Reason, ...] = ()


def run_import(kind: Kind, source: Source, mapping: FieldMap, choices: Choices) -> Report:
    """Load ``source`` into the table of ``kind``, chunk by chunk, each in a transaction of its own.

    A run that was interrupted goes on when the same file is imported in the same way again. Memory
    does not grow with the file.

    :raises FileRefused: the file as a whole cannot be taken; nothing of it stays written.
    :raises RunRefusedError: another run into the same table was interrupted and comes first, or
        nothing of the run to go on with is left to do.
    :raises RunCancelledError: it was cancelled.
    """
    begun = time.monotonic()
    layout = match(kind, mapping, source.header, source.header_line)
    layout, source = replace(layout, clears=choices.clears), replace(source, numbers=layout.numbers)
    as_it_was = _state_of(source.path)
    with own_connection() as connection:
        to = make_stage(connection, layout)
        complaints: list[Complaint] = []
        read, dialect = batches(source, choices.watch), connection.dialect.name
        read = _unless(choices.cancelled, read)
        valid = validate(layout, read, complaints, dialect, source)
        total = fill(connection, to, valid, complaints)
        digest = "" if choices.dry_run else ledger.digest(source.path)
        if _state_of(source.path) != as_it_was:
            raise FileRefused(1, "the file was changed while it was read: import it again")
        job = _Job(connection, layout, source, mapping, choices, to, total, digest)
        if choices.dry_run:
            report = job.check().report
        else:
            with turn(
                connection, kind.owner, choices.waiting, partial(_stop_if, choices.cancelled)
            ):
                report = job.run()
    return replace(report, seconds=round(time.monotonic() - begun, 3))


@dataclass(frozen=True)
class _Checked:
    counts: Counts
    report: Report


@dataclass(frozen=True)
class _Job:
    """One import whose rows are staged."""

    connection: Connection
    layout: Layout
    source: Source
    mapping: FieldMap
    choices: Choices
    to: Stage
    total: int
    digest: str

    def check(self) -> _Checked:
        """What the import would do; every row is looked at."""
        connection, layout, to = self.connection, self.layout, self.to
        with looking(connection):
            counts = check(connection, layout, to, create_missing=self.choices.create_missing)
            changed = changes_by_column(connection, layout, to)
            shown = samples(connection, layout, to, changed)
            named = rejects(
                connection,
                self.source,
                layout,
                to,
                self.choices.rejects_file,
                words=self.choices.words,
            )
            most = reasons(connection, to) if named else ()
            missing = to_create(connection, layout, to) if self.choices.create_missing else {}
        if counts.refused and not self.choices.skip_refused:
            counts, missing = Counts(0, 0, counts.refused), {}
        report = Report(
            kind=layout.kind.name,
            file=self.source.name,
            encoding=self.source.encoding,
            delimiter=self.source.delimiter,
            read_as=self.source.told,
            rows=self.total,
            inserted=counts.new,
            updated=counts.changed,
            unchanged=self.total - counts.new - counts.changed - counts.refused,
            rejected=counts.refused,
            versions=counts.versions,
            created=missing,
            ignored=layout.ignored,
            columns={name: column.rows for name, column in changed.items()},
            samples=shown,
            rejects=named,
            reasons=most,
        )
        return _Checked(counts, report)

    def run(self) -> Report:
        """Check and merge; for who has the turn."""
        identity = ledger.identity(self.source, self.digest, self.mapping, self._chosen)
        earlier = self._interrupted(identity)
        checked = self.check()
        if checked.counts.refused and not self.choices.skip_refused:
            if earlier is not None:
                take_back(self.connection, earlier.id, cancelled=True)
            return checked.report
        with looking(self.connection):
            leave_out(self.connection, self.to, earlier.merged_line if earlier else 0)
        if earlier is None and not checked.counts.new + checked.counts.changed:
            return checked.report
        _stop_if(self.choices.cancelled)
        if earlier is not None:
            # What is merged already is as the file says: nobody's change.
            return replace(self._merge(earlier.id, checked), versions=0)
        return self._merge(self._begin(identity, checked), checked)

    @property
    def _chosen(self) -> dict[str, Any]:
        names = ("create_missing", "skip_refused", "clears")
        return {name: getattr(self.choices, name) for name in names}

    def _interrupted(self, identity: dict[str, Any]) -> Row[Any] | None:
        """The run to go on with.

        :raises RunRefusedError: it is another's.
        """
        with looking(self.connection):
            earlier = ledger.interrupted(self.connection, self.layout.kind)
            noted = ledger.get(self.connection, self.choices.run) if self.choices.run else None
        if earlier is None:
            if noted and noted.state != ledger.QUEUED:  # finished, or taken back, by another
                raise RunRefusedError(ledger.nothing_left(noted))
            return None
        same = (
            earlier.kind == self.layout.kind.name
            and self.choices.run in {None, earlier.id}
            and all(getattr(earlier, name) == value for name, value in identity.items())
        )
        if earlier.state == ledger.RUNNING and same:
            return earlier
        raise RunRefusedError(
            f"run {earlier.id} of {earlier.file} was interrupted and comes first: "
            f"`imports resume {earlier.id}` finishes it, `imports undo {earlier.id}` takes it back"
        )

    def _begin(self, identity: dict[str, Any], checked: _Checked) -> int:
        """Note the run and its history entries: of the table, and of what is made besides."""
        connection, kind, report = self.connection, self.layout.kind, checked.report
        at = datetime.now(UTC)

        def begin() -> int:
            counts = {name: getattr(report, name) for name in ledger.COUNTS}
            planned = {**identity, "total": report.rows}
            run = ledger.begin(connection, self.source, kind, planned, self.choices.run)
            told = {"kind": kind.name, "file": report.file, "import": run, **counts}
            made = {name: {**told, "inserted": count} for name, count in report.created.items()}
            tables = made | {kind.table.name: told}
            entries = {
                name: history.add_entry(
                    connection,
                    action="import",
                    table=name,
                    label=report.file[:300],
                    changes=changes,
                    at=at,
                )
                for name, changes in tables.items()
            }
            ledger.note(connection, run, entries=entries)
            return run

        return write(connection, begin)

    def _merge(self, run: int, checked: _Checked) -> Report:
        try:
            meanwhile = self._merge_chunks(run, checked.report.columns)
            noted = write(self.connection, lambda: self._finish(run))
        except (RunCancelledError, FileRefused, IntegrityError) as error:
            left = take_back(self.connection, run, cancelled=True)
            if isinstance(error, RunCancelledError):
                raise RunCancelledError(left) from error
            if isinstance(error, IntegrityError):
                raise changed_meanwhile(error) from error
            raise
        counts: dict[str, Any] = ledger.counts_of(noted)
        more = {"run": run, "created": noted.created, "meanwhile": meanwhile}
        return replace(checked.report, **counts, **more)

    def _merge_chunks(self, run: int, changed: Collection[str]) -> int:
        """Merge what is left; returns the number of rows that others changed meanwhile."""
        with looking(self.connection):
            noted = ledger.get(self.connection, run)
        merge = Merge(
            self.connection,
            self.layout,
            self.to,
            run,
            entries=noted.entries,
            at=datetime.now(UTC),
            changed=changed,
            created=dict(noted.created),
            hurry=self.choices.hurry,
        )
        line: int | None = noted.merged_line
        meanwhile, pace = 0, Pace()
        while line is not None:
            _stop_if(self.choices.cancelled)
            line, changed_by_others = merge.turn(line, pace)
            meanwhile += changed_by_others
        return meanwhile

    def _finish(self, run: int) -> Row[Any]:
        """:raises RunCancelledError: somebody did so after its last chunk."""
        connection, complaints = self.connection, self.to.complaints.c
        noted = ledger.get(connection, run)
        below = select(func.count(complaints.line.distinct()))
        refused = connection.scalar(below.where(complaints.line > noted.merged_line)) or 0
        values = {"rejected": noted.rejected + refused, "ended_at": datetime.now(UTC)}
        if not ledger.move(connection, run, (ledger.RUNNING,), state=ledger.DONE, **values):
            raise RunCancelledError
        return ledger.get(connection, run)


def _state_of(path: Path) -> tuple[int, int, int]:
    """What tells whether the file was written or replaced meanwhile."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise RunCancelledError


def _unless(cancelled: Callable[[], bool], batches: Iterator[Batch]) -> Iterator[Batch]:
    """``batches`` until somebody cancels."""
    for batch in batches:
        _stop_if(cancelled)
        yield batch
