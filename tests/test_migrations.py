"""Migrations go up, down and up again, and end at the tables that the models declare."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import flask_migrate
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from backoffice.config import ROOT
from backoffice.database import begins_reading, db
from backoffice.indexes.build import build
from backoffice.indexes.plan import State, compare
from backoffice.models import User
from backoffice.monitoring.drift import catalog, declared_catalog, differences
from backoffice.monitoring.health import current_revision, head_revision
from tests.conftest import BOTH, SECRET
from tests.factories import Make

pytestmark = pytest.mark.parametrize("kind", BOTH)

REVISIONS = [
    script.revision for script in ScriptDirectory(str(ROOT / "migrations")).walk_revisions()
]
"""From the newest to the first."""


@pytest.fixture
def context(new_app, kind):
    """An application over an empty database without tables, its context pushed."""
    app = new_app(kind, migrated=False)
    with app.app_context():
        yield app


def tables():
    """Table -> its columns, the database's own left out."""
    with db.engine.connect() as connection:
        found = inspect(connection)
        return {
            name: sorted(column["name"] for column in found.get_columns(name))
            for name in found.get_table_names()
            if name != "alembic_version"
        }


def rows():
    """Table -> its rows as mappings."""
    with db.engine.connect() as connection:
        return {
            name: [
                dict(row) for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()
            ]
            for name in tables()
        }


def indexes():
    with db.engine.connect() as connection:
        return {
            (table, index["name"], tuple(index["column_names"]))
            for table in inspect(connection).get_table_names()
            for index in inspect(connection).get_indexes(table)
        }


class TestEveryRevision:
    def test_goes_up_down_and_up_again(self, context):
        flask_migrate.upgrade()
        up = (tables(), indexes())

        for _ in REVISIONS:
            flask_migrate.downgrade(revision="-1")
        emptied = tables()
        flask_migrate.upgrade()

        assert emptied == {}
        assert (tables(), indexes()) == up

    def test_keeps_the_rows_of_what_survives(self, context):
        flask_migrate.upgrade()
        make = Make(context)
        make.products(3)
        make.orders(2)
        db.session.add(User(email="ann@example.com", role="editor", fs_uniquifier="ann"))
        db.session.commit()

        for _ in REVISIONS:
            before, shape_before = rows(), tables()
            flask_migrate.downgrade(revision="-1")
            shape, after = tables(), rows()
            for table in shape.keys() & shape_before.keys():
                kept = set(shape[table]) & set(shape_before[table])
                assert only(kept, after[table]) == only(kept, before[table])
            flask_migrate.upgrade(revision="+1")
            for table in shape:
                kept = set(shape[table]) & set(shape_before[table])
                assert only(kept, rows()[table]) == only(kept, before[table])
            flask_migrate.downgrade(revision="-1")
        flask_migrate.upgrade()

        assert set(rows()) == set(tables())

    def test_says_what_it_does(self, context, capsys):
        flask_migrate.upgrade()
        flask_migrate.downgrade()

        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "0001 tables"
        assert lines[-1] == f"{lines[len(REVISIONS) - 1]} taken back"


class TestUpgrade:
    def test_with_nothing_to_do_leaves_the_pool_as_it_was(self, context, kind):
        flask_migrate.upgrade()
        db.engine.dispose()

        flask_migrate.upgrade()

        with begins_reading(db.engine).connect() as connection:
            if kind == "sqlite":
                assert connection.scalar(text("PRAGMA foreign_keys")) == 1
            else:
                assert connection.scalar(text("SHOW lock_timeout")) == "5s"

    def test_waits_for_the_deploy_before_it_however_long(self, new_app, kind):
        if kind == "sqlite":
            pytest.skip("SQLite's writers wait for each other anyway")
        app = new_app(kind, lock_timeout_ms=200)
        with app.app_context(), db.engine.connect() as first, ThreadPoolExecutor(1) as thread:
            first.execute(text(f"SELECT pg_advisory_lock({0x6261636B})"))
            second = thread.submit(run_in, app, flask_migrate.upgrade)
            with pytest.raises(TimeoutError):
                second.result(1)

            first.execute(text("SELECT pg_advisory_unlock_all()"))

            second.result(20)

    def test_done_by_two_at_once_is_done_once(self, new_app, kind):
        app = new_app(kind, migrated=False)
        environ = {
            **os.environ,
            "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
            "SECRET_KEY": SECRET,
            "BACKOFFICE_INSTANCE_PATH": app.instance_path,
        }
        command = [sys.executable, ROOT / "manage.py", "db", "upgrade"]

        runs = [
            subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        said = [run.communicate(timeout=60)[0] for run in runs]

        assert [run.returncode for run in runs] == [0, 0]
        one, other = sorted(said, key=len)
        assert one == f"already at {head_revision()}\n"
        assert len(other.splitlines()) == len(REVISIONS)


class TestTheEnd:
    def test_is_the_head(self, context):
        flask_migrate.upgrade()

        with db.engine.connect() as connection:
            assert current_revision(connection) == head_revision() == REVISIONS[0]

    def test_has_the_tables_that_the_models_declare(self, context):
        flask_migrate.upgrade()

        with db.engine.connect() as connection:
            assert catalog(connection) == declared_catalog(connection)

    def test_has_all_indexes_after_the_build(self, context):
        flask_migrate.upgrade()
        list(build())

        with db.engine.connect() as connection:
            assert {index.state for index in compare(connection)} == {State.PRESENT}

    def test_differs_in_nothing_that_alembic_sees(self, context):
        flask_migrate.upgrade()

        flask_migrate.check()  # exits where it finds a difference


class TestDrift:
    @pytest.mark.parametrize(
        ("statement", "postgresql_only"),
        [
            ("ALTER TABLE products ADD COLUMN colour text", False),
            ("ALTER TABLE products RENAME COLUMN stock TO amount", False),
            ("ALTER TABLE products DROP CONSTRAINT ck_products_price_range", True),
            (
                "ALTER TABLE products RENAME CONSTRAINT ck_products_sku_filled TO ck_filled",
                True,
            ),
            ("ALTER TABLE products ALTER COLUMN stock SET DEFAULT 1", True),
            ("ALTER TABLE products ALTER COLUMN category_id SET NOT NULL", True),
        ],
    )
    def test_is_noticed(self, context, kind, statement, postgresql_only):
        if postgresql_only and kind == "sqlite":
            pytest.skip("SQLite cannot change a constraint")
        flask_migrate.upgrade()

        with db.engine.connect() as connection:
            connection.execute(text(statement))
            found = differences(connection)
            connection.rollback()

        assert found
        assert all("products: " in line for line in found)


def run_in(app, work):
    with app.app_context():
        work()


def only(names, found):
    """``found`` rows with the columns ``names`` alone, in an order of their own."""
    return sorted(repr({name: row[name] for name in sorted(names)}) for row in found)
