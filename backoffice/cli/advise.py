"""./manage.py indexes advise and prove: which indexes pay, measured."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TextIO

import click

from backoffice.cli import fail, with_app
from backoffice.cli.advice_table import say
from backoffice.cli.progress import bar
from backoffice.config import ROOT
from backoffice.database import begins_reading, db
from backoffice.indexes.advice.advise import advise, schema
from backoffice.indexes.advice.candidates import Candidate, OfferError, offered
from backoffice.indexes.advice.copied import Limits, ScratchError
from backoffice.indexes.advice.kept import keep
from backoffice.indexes.advice.prove import prove
from backoffice.indexes.advice.revision import (
    is_declared,
    model_file,
    model_line,
    write_revision,
)
from backoffice.indexes.advice.verdict import Report, Rules, as_json
from backoffice.indexes.advice.workload import in_file, recorded, workload

UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
USUAL = Rules()


def _since(_: click.Context, __: click.Parameter, text: str) -> datetime:
    found = re.fullmatch(r"(\d+)([hdw])", text)
    if not found:
        raise click.BadParameter(f"{text!r} is not written as 12h, 7d or 2w")
    return datetime.now(UTC) - int(found[1]) * UNITS[found[2]]


def _offered(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> list[Candidate]:
    try:
        return [offered(text) for text in texts]
    except OfferError as error:
        raise click.BadParameter(str(error)) from error


@click.command("advise")
@click.option("--sql", type=click.File(encoding="utf-8"), help="Statements instead of the log's.")
@click.option("--shape", default="", help="One recorded statement alone, by its fingerprint.")
@click.option("--since", default="7d", callback=_since, help="The log's period, as 12h, 7d or 2w.")
@click.option(
    "--candidate",
    "offers",
    multiple=True,
    callback=_offered,
    help='Try this one as well: "products: supplier_id, name WHERE active".',
)
@click.option("--table", type=click.STRING, default="", help="Only statements that read it.")
@click.option("--limit", type=click.IntRange(1), default=100, help="So many statements at most.")
@click.option("--worth", default=USUAL.worth, help="Readers gain so many times what writers lose.")
@click.option("--reads-per-write", default=USUAL.reads_per_write, help="Where none is recorded.")
@click.option("--timeout", default=USUAL.seconds, help="Seconds that one statement may take.")
@click.option("--rows", default=Limits().rows, help="PostgreSQL copies a part of larger tables.")
@click.option("--migration", is_flag=True, help="Write the migration, show the models' lines.")
@click.option("--json", "as_json_", is_flag=True, help="One object instead of tables.")
@with_app
def advise_(
    *,
    sql: TextIO | None,
    shape: str,
    since: datetime,
    offers: list[Candidate],
    table: str,
    limit: int,
    worth: float,
    reads_per_write: float,
    timeout: float,
    rows: int,
    migration: bool,
    as_json_: bool,
) -> None:
    """Measure which indexes the recorded statements want.

    Builds each on a copy, asks the statements and writes rows with it and without. The tables
    themselves are only read, and nobody waits. A file has statements with their values, separated
    by semicolons, each with a comment "-- calls: 120" where it is asked more than once.
    """
    if table and table not in schema():
        raise click.BadParameter(f"there is no table {table}", param_hint="--table")
    rules = Rules(worth=worth, reads_per_write=reads_per_write, seconds=timeout)
    with _telling() as progress, begins_reading(db.engine).connect() as connection:
        asked = in_file(sql.read()) if sql else recorded(connection, since, shape)
        dialect = connection.dialect.name
        found = workload(asked, dialect, schema(), table=table, limit=limit)
        connection.rollback()
        try:
            report = advise(
                connection, found, offers, rules, limits=Limits(rows=rows), progress=progress
            )
        except ScratchError as error:
            fail(str(error))
    keep(report.advice)
    if as_json_:
        click.echo(json.dumps(_report(report)))
    else:
        say(report, rules)
    if migration:
        _write(report, quiet=as_json_)


@click.command("prove")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--timeout", default=2.0, help="Seconds that one statement may take.")
@click.option("--json", "as_json_", is_flag=True, help="One object instead of lines.")
@with_app
def prove_(names: tuple[str, ...], timeout: float, as_json_: bool) -> None:
    """Measure again what built indexes were advised for.

    Exits 1 when one does not do what was promised.
    """
    with _telling() as progress:
        try:
            proofs = prove(names, Rules(seconds=timeout), progress=progress)
        except ScratchError as error:
            fail(str(error))
    if as_json_:
        click.echo(json.dumps({"proofs": [asdict(proof) for proof in proofs]}))
    else:
        for proof in proofs:
            click.echo(f"{proof.name}  {proof.says}")
    unknown = sorted(set(names) - {proof.name for proof in proofs})
    if unknown:
        fail(f"never advised: {', '.join(unknown)}")
    if not proofs:
        click.echo("no advised index is built")
    sys.exit(0 if all(proof.confirmed for proof in proofs) else 1)


@contextmanager
def _telling() -> Iterator[Callable[[str], None]]:
    """Says on a terminal what is being done."""
    with bar(1) as progress:
        yield progress.doing


def _report(report: Report) -> dict[str, object]:
    return {
        "advice": [as_json(one) for one in report.advice],
        "rows": report.rows,
        "sampled": report.sampled,
        "unread": report.workload.unread,
    }


def _write(report: Report, quiet: bool) -> None:
    """The migration, and what to add to the models by hand."""
    fresh = [one.candidate for one in report.paying if not is_declared(one.candidate)]
    known = [one.candidate.name for one in report.paying if is_declared(one.candidate)]
    if known:
        says = f"declared already: {', '.join(known)}; run `manage.py indexes build`"
        click.echo(says, err=quiet)
    if not fresh:
        click.echo("no migration is needed", err=quiet)
        return
    file = write_revision(fresh)
    click.echo(f"wrote {file.relative_to(ROOT)}; add to the models:", err=quiet)
    for candidate in fresh:
        click.echo(f"\n{model_file(candidate.table)}, in __table_args__:", err=quiet)
        click.echo(f"        {model_line(candidate)}", err=quiet)
    click.echo("\nLARGE is in backoffice/models/record.py. Then `manage.py db upgrade`,", err=quiet)
    click.echo("`indexes build`, which lets writers go on, and `indexes prove`.", err=quiet)
