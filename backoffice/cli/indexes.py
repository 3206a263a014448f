"""./manage.py indexes: what the models declare and the database has."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import click
from sqlalchemy import Connection

from backoffice.cli import fail, with_app
from backoffice.cli.advise import advise_, prove_
from backoffice.cli.progress import Bar, bar
from backoffice.database import begins_reading, db
from backoffice.indexes.build import Step, build, to_build
from backoffice.indexes.complaints import complaints
from backoffice.indexes.declared import declared_indexes
from backoffice.indexes.limits import USUAL, BuildRefusedError, Limits
from backoffice.indexes.report import IndexReport, indexes_of
from backoffice.models.searched import SEARCHED, fts_table

HUNDREDTHS = 100
INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells count it."""


@click.group("indexes")
def command() -> None:
    """Compare and build the declared indexes."""


@command.command("list")
@click.option("--all", "behind", is_flag=True, help="Also those of primary keys and unique rules.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of a table.")
@with_app
def list_(behind: bool, as_json: bool) -> None:
    """List every index with its state, size and uses.

    \b
    present     declared and there
    missing     declared and not there: `indexes build` makes it
    building    somebody makes it at this moment
    invalid     an interrupted build left it: `indexes build` replaces it
    different   there with other columns, or for other rows, than declared
    undeclared  there and not declared: made by hand

    PostgreSQL counts how often each is used. SQLite does not: there, the plans that the query
    log recorded are looked through.
    """  # noqa: D301 - Click wants the backspace itself, which keeps the lines apart
    with begins_reading(db.engine).connect() as connection:
        reports = indexes_of(connection, exact=True, behind=behind)
    if as_json:
        click.echo(json.dumps({"indexes": [_fields(index) for index in reports]}))
        return
    width = max((len(index.name) for index in reports), default=0)
    for index in reports:
        columns = ", ".join(index.columns) + (" (some rows)" if index.condition else "")
        told = "; ".join([f"{index.table}: {columns}", *_told(index)])
        click.echo(f"{index.state:10}  {index.name:{width}}  {told}")
    click.echo(_about_uses(reports))


@command.command("build")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--dry-run", is_flag=True, help="Say what would be built.")
@click.option(
    "--hold",
    type=click.FloatRange(min=0.1),
    default=USUAL.hold_seconds,
    show_default=True,
    metavar="SECONDS",
    help="SQLite: take a build back when somebody waits so long to write.",
)
@with_app
def build_(names: tuple[str, ...], dry_run: bool, hold: float) -> None:
    """Build the missing indexes, or those of them that are named.

    On PostgreSQL nobody who writes waits for it; on SQLite they wait for one index at a time.
    May be interrupted or killed, and run again.
    """
    built = 0
    try:
        with begins_reading(db.engine).connect() as connection:
            _check_names(connection, names)
            missing = to_build(connection, names)
        if dry_run:
            for index in missing:
                click.echo(f"{index.name} {index.state}")
            return
        with bar(len(missing) * HUNDREDTHS, percent=True) as progress:
            watching = _Watching(progress)
            for made in build(names, watch=watching.step, limits=Limits(hold_seconds=hold)):
                built += 1
                click.echo(f"{made.name} built in {made.seconds:.1f} s")
    except BuildRefusedError as refusal:
        fail(str(refusal))
    except KeyboardInterrupt:
        click.echo("Interrupted: run it again, it replaces what was begun.", err=True)
        sys.exit(INTERRUPTED)
    if not built:
        click.echo("nothing to build")


command.add_command(advise_)
command.add_command(prove_)


