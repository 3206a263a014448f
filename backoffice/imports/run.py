"""One import from file to tables: read, validate, stage, check, merge."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy.orm import Session

from backoffice import history
from backoffice.database import allow_long_work
from backoffice.imports.check import Counts, check
from backoffice.imports.kinds import Kind
from backoffice.imports.mapping import FieldMap, Layout, match
from backoffice.imports.merge import created_rows, merge, take_lock, written
from backoffice.imports.read import Source, batches
from backoffice.imports.rejects import Reject, rejects
from backoffice.imports.stage import Stage, stage, staging
from backoffice.imports.validate import Complaint, validate


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How to import: the options of the command."""

    dry_run: bool = False
    create_missing: bool = False
    skip_refused: bool = False
    rejects_file: Path | None = None
    watch: Callable[[BinaryIO], BinaryIO] | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one import did, or in a dry run would do.

    Inserted, updated, unchanged and rejected add up to the rows of the file. Where a refused row
    refuses the file, the rows without a fault count as unchanged: they changed nothing.
    ``run`` is the id of the history entry, None when nothing was written.
    """

    kind: str
    file: str
    run: int | None = None
    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    seconds: float = 0.0
    encoding: str = ""
    delimiter: str = ""
    read_as: str = ""
    created: dict[str, int] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    rejects: tuple[Reject, ...] = ()


def run_import(
    session: Session, kind: Kind, source: Source, mapping: FieldMap, choices: Choices
) -> Report:
    """Load ``source`` into the table of ``kind``; the caller commits, or rolls back on an error.

    ``session`` must not be in a transaction yet: this one begins as a reading one, so that rows
    are validated and staged while others write. Memory does not grow with the file.

    :raises FileRefused: the file as a whole cannot be read; nothing was written.
    """
    begun = time.monotonic()
    layout = match(kind, mapping, source.header, source.header_line)
    connection = session.connection(execution_options={"begins_reading": True})
    allow_long_work(connection)
    with staging(connection, layout) as to:
        complaints: list[Complaint] = []
        read, dialect = batches(source, choices.watch), connection.dialect.name
        valid = validate(layout, read, complaints, dialect, source)
        total = stage(connection, to, valid, complaints)
        if not choices.dry_run:
            take_lock(connection, kind.owner)
        counts = check(connection, layout, to, create_missing=choices.create_missing)
        refused = rejects(connection, source, layout, to, choices.rejects_file)
        if counts.refused and not choices.skip_refused:
            counts = Counts(0, 0, counts.refused)
        report = _report(layout, source, total, counts, refused)
        if (counts.new or counts.changed) and not choices.dry_run:
            at = datetime.now(UTC)
            create = choices.create_missing
            created = merge(connection, layout, to, counts, at=at, create_missing=create)
            report = replace(report, created=created)
            report = replace(report, run=_record(session, layout, to, report, at))
    return replace(report, seconds=round(time.monotonic() - begun, 3))


def _report(
    layout: Layout, source: Source, total: int, counts: Counts, refused: tuple[Reject, ...]
) -> Report:
    return Report(
        kind=layout.kind.name,
        file=source.name,
        encoding=source.encoding,
        delimiter=source.delimiter,
        read_as=source.told,
        rows=total,
        inserted=counts.new,
        updated=counts.changed,
        unchanged=total - counts.new - counts.changed - counts.refused,
        rejected=counts.refused,
        ignored=layout.ignored,
        rejects=refused,
    )


def _record(session: Session, layout: Layout, stage: Stage, report: Report, at: datetime) -> int:
    """The history entry of the whole import, and one for each table where more was created.

    Lines are part of their order, so their import is told in the history of orders.
    """
    told = {n: getattr(report, n) for n in ("kind", "file", "rows")}
    entry: dict[str, Any] = {"action": "import", "label": report.file[:300], "at": at}
    for name, count in report.created.items():
        rows = created_rows(layout, stage, name, at)
        changes = told | {"inserted": count}
        history.add_entry(session, **entry, table=name, changes=changes, rows=rows)
    counts = ("inserted", "updated", "unchanged", "rejected")
    changes = told | {name: getattr(report, name) for name in counts}
    rows = written(layout, stage)
    table = layout.kind.owner.name
    return history.add_entry(session, **entry, table=table, changes=changes, rows=rows)
