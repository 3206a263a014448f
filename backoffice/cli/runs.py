"""./manage.py imports: look at past imports, finish those interrupted, take one back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import click
from sqlalchemy import Row

from backoffice.cli import fail, with_app
from backoffice.cli.imports import (
    cancellable,
    name_kept,
    report_resumed,
    say_cancelled,
    say_waiting,
)
from backoffice.database import begins_reading, db
from backoffice.imports import asks, ledger
from backoffice.imports.ledger import RunCancelledError, RunRefusedError
from backoffice.imports.read import FileRefused
from backoffice.imports.resume import resume
from backoffice.imports.run import Choices
from backoffice.imports.undo import undo
from backoffice.imports.undone import Undone, undone

RUN = click.IntRange(1, 2**63 - 1)
"""The number of a run, as databases have them."""


@click.group("imports")
def command() -> None:
    """List, resume and undo imports."""


@command.command("list")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_app
def list_runs(limit: int, *, as_json: bool) -> None:
    """List the imports and the files uploaded in the browser, newest first."""
    with begins_reading(db.engine).connect() as connection:
        runs = connection.execute(asks.newest(limit)).all()
    if as_json:
        for noted in runs:
            click.echo(json.dumps(_told(noted)))
        return
    columns = [[noted.actor for noted in runs], [n.kind for n in runs], [n.file for n in runs]]
    widths = [max(map(len, column), default=0) for column in columns]
    for noted, *cells in zip(runs, *columns, strict=True):
        when = noted.started_at.strftime("%Y-%m-%d %H:%M")
        padded = "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        click.echo(f"{noted.id:>4}  {when}  {padded}  {': '.join([noted.state, *_outcome(noted)])}")


@command.command("show")
@click.argument("run", type=RUN)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_app
def show(run: int, *, as_json: bool) -> None:
    """Show what one import did, and what undoing it left."""
    with begins_reading(db.engine).connect() as connection:
        try:
            noted = ledger.get(connection, run)
        except RunRefusedError as refusal:
            fail(str(refusal))
    told = _told(noted) | {"created": noted.created, "undo": noted.report.get("undo", {})}
    if as_json:
        click.echo(json.dumps(told))
        return
    for name, value in told.items():
        if name == "undo" and value:
            click.echo(f"{name:<11}{_summary(undone(noted))}")
        elif value not in ({}, None):
            click.echo(f"{name:<11}{f'{value:,}' if isinstance(value, int) else value}")


@command.command("resume")
@click.argument("run", type=RUN)
@with_app
def resume_run(run: int) -> None:
    """Finish an import, or the undoing of one, that was interrupted.

    The file must be where it was; imported again by its command from elsewhere, the same file is
    resumed as well.
    """
    try:
        with cancellable() as cancelled:
            done = resume(run, Choices(waiting=say_waiting, cancelled=cancelled, hurry=cancelled))
    except (RunRefusedError, FileRefused) as refusal:
        fail(str(refusal))
    except RunCancelledError as error:
        say_cancelled(f"run {run}", error)
    if isinstance(done, Undone):
        _report_undone(done)
    else:
        report_resumed(done)


@command.command("undo")
@click.argument("run", type=RUN)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@with_app
def undo_run(run: int, *, as_json: bool) -> None:
    """Take back what an import did.

    Rows get their former values, and rows that it inserted are deleted. A row that was edited since
    stays as it is and is named, as is one that cannot be taken back. Exits 0 when every row was
    reversed, 1 when any stays.
    """
    try:
        done = undo(run, say_waiting)
    except RunRefusedError as refusal:
        fail(str(refusal))
    _report_undone(done, as_json=as_json)


def _report_undone(done: Undone, *, as_json: bool = False) -> None:
    stays = name_kept(done)
    if as_json:
        names = ("run", "file", "reversed", "kept", "impossible")
        click.echo(json.dumps({name: getattr(done, name) for name in names}))
    else:
        click.echo(f"run {done.run} of {done.file}: {_summary(done)}")
    sys.exit(1 if stays else 0)


def _outcome(noted: Row[Any]) -> Iterator[str]:
    """What came of a run, if it came to anything; of one taken back, not what it had written."""
    counts = ledger.counts_of(noted)
    if noted.report.get("undo"):
        yield _summary(undone(noted))
    elif noted.state in ledger.COUNTED:
        yield ", ".join(f"{counts[name]:,} {name}" for name in ledger.COUNTS[1:])
    elif noted.state == ledger.RUNNING:
        yield f"{noted.inserted:,} inserted, {noted.updated:,} updated so far"


def _summary(done: Undone) -> str:
    rows = f"{done.reversed:,} row{'s' if done.reversed != 1 else ''}"
    return (
        f"{rows} reversed, {done.kept:,} kept because edited since, "
        f"{done.impossible:,} not possible"
    )


def _told(noted: Row[Any]) -> dict[str, Any]:
    moments = {
        name: moment.isoformat(timespec="seconds") if moment else None
        for name, moment in (("started_at", noted.started_at), ("ended_at", noted.ended_at))
    }
    known = {name: getattr(noted, name) for name in ("kind", "file", "state", "actor")}
    counts = ledger.counts_of(noted)
    so_far: dict[str, int | None] = dict(counts)
    if noted.state not in ledger.COUNTED:
        # A row that is not reached yet is not unchanged, nor is one that was taken back.
        known_so_far = (
            ("rows", "inserted", "updated") if noted.state == ledger.RUNNING else ("rows",)
        )
        so_far = {name: counts[name] if name in known_so_far else None for name in counts}
    return {"run": noted.id, **known, **moments, **so_far}
