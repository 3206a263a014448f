"""Migrations go up, down and up again, and end at the tables that the models declare."""

import flask_migrate
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from backoffice.config import ROOT
from backoffice.database import db
from backoffice.indexes.build import build
from backoffice.indexes.plan import State, compare
from backoffice.monitoring.drift import catalog, declared_catalog, differences
from backoffice.monitoring.health import current_revision, head_revision
from tests.conftest import BOTH
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


def only(names, found):
    """``found`` rows with the columns ``names`` alone, in an order of their own."""
    return sorted(repr({name: row[name] for name in sorted(names)}) for row in found)
