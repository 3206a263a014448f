"""./manage.py db: migrations."""

from __future__ import annotations

import click
import flask_migrate
from alembic.util import CommandError
from sqlalchemy import func, inspect, select

from backoffice.cli import fail, with_app
from backoffice.cli.rehearsal import rehearse
from backoffice.config import ROOT
from backoffice.database import Base, begins_reading, db
from backoffice.models import QUERY_LOG, ROLLUPS
from backoffice.monitoring.health import check_migrated, current_revision, head_revision
from backoffice.revisions import empty_copy, running
from backoffice.revisions.check import check as check_revisions
from backoffice.revisions.squawk import program as squawk_program
from backoffice.revisions.steps import Watch

SPARE = (*ROLLUPS, *QUERY_LOG)
"""Tables that nobody would miss: those can be made again, and these go by themselves."""

MOST_NAMED = 4


@click.group("db")
def command() -> None:
    """Bring the tables up to date."""


command.add_command(rehearse)


@command.command()
@click.argument("revision", default="head")
@click.option("--sql", is_flag=True, help="Write the statements instead, and run nothing.")
@click.option("--tries", type=click.IntRange(1), help="Per revision when a lock is held; 30.")
@with_app
def upgrade(revision: str, sql: bool, tries: int | None) -> None:
    """Run the migrations up to REVISION, by default all.

    One transaction each. A lock is waited for a second at most, so that nobody waits longer
    behind it; then the revision is tried again after a pause.
    """
    at = _known(revision)
    if sql:
        _write_sql(revision, at, down=False)
        return
    watch = Watch()
    try:
        running.upgrade(db.engine, revision, watch, tries)
    except (CommandError, RuntimeError) as error:
        fail(str(error))
    if not watch.number:
        click.echo(f"already at {_current()}")


@command.command(context_settings={"ignore_unknown_options": True})  # -1 is a REVISION
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Also where the tables hold rows.")
@click.option("--sql", is_flag=True, help="Write the statements instead, and run nothing.")
@with_app
def downgrade(revision: str, yes: bool, sql: bool) -> None:
    """Take back the migrations after REVISION, or so many: -1.

    What they made is dropped with all that it holds; so this refuses where there are rows,
    unless --yes is given. "base" takes back all.
    """
    at = _known(revision)
    if sql:
        _write_sql(revision, at, down=True)
        return
    held = {} if yes else _rows()
    if held:
        fail(f"the tables hold {told(held)}, which may be deleted: make a backup and add --yes")
    try:
        running.downgrade(db.engine, revision, Watch())
    except (CommandError, RuntimeError) as error:
        fail(str(error))


@command.command()
@with_app
def current() -> None:
    """Show the revision that the database is at."""
    revision = _current()
    is_head = " (head)" if revision == head_revision() else ""
    click.echo(f"{revision}{is_head}" if revision else "at no migration")


@command.command()
@with_app
def history() -> None:
    """List the migrations, newest first."""
    flask_migrate.history()


@command.command()
@with_app
def check() -> None:
    """Exit 1 when a migration is not safe while staff work, or models and database differ.

    Each thing refused is named with the safe way. Where it is safe all the same, the migration
    says why, in a constant: ACCEPTED = {"drop-column": "no release reads it since May"}.
    """
    verdict = check_revisions(running.scripts())
    for refusal in verdict.refusals:
        click.echo(str(refusal), err=True)
    if squawk_program() is None:
        click.echo("squawk is not installed (pip install squawk-cli): our rules only", err=True)
    if verdict.refusals:
        fail(f"not safe while staff work: {_counted(len(verdict.refusals), 'thing')}")
    excepted = _counted(len(verdict.accepted), "exception")
    click.echo(f"{_counted(verdict.revisions, 'migration')} safe while staff work, {excepted}")
    with begins_reading(db.engine).connect() as connection:
        for finding in check_migrated(connection):
            fail(f"{finding.problem}: {finding.remedy}")
    flask_migrate.check()


@command.command()
@click.option("-m", "--message", required=True, help="What the migration does.")
@with_app
def revision(message: str) -> None:
    """Write a migration with what the models have and the database lacks."""
    flask_migrate.revision(message=message, autogenerate=True, rev_id=_next_number())


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _write_sql(revision: str, before: str | None, *, down: bool) -> None:
    """Write what runs from the revision ``before`` up or ``down`` to ``revision``."""
    if db.engine.dialect.name == "postgresql":
        run = flask_migrate.downgrade if down else flask_migrate.upgrade
        run(revision=f"{before or 'base'}:{revision}", sql=True)
        return
    with begins_reading(db.engine).connect() as connection:
        try:
            empty_copy.show(connection, revision, click.echo, down=down)
        except (CommandError, RuntimeError) as error:
            fail(str(error))


def _known(revision: str) -> str | None:
    """The database's revision; ends the command where this code lacks it, or ``revision``."""
    with begins_reading(db.engine).connect() as connection:
        try:
            return running.check_known(connection, revision)
        except CommandError as error:
            fail(str(error))
    return None


def told(held: dict[str, int]) -> str:
    """The largest tables by name, and how many others there are."""
    by_rows = sorted(held, key=held.__getitem__, reverse=True)
    named = [f"{held[table]:,} {table.replace('_', ' ')}" for table in by_rows[:MOST_NAMED]]
    if others := by_rows[MOST_NAMED:]:
        rows = sum(held[table] for table in others)
        named.append(f"{rows:,} rows of {_counted(len(others), 'other table')}")
    return ", ".join(named)


def _current() -> str | None:
    with begins_reading(db.engine).connect() as connection:
        return current_revision(connection)


def _rows() -> dict[str, int]:
    """Table -> its rows, of those tables that are there and hold any."""
    with begins_reading(db.engine).connect() as connection:
        there = inspect(connection).get_table_names()
        counts = {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
            if table.name in there and table not in SPARE
        }
    return {table: count for table, count in counts.items() if count}


def _next_number() -> str:
    """Revisions are numbered, so that the folder reads in order: 0001, 0002 and so on."""
    files = (ROOT / "migrations" / "versions").glob("[0-9]*.py")
    return f"{1 + max((int(file.name[:4]) for file in files), default=0):04}"
