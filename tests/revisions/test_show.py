"""`db upgrade --sql` shows what would run; on PostgreSQL it is a script that does it."""

import sqlite3
from contextlib import closing

import psycopg
from click.testing import CliRunner
from sqlalchemy import inspect, make_url

from backoffice.cli import commands
from backoffice.database import begins_reading, db
from backoffice.models.rollup_triggers import missing_triggers
from backoffice.monitoring.drift import catalog, declared_catalog
from backoffice.monitoring.health import current_revision, head_revision

ADD = 'op.add_column("products", sa.Column("colour", sa.Text()))'
DROP = 'op.drop_column("products", "colour")'


def run_script(url, script):
    """As psql or sqlite3 would."""
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(parts.database, isolation_level=None)) as connection:
            connection.executescript(script)
        return
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(script)


class TestUpgradeSql:
    def test_shows_the_pending_ones_and_runs_nothing(self, written, manage):
        written.add(ADD, DROP)

        out = manage("db", "upgrade", "--sql").stdout

        assert "ALTER TABLE products ADD COLUMN colour TEXT;" in out
        assert "UPDATE alembic_version SET version_num='t001'" in out
        assert "CREATE TABLE products" not in out
        assert out.rstrip().splitlines()[-1].startswith(("COMMIT", "PRAGMA foreign_keys"))
        with begins_reading(db.engine).connect() as connection:
            assert current_revision(connection) == head_revision()
            assert "colour" not in {c["name"] for c in inspect(connection).get_columns("products")}

    def test_says_what_it_cannot_show(self, written, manage):
        written.add(
            'for (key,) in op.get_bind().execute(sa.text("SELECT id FROM orders")):\n'
            '    op.get_bind().execute(sa.text("DELETE FROM orders WHERE id = :id"), {"id": key})\n'
            'op.get_bind().execute(sa.text("DELETE FROM orders WHERE id = :id"), [{"id": 7}])'
        )

        out = manage("db", "upgrade", "--sql").stdout

        assert "for the rows found is not shown: SELECT id FROM orders" in out
        assert out.count("DELETE FROM orders WHERE id = 7;") == 1

    def test_shows_how_sqlite_rebuilds_a_table(self, written, manage, kind):
        written.add(
            'with op.batch_alter_table("categories", recreate="auto") as batch:\n'
            '    batch.alter_column("name", type_=sa.String(300))'
        )

        out = manage("db", "upgrade", "--sql").stdout

        if kind == "sqlite":
            assert "CREATE TABLE _alembic_tmp_categories" in out
            assert "INSERT INTO _alembic_tmp_categories" in out
            assert "CREATE TRIGGER categories_search_insert" in out
        else:
            assert "ALTER TABLE categories ALTER COLUMN name TYPE VARCHAR(300);" in out

    def test_of_a_backfill_says_that_it_comes_before(self, written, manage):
        written.add(
            "pass",
            constants="from backoffice.revisions.backfill import Batches\n"
            'BACKFILL = Batches(name="t001 x", table="products", statement='
            '"UPDATE products SET stock = 0 WHERE id > :after AND id <= :upto")',
        )

        out = manage("db", "upgrade", "--sql").stdout

        assert "in batches" in out


class TestDowngradeSql:
    def test_shows_the_way_back(self, written, manage):
        out = manage("db", "downgrade", "-1", "--sql").stdout

        assert "DROP TABLE backfills;" in out
        with begins_reading(db.engine).connect() as connection:
            assert current_revision(connection) == head_revision()


class TestTheScript:
    def test_makes_the_same_database(self, new_app, kind, monkeypatch):
        app = new_app(kind, migrated=False)
        monkeypatch.setattr("backoffice.create_app", lambda: app)

        script = CliRunner().invoke(commands, ["db", "upgrade", "--sql"]).stdout
        run_script(app.config["SQLALCHEMY_DATABASE_URI"], script)

        with app.app_context(), db.engine.connect() as connection:
            assert catalog(connection) == declared_catalog(connection)
            assert current_revision(connection) == head_revision()
            assert missing_triggers(connection) == []
