"""Alembic's commands over a database of one's choice, told to whom one likes."""

from __future__ import annotations

from typing import Any

from alembic import command
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection, Engine

from backoffice.config import ROOT
from backoffice.revisions.steps import Watch


class Silent(Watch):
    """Told of each revision, and says nothing."""

    def filled(self, filled: object) -> None:
        """Nothing."""

    def applied(self, **_: object) -> None:
        """Nothing."""


def upgrade(engine: Engine, revision: str, watch: Watch, tries: int | None = None) -> None:
    """Run the revisions up to ``revision`` on the database of ``engine``.

    :param tries: How often one is tried that a lock is in the way of.
    :raises CommandError: there is no such revision.
    :raises RuntimeError: one did not run; says why and what to do.
    """
    command.upgrade(_config(engine, watch, tries), revision)


def downgrade(engine: Engine, revision: str, watch: Watch) -> None:
    """Take back the revisions after ``revision`` on the database of ``engine``."""
    command.downgrade(_config(engine, watch), revision)


def check_known(connection: Connection, revision: str) -> str | None:
    """The revision of the database, once it is known that this code has it, and ``revision`` too.

    "+2" and the like are counted later.

    :raises CommandError: it has not.
    """
    known = scripts()
    at = MigrationContext.configure(connection).get_current_revision()
    if at is not None and at not in {script.revision for script in known.walk_revisions()}:
        raise CommandError(
            f"the database is at {at}, which this code does not know: "
            "use the code that brought it there"
        )
    if revision.isalnum():
        known.get_revision(revision)
    return at


def scripts() -> ScriptDirectory:
    """The revisions of this code."""
    return ScriptDirectory.from_config(_config())


def _config(
    engine: Engine | None = None, watch: Watch | None = None, tries: int | None = None
) -> Any:
    told = [f"tries={tries}"] if tries else None
    config = current_app.extensions["migrate"].migrate.get_config(ROOT / "migrations", told)
    if engine is not None:
        config.attributes.update(engine=engine, watch=watch)  # env.py looks there
    return config
