"""A copy of SQLite's file: of one moment, for nobody else, gone afterwards."""

import sqlite3
from contextlib import closing

import pytest

from backoffice.sqlite_copy import NoCopyError, copied, sweep


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE products (name)")
        connection.executemany("INSERT INTO products VALUES (?)", [("x" * 500,)] * 200_000)
        connection.commit()
        yield path


def rows(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM products").fetchone()[0]


def test_is_of_one_moment_while_others_write(database):
    told = []

    def write(share):
        told.append(share)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("INSERT INTO products VALUES ('new')")

    with copied(database, "trial", room=2, progress=write) as copy:
        assert rows(copy) == 200_000
        assert copy.stat().st_mode & 0o777 == 0o600

    assert told == sorted(told)
    assert len(told) > 2
    assert told[-1] == 1
    assert rows(database) == 200_000 + len(told)
    assert not copy.exists()


def test_two_for_one_purpose_are_refused(database):
    with (
        copied(database, "trial", room=2) as first,
        pytest.raises(NoCopyError, match="another trial is running"),
        copied(database, "trial", room=2),
    ):
        pass

    with copied(database, "trial", room=2) as again, copied(database, "other", room=2) as other:
        assert again == first
        assert other != again


def test_what_was_left_is_swept(database):
    left = database.with_name("shop.db.trial-wal")
    left.touch()

    sweep(database, "trial")

    assert not left.exists()
