"""The migration and the model's line that make advice part of the project."""

import shutil
import subprocess
import sys
from pathlib import Path

import flask_migrate
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from backoffice.config import ROOT
from backoffice.database import db
from backoffice.indexes.advice.candidates import Candidate
from backoffice.indexes.advice.revision import (
    is_declared,
    model_file,
    model_line,
    write_revision,
)
from tests.conftest import BOTH

CITY = Candidate("orders", ("ship_postal_code", "id"))
PART = Candidate("categories", ("description", "name DESC"), "id > 5")


@pytest.fixture
def folder(tmp_path):
    """A copy of the project's migrations."""
    return Path(shutil.copytree(ROOT / "migrations", tmp_path / "migrations"))


class TestWriteRevision:
    def test_takes_the_next_number(self, folder):
        head = ScriptDirectory(str(folder)).get_current_head()

        file = write_revision([CITY], folder)

        assert file.name == f"{int(head) + 1:04}_advised_indexes.py"
        assert ScriptDirectory(str(folder)).get_current_head() == file.name[:4]

    def test_overwrites_nothing(self, folder):
        first = write_revision([CITY], folder)
        said = first.read_text()

        second = write_revision([PART], folder)

        assert first.read_text() == said
        assert f'down_revision = "{first.name[:4]}"' in second.read_text()

    @pytest.mark.parametrize("found", [[CITY], [CITY, PART]])
    def test_reads_like_the_others(self, folder, found):
        file = write_revision(found, folder)

        ruff = Path(sys.executable).parent / "ruff"
        settings = ["--config", ROOT / "pyproject.toml"]
        for command in (["check", "--ignore", "INP,D"], ["format", "--check"]):
            done = subprocess.run(
                [ruff, *command, *settings, file], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + file.read_text()

    @pytest.mark.parametrize("kind", BOTH)
    def test_makes_nothing_going_up_and_drops_it_going_down(self, new_app, folder, kind):
        write_revision([CITY, PART], folder)
        with new_app(kind).app_context():
            flask_migrate.upgrade(directory=str(folder))
            up = names()
            with db.engine.begin() as connection:
                connection.execute(text(CITY.statement))
            flask_migrate.downgrade(directory=str(folder))
            down = names()

        assert not {CITY.name, PART.name} & (up | down)


class TestModelLine:
    def test_is_named_by_the_convention(self):
        assert model_line(CITY) == 'Index(None, "ship_postal_code", "id", info=LARGE),'
        assert model_file("orders") == "backoffice/models/order.py"

    def test_spells_the_condition_for_both_databases(self):
        line = model_line(Candidate("products", ("price",), "active = 1"))

        assert 'postgresql_where=text("active")' in line
        assert 'sqlite_where=text("active")' in line

    def test_is_python_that_makes_the_index(self):
        from sqlalchemy import Column, Index, Integer, MetaData, String, Table, text  # noqa: PLC0415

        line = model_line(PART)

        table = Table(
            "categories",
            MetaData(),
            Column("id", Integer),
            Column("name", String),
            Column("description", String),
            eval(line.rstrip(","), {"Index": Index, "text": text, "LARGE": {}}),
        )
        (index,) = table.indexes
        assert index.name == PART.name


class TestIsDeclared:
    def test_knows_the_models(self):
        assert is_declared(Candidate("products", ("price", "id")))
        assert not is_declared(Candidate("products", ("price", "id"), "active"))
        assert not is_declared(CITY)


def names():
    with db.engine.connect() as connection:
        return {
            index["name"]
            for table in ("orders", "categories")
            for index in inspect(connection).get_indexes(table)
        }
