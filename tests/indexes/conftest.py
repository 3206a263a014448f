"""Indexes that a test drops and makes are as declared again afterwards."""

import pytest
from sqlalchemy import text

from backoffice.database import db
from backoffice.indexes.build import build
from backoffice.indexes.plan import compare
from backoffice.indexes.report import indexes_of


@pytest.fixture
def context(app):
    """The application's context; afterwards its indexes are whole again."""
    with app.app_context():
        yield
        for index in states():
            if index.startswith("by_hand"):
                run(f"DROP INDEX {index}")
        list(build())


@pytest.fixture
def postgresql(context):
    if db.engine.dialect.name != "postgresql":
        pytest.skip("only PostgreSQL has it")


@pytest.fixture
def sqlite(context):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("only SQLite has it")


def states():
    """Name -> state of every index."""
    with db.engine.connect() as connection:
        return {index.name: index.state for index in compare(connection)}


def reported(**options):
    """Name -> report of every index."""
    with db.engine.connect() as connection:
        return {index.name: index for index in indexes_of(connection, **options)}


def run(*statements):
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
