"""./manage.py indexes: what the models declare and the database has."""

from __future__ import annotations

import json

import click

from backoffice.cli import fail, with_app
from backoffice.cli.advise import advise_, prove_
from backoffice.cli.progress import bar
from backoffice.database import begins_reading, db
from backoffice.indexes.build import BuildRefusedError, build, to_build
from backoffice.indexes.plan import Comparison, State, compare


@click.group("indexes")
def command() -> None:
    """Compare and build the declared indexes."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One object instead of a table.")
@with_app
def list_(as_json: bool) -> None:
    """List every index with its state.

    \b
    present     declared and there
    missing     declared and not there: `indexes build` makes it
    invalid     an interrupted build left it: `indexes build` replaces it
    different   there with other columns, or for other rows, than declared
    undeclared  there and not declared: made by hand
    """  # noqa: D301 - Click wants the backspace itself, which keeps the lines apart
    with begins_reading(db.engine).connect() as connection:
        compared = compare(connection)
    if as_json:
        click.echo(json.dumps({"indexes": [_fields(index) for index in compared]}))
        return
    width = max((len(index.name) for index in compared), default=0)
    for index in compared:
        columns = ", ".join(index.columns) + (" (some rows)" if index.partial else "")
        click.echo(f"{index.state:10}  {index.name:{width}}  {index.table}: {columns}")


@command.command("build")
@click.option("--dry-run", is_flag=True, help="Say what would be built.")
@with_app
def build_(dry_run: bool) -> None:
    """Build the missing indexes, on PostgreSQL without blocking writers.

    May be interrupted and run again.
    """
    try:
        with begins_reading(db.engine).connect() as connection:
            missing = to_build(connection)
        if dry_run:
            for index in missing:
                click.echo(f"{index.name} {index.state}")
            return
        with bar(len(missing)) as progress:
            for built in build(progress=progress.doing):
                progress.advance()
                click.echo(f"{built.name} built in {built.seconds:.1f} s")
    except BuildRefusedError as refusal:
        fail(str(refusal))
    if not missing:
        click.echo("nothing to build")


command.add_command(advise_)
command.add_command(prove_)


def _fields(index: Comparison) -> dict[str, object]:
    return {
        "name": index.name,
        "table": index.table,
        "columns": index.columns,
        "partial": index.partial,
        "state": State(index.state).value,
    }
