"""Revisions of a test's own, which come after the real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent

import flask_migrate
import pytest
from alembic.script import ScriptDirectory
from click.testing import CliRunner

from backoffice.cli import commands
from backoffice.config import ROOT
from backoffice.database import Base, db
from backoffice.monitoring.health import head_revision
from tests.conftest import BOTH, SECRET

RUNNER = Path(__file__).with_name("runner.py")


class Written:
    """A folder of revisions, each after the one written before it."""

    def __init__(self, folder):
        self.folder = folder
        self.last = head_revision()
        self.count = 0

    def add(self, upgrade, downgrade="pass", constants="", name="change"):
        """Write one and return its number."""
        self.count += 1
        revision = f"t{self.count:03}"
        parts = [
            (
                f'"""Of a test."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
                f'revision = "{revision}"\ndown_revision = "{self.last}"\n'
            ),
            dedent(constants),
            f"\ndef upgrade():\n{indent(dedent(upgrade).strip(), '    ')}\n",
            f"\ndef downgrade():\n{indent(dedent(downgrade).strip(), '    ')}\n",
        ]
        (self.folder / f"{revision}_{name}.py").write_text("\n".join(parts))
        self.last = revision
        return revision

    @property
    def places(self):
        return [str(ROOT / "migrations" / "versions"), str(self.folder)]

    def scripts(self):
        return ScriptDirectory(str(ROOT / "migrations"), version_locations=self.places)

    def known_to(self, app):
        """Have ``app`` find them."""

        def add(config):
            config.set_main_option("path_separator", "os")
            config.set_main_option("version_locations", os.pathsep.join(self.places))
            return config

        migrate = app.extensions["migrate"].migrate
        migrate.configure_callbacks = [add]
        return app


@pytest.fixture
def written(tmp_path):
    folder = tmp_path / "revisions"
    folder.mkdir()
    return Written(folder)


@pytest.fixture(scope="session")
def revised(new_app):
    """An application over a database of the named kind for the revisions of tests alone."""
    made = {}

    def of(kind):
        if kind not in made:
            made[kind] = new_app(kind)
        return made[kind]

    return of


@pytest.fixture(params=BOTH)
def kind(request):
    return request.param


@pytest.fixture
def shop(revised, written, kind):
    """That application, its context pushed; it finds the test's revisions, and is reset."""
    app = written.known_to(revised(kind))
    with app.app_context():
        yield app
        db.session.remove()
        flask_migrate.downgrade(revision=head_revision())
        with db.engine.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())


@pytest.fixture
def manage(shop, monkeypatch):
    """Runs `manage.py ...` over it within this process."""
    monkeypatch.setattr("backoffice.create_app", lambda: shop)
    return lambda *arguments: CliRunner().invoke(commands, arguments, catch_exceptions=False)


@pytest.fixture
def start(tmp_path, written):
    """Starts `manage.py ...` as a process that knows the test's revisions too."""
    started = []

    def begin(url, *arguments, **settings):
        environ = {
            **os.environ,
            "DATABASE_URL": url,
            "SECRET_KEY": SECRET,
            "BACKOFFICE_INSTANCE_PATH": str(tmp_path / "instance"),
            "VERSIONS": os.pathsep.join(written.places),
            **settings,
        }
        process = subprocess.Popen(
            [sys.executable, RUNNER, *arguments],
            env=environ,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
