"""Connections and transactions of both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import perf_counter, sleep

import pytest
from flask import Flask
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError

from backoffice.database import SQLITE_PRAGMAS, analyze, begins_reading, db, is_busy, somebody_waits
from backoffice.models import Product
from backoffice.shell import show_busy
from tests import stored
from tests.pages import Page, save, visit


@contextmanager
def begun(app):
    """Collects how transactions begin."""
    ran = []

    def note(_connection, _cursor, statement, *_):
        if statement.startswith("BEGIN"):
            ran.append(statement)

    engine = stored.engine(app)
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(engine, "before_cursor_execute", note)


class TestSqliteConnections:
    def test_each_pooled_connection_has_the_pragmas(self, apps):
        with apps("sqlite").app_context():
            connections = [begins_reading(db.engine).connect() for _ in range(5)]
            try:
                for connection in connections:
                    found = {
                        name: str(connection.execute(text(f"PRAGMA {name}")).scalar())
                        for name in SQLITE_PRAGMAS
                    }
                    assert found == SQLITE_PRAGMAS
            finally:
                for connection in connections:
                    connection.close()

    def test_the_pragmas_are_those_that_integrity_needs(self):
        assert SQLITE_PRAGMAS["foreign_keys"] == "1"
        assert SQLITE_PRAGMAS["journal_mode"] == "wal"
        assert int(SQLITE_PRAGMAS["busy_timeout"]) >= 5_000
        assert SQLITE_PRAGMAS["synchronous"] in {"1", "2"}


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
class TestSqliteTransactions:
    def test_of_a_page_never_take_the_write_lock(self, app, client, make):
        product = make.products()[0]

        with begun(app) as ran:
            for address in ("/admin/products/", f"/admin/products/edit/?id={product}"):
                assert client.get(address).status_code == 200

        assert ran
        assert set(ran) == {"BEGIN"}

    def test_of_a_form_take_it_at_once(self, app, client, make):
        product = make.products()[0]
        form = visit(client, "/admin/products/edit/", id=product).form

        with begun(app) as ran:
            client.post(f"/admin/products/edit/?id={product}", data=form)

        assert ran[0] == "BEGIN IMMEDIATE"

    def test_of_a_command_take_it_unless_they_only_read(self, app):
        with begun(app) as ran, app.app_context():
            with db.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
            with begins_reading(db.engine).connect() as connection:
                connection.execute(text("SELECT 1"))

        assert ran == ["BEGIN IMMEDIATE", "BEGIN"]

    def test_of_readers_go_on_while_somebody_writes(self, app, client, make):
        make.products()
        with stored.elsewhere(app) as writer:
            writer.execute(text("UPDATE products SET name = 'unseen'"))

            page = visit(client, "/admin/products/")

        assert page.rows[0][1] == "Product 1"

    def test_of_writers_wait_for_one_another(self, app, client, make):
        product = make.products()[0]
        locked = threading.Event()

        def hold():
            with stored.elsewhere(app) as writer:
                writer.execute(text("UPDATE products SET stock = 77"))
                locked.set()
                sleep(0.5)

        with ThreadPoolExecutor(1) as thread:
            thread.submit(hold)
            assert locked.wait(5)
            page = save(client, "products", product, {"name": "After"})

        assert page.status == 302
        assert stored.one(app, Product, product).name == "After"


class TestWhoWritesForLong:
    @pytest.mark.parametrize("app", ["sqlite"], indirect=True)
    def test_sees_whether_anybody_waits(self, app):
        def write():
            with app.app_context(), db.engine.begin():
                pass

        with app.app_context(), db.engine.begin() as connection, ThreadPoolExecutor(1) as threads:
            assert not somebody_waits(connection)
            waiting = threads.submit(write)
            while not somebody_waits(connection):
                sleep(0.01)
            connection.rollback()
            waiting.result()
            assert not somebody_waits(connection)


class TestReadingThenWriting:
    """What a deferred transaction on SQLite would refuse with BUSY_SNAPSHOT, whatever the wait."""

    def test_at_once_loses_nothing_and_is_never_locked_out(self, app, make):
        product = make.products(stock=100)[0]

        def take(_number):
            with app.test_request_context(method="POST"):
                statement = select(Product).where(Product.id == product).with_for_update()
                row = db.session.scalar(statement)
                sleep(0.002)
                row.stock -= 1
                db.session.commit()

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(take, range(40)))

        assert stored.one(app, Product, product).stock == 60

    def test_through_the_pages_tells_everybody_who_was_late(self, app, sign_in, make):
        product = make.products(stock=0)[0]
        clients = [sign_in(role) for role in ("editor", "manager", "admin")]
        saved = []

        def work(client):
            for _ in range(10):
                form = visit(client, "/admin/products/edit/", id=product).form
                form["stock"] = str(int(form["stock"]) + 1)
                response = client.post(f"/admin/products/edit/?id={product}", data=form)
                saved.append(response.status_code)

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(work, clients))

        assert set(saved) <= {302, 409}
        assert stored.one(app, Product, product).stock == saved.count(302)


@pytest.fixture(scope="module")
def short_app(new_app):
    """On PostgreSQL, with short limits and pages that run into them."""
    app: Flask = new_app("postgresql", statement_timeout_ms=300, lock_timeout_ms=100)

    def sleeping():
        db.session.execute(text("SELECT pg_sleep(5)"))
        return "slept"

    def wanting():
        db.session.execute(text("LOCK TABLE suppliers IN ACCESS EXCLUSIVE MODE"))
        return "locked"

    app.add_url_rule("/sleeping", view_func=sleeping)
    app.add_url_rule("/wanting", view_func=wanting)
    return app


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
class TestPostgresqlConnections:
    def test_have_their_limits(self, app):
        limits = {
            "statement_timeout": "15s",
            "lock_timeout": "5s",
            "idle_in_transaction_session_timeout": "1min",
            "TimeZone": "UTC",
        }
        with app.app_context():
            found = {name: db.session.execute(text(f"SHOW {name}")).scalar() for name in limits}

        assert found == limits

    def test_are_checked_before_use(self, app, client):
        with app.app_context():
            pid = db.session.execute(text("SELECT pg_backend_pid()")).scalar()
        with stored.elsewhere(app) as killer:
            killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

        assert client.get("/admin/products/").status_code == 200


class TestLimits:
    @pytest.mark.parametrize("address", ["/sleeping", "/wanting"])
    def test_end_in_a_page_that_says_so_and_leave_the_pool_clean(self, short_app, address, caplog):
        client = short_app.test_client()
        pool = stored.engine(short_app).pool

        with stored.elsewhere(short_app) as holder:
            holder.execute(text("LOCK TABLE suppliers IN ACCESS SHARE MODE"))
            start = perf_counter()
            page = Page(client.get(address))
            seconds = perf_counter() - start

        assert page.status == 503
        assert page.title == "The database is busy"
        assert "canceling statement due to" in caplog.text
        assert "nothing was saved" in page.text
        assert seconds < 2
        assert pool.checkedout() == 0
        assert client.get("/login").status_code == 200

    def test_of_the_pool_end_in_the_same_page_soon(self, short_app):
        engine = stored.engine(short_app)
        with short_app.app_context():
            connections = [engine.connect() for _ in range(15)]
        try:
            start = perf_counter()
            page = Page(short_app.test_client().get("/wanting"))
            seconds = perf_counter() - start
        finally:
            for connection in connections:
                connection.close()

        assert page.status == 503
        assert seconds < 4
        assert short_app.test_client().get("/wanting").status_code == 200


class TestBusy:
    """Shown as busy is what may go through a moment later; the rest is our fault, and logged."""

    @pytest.mark.parametrize(
        ("state", "busy"), [("57014", True), ("40P01", True), ("53300", True), ("53100", False)]
    )
    def test_is_what_postgresql_says_is(self, state, busy):
        class RefusedError(Exception):
            sqlstate = state

        assert is_busy(OperationalError("SELECT 1", {}, RefusedError())) is busy

    def test_is_a_locked_sqlite(self, app, client, make):
        if stored.engine(app).dialect.name != "sqlite":
            pytest.skip("about SQLite")
        with app.app_context(), stored.elsewhere(app) as writer:
            writer.execute(text("UPDATE products SET stock = 1"))
            with db.engine.connect() as waiting:
                waiting.connection.driver_connection.execute("PRAGMA busy_timeout = 1")
                with pytest.raises(OperationalError) as refused:
                    waiting.execute(text("UPDATE products SET stock = 2"))
                waiting.invalidate()

        assert is_busy(refused.value)

    def test_is_not_a_table_that_is_gone(self, app, caplog):
        if stored.engine(app).dialect.name != "sqlite":
            pytest.skip("PostgreSQL's is no OperationalError")
        with app.test_request_context("/login"), pytest.raises(OperationalError) as refused:
            db.session.execute(text("SELECT :secret FROM gone"), {"secret": "confidential"})

        with app.test_request_context("/login"):
            page, status = show_busy(refused.value)

        assert status == 500
        assert "Something went wrong" in page
        assert "no such table: gone" in caplog.text
        assert "confidential" not in caplog.text + str(refused.value)


class TestAnalyze:
    def test_tells_the_planner(self, app, make):
        make.products(3)

        with app.app_context(), db.engine.begin() as connection:
            analyze(connection, ["products"])
            counted = connection.execute(
                text(
                    "SELECT stat FROM sqlite_stat1 WHERE tbl = 'products'"
                    if connection.dialect.name == "sqlite"
                    else "SELECT reltuples FROM pg_class WHERE relname = 'products'"
                )
            ).scalar()

        assert str(counted).startswith("3")
