"""A revision that a lock is in the way of is tried again, and says who holds the lock."""

import threading
import time
from contextlib import contextmanager

import flask_migrate
import pytest
from sqlalchemy import inspect, text

from backoffice.database import begins_reading, db
from backoffice.monitoring.health import current_revision
from backoffice.revisions.patience import Patience

ADD = 'op.add_column("products", sa.Column("colour", sa.Text()))'
DROP = 'op.drop_column("products", "colour")'


@contextmanager
def reading():
    """Somebody who has read products and not ended the transaction; on SQLite, who writes."""
    with db.engine.connect() as connection:
        connection.execute(text("SELECT count(*) FROM products"))
        yield connection
        connection.rollback()


def columns():
    with db.engine.connect() as connection:
        return {column["name"] for column in inspect(connection).get_columns("products")}


class TestPatience:
    def test_waits_longer_after_each_try_but_not_for_ever(self):
        pauses = list(Patience(tries=30).pauses())

        assert len(pauses) == 29
        assert pauses == sorted(pauses)
        assert max(pauses) == 20
        assert 300 < sum(pauses) < 600


class TestUpgrade:
    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_that_gives_up_says_who_is_in_the_way(self, written, manage):
        written.add(ADD, DROP)

        with reading() as other:
            pid = other.connection.driver_connection.info.backend_pid
            run = manage("db", "upgrade", "--tries", "2")

        said = run.stderr
        assert run.exit_code == 1
        assert f"t001 change: gave up after 2 tries in 3 s: products is locked by pid {pid}" in (
            said.replace("in 2 s", "in 3 s")
        )
        assert "(idle in transaction since " in said
        assert "SELECT count(*) FROM products" in said
        assert f"SELECT pg_terminate_backend({pid})" in said
        assert "try 1 of 2, again in 0.5 s" in said
        assert "colour" not in columns()

    def test_goes_on_when_the_lock_is_free(self, shop, written, kind):
        written.add(ADD, DROP)
        written.add("pass")
        written.add("pass")
        ended = threading.Event()

        def read():
            with shop.app_context(), reading():
                ended.wait(1.8 if kind == "postgresql" else 0.3)

        thread = threading.Thread(target=read)
        thread.start()
        time.sleep(0.2)
        flask_migrate.upgrade(revision="+2")
        thread.join()

        with begins_reading(db.engine).connect() as connection:
            assert current_revision(connection) == "t002"  # and not one further for each try
        assert "colour" in columns()

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_stops_a_statement_that_takes_long(self, shop, written, caplog, monkeypatch):
        monkeypatch.setattr(Patience, "statement_ms", 100)
        monkeypatch.setattr(Patience.__init__, "__defaults__", (1000, 100, 30, 0.5, 20.0))
        written.add(ADD + '\nop.execute("SELECT pg_sleep(20)")', DROP)

        with pytest.raises(SystemExit):
            flask_migrate.upgrade()

        assert "a statement took more than 0.1 s and was stopped" in caplog.text
        assert "SELECT pg_sleep(20)" in caplog.text
        assert "colour" not in columns()

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_has_the_limits_whatever_the_revision_before_has_set(self, shop, written):
        written.add('op.execute("SET lock_timeout = 0; SET statement_timeout = 0")')
        written.add(
            'for limit, value in {"lock_timeout": "1s", "statement_timeout": "15s"}.items():\n'
            '    assert op.get_bind().scalar(sa.text(f"SHOW {limit}")) == value'
        )

        flask_migrate.upgrade()

        with db.engine.connect() as connection:
            assert current_revision(connection) == "t002"

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_leaves_the_pool_without_its_limits(self, shop, written):
        written.add(ADD, DROP)

        flask_migrate.upgrade()

        with db.engine.connect() as connection:
            assert connection.scalar(text("SHOW statement_timeout")) == "15s"
            assert connection.scalar(text("SHOW lock_timeout")) == "5s"
