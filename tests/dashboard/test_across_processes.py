"""What another process changes shows on the page within two seconds."""

import json
import os
import re
from datetime import UTC, datetime
from time import monotonic, sleep

import pytest
from sqlalchemy import create_engine, text

from backoffice import cache
from backoffice.database import db
from backoffice.rollups.fold import state
from tests.conftest import SECRET
from tests.redis_server import redis

__all__ = ["redis"]

SECONDS = 2.0


@pytest.fixture
def manage(app, commands, tmp_path):
    """Runs a command in a process of its own, on the test's database."""
    environ = os.environ | {
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "SECRET_KEY": SECRET,
        "BACKOFFICE_INSTANCE_PATH": app.instance_path,
    }

    def manage(*arguments, **more):
        return commands.run(*arguments, environ=environ | more, cwd=tmp_path)

    return manage


def orders_of(page):
    """The number of orders that the page tells of the last 30 days."""
    [number] = re.findall(r">Orders</dt>\s*<dd class=\"value\">(?:<a [^>]*>)?([\d,]+)<", page.text)
    return int(number)


def wait_for(client, orders):
    """The seconds until the page tells of so many."""
    started = monotonic()
    while orders_of(client.get("/admin/")) != orders:
        assert monotonic() - started < 10, "the page never told of it"
        sleep(0.05)
    return monotonic() - started


@pytest.fixture
def shown(client, make):
    """A page that was shown a moment ago, with one order."""
    make.orders(1, placed_at=datetime.now(UTC))
    assert orders_of(client.get("/admin/")) == 1
    return client


class TestAChange:
    def test_by_an_import_shows(self, shown, manage, tmp_path):
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
        file = tmp_path / "orders.csv"
        file.write_text(f"number,status,placed_at\nA1,placed,{now}\nA2,placed,{now}\n")

        assert manage("import", "orders", file).returncode == 0

        assert wait_for(shown, 3) < SECONDS

    def test_by_plain_sql_shows(self, app, shown):
        engine = create_engine(app.config["SQLALCHEMY_DATABASE_URI"])  # knows nothing of ours
        with engine.begin() as connection:
            connection.execute(text("UPDATE orders SET status = 'draft'"))
        engine.dispose()

        assert wait_for(shown, 0) < SECONDS

    def test_shows_also_where_figures_are_in_redis(self, app, redis, shown):
        cache.init_app(app, redis.url)
        try:
            assert orders_of(shown.get("/admin/")) == 1
            engine = create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
            with engine.begin() as connection:
                connection.execute(text("DELETE FROM order_lines"))
                connection.execute(text("DELETE FROM orders"))
            engine.dispose()

            started = monotonic()
            while "No orders yet" not in shown.get("/admin/").text:
                sleep(0.05)
            assert monotonic() - started < SECONDS
        finally:
            cache.init_app(app, None)


class TestWarm:
    def test_has_every_period_ready_for_all_processes(
        self, app, redis, client, make, manage, statements
    ):
        make.orders(3, placed_at=datetime.now(UTC))

        said = manage("cache", "warm", REDIS_URL=redis.url)
        cache.init_app(app, redis.url)
        try:
            with statements() as ran:
                page = client.get("/admin/?period=90d")
        finally:
            cache.init_app(app, None)

        assert (said.returncode, said.stdout) == (0, "5 of 5 periods ready\n")
        assert orders_of(page) == 3
        # Unless the minute has changed since: figures are of one minute.
        assert len(ran) == 2 or datetime.now(UTC).second < 20, ran

    def test_says_when_nothing_was_cached(self, redis, make, manage):
        make.orders(1)
        redis.freeze()

        run = manage("cache", "warm", REDIS_URL=redis.url)

        assert run.returncode == 1
        assert "nothing is cached: The cache does not answer" in run.stderr

    def test_without_redis_brings_the_sums_up_to_date(self, app, make, manage):
        make.orders(1)

        assert manage("cache", "warm").returncode == 0
        with app.app_context(), db.engine.connect() as connection:
            assert not state(connection).waiting


class TestRollups:
    def test_are_verified_and_remade_by_command(self, app, make, manage):
        make.orders(3)
        assert manage("rollups", "verify").stdout == "no difference\n"
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("UPDATE sales_days SET orders = 7"))

        wrong = manage("rollups", "verify")
        as_json = json.loads(manage("rollups", "verify", "--json").stdout)
        remade = manage("rollups", "rebuild")

        assert wrong.returncode == 1
        assert "sales_days 2026-01-01 placed: orders 7" in wrong.stdout
        assert "rollups rebuild" in wrong.stderr
        assert as_json["differences"][0]["table"] == "sales_days"
        assert (remade.returncode, remade.stdout) == (0, "all sums are made anew\n")
        assert manage("rollups", "verify").returncode == 0
