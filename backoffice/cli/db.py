"""./manage.py db: migrations."""

from __future__ import annotations

import click
import flask_migrate

from backoffice.cli import with_app
from backoffice.config import ROOT
from backoffice.database import db, read_only
from backoffice.monitoring.health import current_revision


@click.group("db")
def command() -> None:
    """Bring the tables up to date."""


@command.command()
@click.argument("revision", default="head")
@with_app
def upgrade(revision: str) -> None:
    """Run the migrations up to REVISION, by default all."""
    before = _current()
    flask_migrate.upgrade(revision=revision)
    if _current() == before:
        click.echo(f"already at {before}")


@command.command()
@click.argument("revision", default="-1")
@with_app
def downgrade(revision: str) -> None:
    """Take back the migrations down to REVISION, by default one."""
    flask_migrate.downgrade(revision=revision)


@command.command()
@with_app
def current() -> None:
    """Show the revision that the database is at."""
    flask_migrate.current()


@command.command()
@with_app
def history() -> None:
    """List the migrations, newest first."""
    flask_migrate.history()


@command.command()
@with_app
def check() -> None:
    """Exit 1 when the models and the database differ."""
    flask_migrate.check()


@command.command()
@click.option("-m", "--message", required=True, help="What the migration does.")
@with_app
def revision(message: str) -> None:
    """Write a migration with what the models have and the database lacks."""
    flask_migrate.revision(message=message, autogenerate=True, rev_id=_next_number())


def _current() -> str | None:
    with read_only(db.engine).connect() as connection:
        return current_revision(connection)


def _next_number() -> str:
    """Revisions are numbered, so that the folder reads in order: 0001, 0002 and so on."""
    files = (ROOT / "migrations" / "versions").glob("[0-9]*.py")
    return f"{1 + max((int(file.name[:4]) for file in files), default=0):04}"
