"""The checks of `doctor`."""

import pytest
from sqlalchemy import text

from backoffice.database import db
from backoffice.monitoring import health


@pytest.fixture
def connection(app):
    with app.app_context(), db.engine.connect() as connection:
        yield connection
        connection.rollback()


class TestChecks:
    def test_find_nothing_in_a_fresh_database(self, connection):
        findings = [finding for check in health.CHECKS.values() for finding in check(connection)]

        assert findings == []
        assert list(health.check_migrated(connection)) == []


class TestMigrated:
    def test_says_to_upgrade_an_old_database(self, connection):
        connection.execute(text("DELETE FROM alembic_version"))

        (finding,) = health.check_migrated(connection)

        assert "no migration" in finding.problem
        assert "db upgrade" in finding.remedy

    def test_says_to_deploy_where_the_code_is_old(self, connection):
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

        (finding,) = health.check_migrated(connection)

        assert "9999" in finding.problem
        assert "deploy" in finding.remedy


class TestConnection:
    def test_finds_a_changed_setting(self, connection):
        if connection.dialect.name == "sqlite":
            connection.execute(text("PRAGMA busy_timeout = 1"))
        else:
            connection.execute(text("SET LOCAL lock_timeout = 0"))

        (finding,) = health.check_connection(connection)

        assert "timeout" in finding.problem
        connection.invalidate()


class TestReferences:
    def test_finds_orphans_that_other_programs_left_in_sqlite(self, new_app):
        with new_app("sqlite").app_context(), db.engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute(
                text("INSERT INTO products (sku, name, price, supplier_id) VALUES ('A', 'A', 1, 7)")
            )

            (finding,) = health.check_references(connection)

            assert finding.problem == "1 rows of products refer to rows of suppliers that are gone"
            connection.invalidate()
