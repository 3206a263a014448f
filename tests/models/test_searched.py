"""SQLite's search tables: kept right by triggers, also past a migration that rebuilds the table."""

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import text

from backoffice.database import db
from backoffice.models.searched import (
    SEARCHED,
    missing_triggers,
    restore_search,
    triggers,
    wrong_search,
)


@pytest.fixture
def connection(new_app):
    with new_app("sqlite").app_context(), db.engine.begin() as connection:
        yield connection


class TestTriggers:
    def test_are_all_there_after_the_migrations(self, connection):
        assert missing_triggers(connection) == {}
        assert wrong_search(connection) == {}

    def test_come_back_after_a_batch_operation(self, connection):
        operations = Operations(MigrationContext.configure(connection))
        connection.execute(text("INSERT INTO categories (name) VALUES ('Tea'), ('Coffee')"))

        with operations.batch_alter_table("categories", recreate="always") as batch:
            batch.alter_column("description", server_default="none")
        gone = set(missing_triggers(connection))
        restore_search(connection)
        connection.execute(text("UPDATE categories SET name = 'Cocoa' WHERE name = 'Tea'"))

        assert gone == set(triggers("categories"))
        assert missing_triggers(connection) == {}
        check = "INSERT INTO categories_search (categories_search, rank) VALUES"
        connection.execute(text(f"{check} ('integrity-check', 1)"))

    def test_write_nothing_for_columns_that_are_not_searched(self, connection):
        connection.execute(text("INSERT INTO categories (name) VALUES ('Tea')"))
        before = connection.scalar(text("SELECT total_changes()"))

        connection.execute(text("UPDATE categories SET version = 2, name = name"))

        assert connection.scalar(text("SELECT total_changes()")) == before + 1

    def test_belong_to_every_searched_table(self, connection):
        names = set(
            connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        )

        assert {name for table in SEARCHED for name in triggers(table)} <= names