@command.command("check")
@click.option("--strict", is_flag=True, help="Let warnings fail as well.")
@with_app
def check(strict: bool) -> None:
    """Compare the indexes with the models; exit 1 on a difference.

    One line each, with what to do: missing, invalid, different, undeclared and doubled ones. Those
    that another one covers, or that nobody used for a week, are warnings.
    """
    with begins_reading(db.engine).connect() as connection:
        found = list(complaints(connection, indexes_of(connection)))
    for complaint in found:
        kind = "warning: " if complaint.is_warning else ""
        click.echo(f"{kind}{complaint.name}: {complaint.problem} -> {complaint.remedy}")
    if not found:
        click.echo("no difference")
    sys.exit(1 if any(strict or not complaint.is_warning for complaint in found) else 0)


class _Watching:
    """Shows each step on the bar; an index without a known share counts when it is done."""

    def __init__(self, progress: Bar) -> None:
        self._progress = progress

    def step(self, step: Step) -> None:
        done = step.number - 1 + (step.share or 0.0)
        self._progress.reached(int(HUNDREDTHS * done), HUNDREDTHS * step.total)
        phase = f": {step.phase}" if step.phase else ""
        self._progress.doing(f"{step.number}/{step.total} {step.name}{phase}")


def _check_names(connection: Connection, names: tuple[str, ...]) -> None:
    known = [str(index.name) for index in declared_indexes(connection)]
    if connection.dialect.name == "sqlite":
        known += [fts_table(table) for table in SEARCHED]
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=3)
            hint = f"; did you mean {' or '.join(close)}?" if close else ": see `indexes list`"
            raise click.UsageError(f"no model declares an index {name}{hint}")


def _told(index: IndexReport) -> Iterator[str]:
    if index.behind:
        yield index.behind
    if index.duplicate_of:
        yield f"the same as {index.duplicate_of}"
    elif index.covered_by:
        yield f"covered by {index.covered_by}"
    if index.is_there:
        yield index.size_shown or "size unknown"
    if index.size.rows is not None:
        yield f"{index.size.rows:,} {'row' if index.size.rows == 1 else 'rows'}"
    if index.uses is not None and index.uses_are_plans:
        yield f"in {index.uses:,} of {index.plans:,} plans"
    elif index.uses is not None:
        yield f"used {index.uses:,} {'time' if index.uses == 1 else 'times'}"
    if index.built_at:
        took = "" if index.built_in is None else f" in {index.built_in:.1f} s"
        yield f"built {index.built_at:%Y-%m-%d %H:%M}{took}"


def _about_uses(reports: list[IndexReport]) -> str:
    """Since when uses were counted."""
    since = min((index.counted_since for index in reports if index.counted_since), default=None)
    if since is None:
        return "uses are unknown: SQLite counts none, and no plan is recorded"
    oldest = next(index for index in reports if index.counted_since == since)
    what = "plans are recorded" if oldest.uses_are_plans else "uses are counted on this server"
    return f"{what} since {since:%Y-%m-%d %H:%M}, {_span(oldest)}"


def _span(index: IndexReport) -> str:
    hours = int(index.counted_for.total_seconds() // 3600)
    if hours < 2:
        return f"{int(index.counted_for.total_seconds() // 60)} minutes"
    return f"{hours} hours" if hours < 48 else f"{index.counted_for.days} days"


def _fields(index: IndexReport) -> dict[str, Any]:
    return {
        "name": index.name,
        "table": index.table,
        "columns": index.columns,
        "partial": bool(index.condition),
        "unique": index.unique,
        "behind": index.behind or None,
        "state": index.state.value,
        "duplicate_of": index.duplicate_of,
        "covered_by": index.covered_by,
        "bytes": index.size.bytes,
        "bytes_are_estimated": index.size.is_estimate,
        "rows": index.size.rows,
        "uses": None if index.uses_are_plans else index.uses,
        "plans_with_it": index.uses if index.uses_are_plans else None,
        "plans": index.plans if index.uses_are_plans else None,
        "used_last": index.used_last and index.used_last.isoformat(),
        "counted_since": index.counted_since and index.counted_since.isoformat(),
        "never_used": index.never_used,
        "built_at": index.built_at and index.built_at.isoformat(),
        "built_in_seconds": index.built_in,
    }
