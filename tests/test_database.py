"""Connections and transactions of both databases."""

import pytest
from sqlalchemy import text

from backoffice.database import db


class TestSqliteConnections:
    def test_each_pooled_connection_has_the_pragmas(self, apps):
        with apps("sqlite").app_context():
            connections = [db.engine.connect() for _ in range(5)]
            try:
                for connection in connections:
                    found = {
                        name: connection.execute(text(f"PRAGMA {name}")).scalar()
                        for name in ("foreign_keys", "journal_mode", "busy_timeout", "synchronous")
                    }
                    assert found == {
                        "foreign_keys": 1,
                        "journal_mode": "wal",
                        "busy_timeout": 10000,
                        "synchronous": 1,
                    }
                    connection.rollback()
            finally:
                for connection in connections:
                    connection.close()


class TestWriters:
    def test_one_row(self, make, session):
        make.products(3)
        make.orders(2)

        assert session.execute(text("SELECT count(*) FROM order_lines")).scalar() == 4
