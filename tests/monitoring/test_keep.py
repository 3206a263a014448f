"""What requests asked is kept: who asked what, how long it took and how it was planned."""

import json
import os
from datetime import UTC, datetime, timedelta
from threading import Thread
from time import monotonic

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backoffice import monitoring
from backoffice.database import db
from backoffice.models import QUERY_LOG, PageHour, QueryHour, QueryPlan, QueryShape, SlowQuery
from backoffice.monitoring import bounds, explained, keep
from backoffice.monitoring.explained import Explained
from backoffice.monitoring.write import write
from backoffice.querylog import Record
from tests.dropped import dropped

LIST = "/admin/products/"


@pytest.fixture
def kept(app):
    """Writes what waits and returns the rows of a model, oldest first."""
    with app.app_context():
        monitoring.forget()

    def kept(model):
        with app.app_context():
            assert monitoring.flush()
            with db.engine.connect() as connection:
                order = list(model.__table__.primary_key)
                return connection.execute(select(model.__table__).order_by(*order)).all()

    return kept


@pytest.fixture
def hand_over(app):
    """Ends a request that asked ``statements``, as (statement, values) or the statement alone."""

    def hand_over(*statements, route="/x/", seconds=0.001, status=200):
        record = Record(route, "GET", 0.1, lambda *_: None)
        for statement in statements:
            asked, values = (statement, ()) if isinstance(statement, str) else statement
            record.add(asked, values, "backoffice/x.py:1 (x)", seconds, rows=2)
        record.took, record.status = 0.5, status
        with app.app_context():
            keep.keeper().receive(record)

    return hand_over


class TestSums:
    def test_a_page_is_kept_with_its_statements(self, client, make, kept):
        make.products(3)
        client.get(LIST)
        client.get(LIST)

        (page,) = [row for row in kept(PageHour) if row.route == LIST]
        hours = [row for row in kept(QueryHour) if row.route == LIST]

        assert page.requests == 2
        assert page.statements == sum(row.calls for row in hours)
        assert page.rows == sum(row.rows for row in hours) >= 6
        assert page.microseconds >= page.in_database > 0
        assert page.slowest < page.microseconds
        assert page.repeats == page.failed == 0
        assert any(row.line.startswith("backoffice/grid/page.py:") for row in hours)

    def test_what_is_written_again_adds_up(self, hand_over, kept):
        hand_over("SELECT 1", "SELECT 2")
        first = kept(QueryHour)
        hand_over("SELECT 3", seconds=0.01, status=503)
        (row,) = kept(QueryHour)
        (page,) = kept(PageHour)

        assert (first[0].calls, first[0].rows, first[0].slowest) == (2, 4, 1_000)
        assert (row.calls, row.rows, row.slowest, row.microseconds) == (3, 6, 10_000, 12_000)
        assert (page.requests, page.most_statements, page.failed) == (2, 2, 1)

    def test_repeats_of_one_line_are_counted(self, hand_over, kept):
        hand_over(*(f"SELECT {i}" for i in range(4)))
        assert kept(PageHour)[0].repeats == 0

        hand_over(*(f"SELECT {i}" for i in range(5)))
        assert kept(PageHour)[0].repeats == 1

    def test_the_log_does_not_log_itself(self, app, hand_over, kept):
        hand_over("SELECT 1")
        with app.test_request_context("/healthz"):
            app.preprocess_request()
            monitoring.flush()
            response = app.process_response(app.make_response(""))

        assert '"0 statements"' in response.headers["Server-Timing"]
        assert [row.shape for row in kept(QueryShape)] == ["SELECT ?"]


class TestSamples:
    def test_the_slowest_call_of_the_day_is_the_sample(self, hand_over, kept):
        hand_over(("SELECT :a", {"a": 1}), seconds=0.002)
        kept(QueryShape)
        hand_over(("SELECT :a", {"a": 2}), seconds=0.003)
        kept(QueryShape)
        hand_over(("SELECT :a", {"a": 3}), seconds=0.001)

        (shape,) = kept(QueryShape)
        assert (shape.parameters, shape.microseconds) == ({"a": 2}, 3_000)

    def test_values_of_users_are_never_stored(self, client, kept):
        client.get(LIST)

        (asked,) = [row for row in kept(QueryShape) if "users.fs_uniquifier =" in row.shape]
        values = asked.parameters
        assert set(values.values() if isinstance(values, dict) else values) == {None}
        assert "admin-uniquifier" not in json.dumps([s.parameters for s in kept(QueryShape)])
        plans = [row.plan for row in kept(QueryPlan)]
        assert any("fs_uniquifier" in plan for plan in plans)
        assert not any("admin-uniquifier" in plan for plan in plans)

    def test_long_values_are_cut(self, hand_over, kept):
        hand_over(("SELECT :a, :b", {"a": "x" * 5_000, "b": 7}))

        assert kept(QueryShape)[0].parameters == {"a": "x" * 200, "b": 7}

    def test_a_value_of_another_kind_leaves_no_trace(self, hand_over, kept):
        hand_over(("SELECT :a", {"a": object()}))

        assert kept(QueryShape)[0].parameters == {"a": None}

    @pytest.mark.parametrize("value", ["a\0b", "\ud800", float("nan"), 2**70])
    def test_a_value_that_the_database_does_not_take_loses_nothing_else(
        self, app, hand_over, kept, value
    ):
        with app.app_context():
            is_sqlite = db.engine.dialect.name == "sqlite"
        asked = ("SELECT ?", (value,)) if is_sqlite else ("SELECT %(a)s", {"a": value})
        hand_over(asked, "SELECT id FROM products", seconds=0.2)

        shapes = kept(QueryShape)
        assert {row.shape for row in shapes} == {"SELECT ?", "SELECT id FROM products"}
        assert len(kept(SlowQuery)) == 2
        if value == "a\0b":
            assert "a\ufffdb" in str([row.parameters for row in shapes])


class TestSlow:
    def test_calls_are_kept_with_their_plan(self, app, client, make, kept, monkeypatch):
        monkeypatch.setitem(app.config, "SLOW_STATEMENT_MS", 0)
        make.products(3)
        client.get(LIST)

        slow = [row for row in kept(SlowQuery) if row.line.startswith("backoffice/grid/page")]
        plans = {row.id: row for row in kept(QueryPlan)}

        assert slow
        assert {row.route for row in slow} == {LIST}
        assert "products" in plans[slow[-1].plan_id].plan
        assert slow[-1].rows == 3
        assert not slow[-1].failed
        assert slow[-1].release == "0.1.0"

    def test_what_was_stopped_is_kept_as_failed(self, app, kept):
        endless = {
            "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT max(i) FROM n",
            "postgresql": "SELECT pg_sleep(60)",
        }
        with app.test_request_context("/healthz"):
            app.preprocess_request()
            kind = db.engine.dialect.name
            if kind == "sqlite":
                app.config["STATEMENT_TIMEOUT_MS"], usual = 50, app.config["STATEMENT_TIMEOUT_MS"]
            else:
                db.session.execute(text("SET LOCAL statement_timeout = 50"))
            with pytest.raises(Exception, match=r"interrupted|timeout"):
                db.session.execute(text(endless[kind]))
            db.session.rollback()
            if kind == "sqlite":
                app.config["STATEMENT_TIMEOUT_MS"] = usual

        (slow,) = [row for row in kept(SlowQuery) if row.failed]
        assert slow.microseconds > 40_000


class TestPlans:
    def test_a_dropped_index_shows_in_the_next_hit(self, app, client, make, kept, monkeypatch):
        monkeypatch.setattr("backoffice.monitoring.explained.LARGE", 10)
        make.products(3_000)  # so many that PostgreSQL does not rather sort them all
        with app.app_context():
            alone = db.engine.execution_options(isolation_level="AUTOCOMMIT")
            with alone.connect() as connection:
                if connection.dialect.name == "postgresql":  # other tests' rows lie there, dead
                    connection.execute(text("VACUUM products"))
                connection.execute(text("ANALYZE products"))
            db.session.rollback()
        client.get("/admin/products/?sort=price")
        kept(QueryPlan)
        with dropped(app, "ix_products_price_id"):
            client.get("/admin/products/?sort=price")
            plans = kept(QueryPlan)

        (worse,) = [row for row in plans if row.worse]
        before = [row for row in plans if row.shape_id == worse.shape_id and row.id < worse.id]
        assert "ix_products_price_id" in before[-1].plan
        assert "ix_products_price_id" not in worse.plan
        assert "products" in worse.scans or worse.sorts

        client.get("/admin/products/?sort=price")

        back = [row for row in kept(QueryPlan) if row.shape_id == worse.shape_id]
        assert "ix_products_price_id" in back[-1].plan
        assert not back[-1].worse

    def test_is_not_worse_for_its_values_alone(self, app, make, hand_over, kept, monkeypatch):
        monkeypatch.setattr(explained, "LARGE", 10)
        make.products(300)
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("UPDATE products SET name = 'often' WHERE id % 100 <> 0"))
            connection.execute(text("ANALYZE products"))
            mark = "?" if connection.dialect.name == "sqlite" else "%(a)s"

        def ask(name, seconds):
            values = (name,) if mark == "?" else {"a": name}
            asked = f"SELECT description FROM products WHERE name = {mark}"
            hand_over((asked, values), seconds=seconds)
            plans = kept(QueryPlan)
            keep.keeper()._explained._done.clear()
            return plans

        with app.app_context():
            ask("rare", 0.002)
            plans = ask("often", 0.001)

        if mark != "?":
            assert "Seq Scan" not in plans[0].plan
            assert "Seq Scan" in plans[1].plan
        assert not any(plan.worse for plan in plans)

    def test_that_was_cut_is_compared_with_no_other(self, app, make, hand_over, kept, monkeypatch):
        monkeypatch.setattr(explained, "LARGE", 10)
        monkeypatch.setattr(explained, "LONGEST_PLAN", 5)
        make.products(300)
        hand_over("SELECT id FROM products WHERE description = 'x'")
        kept(QueryPlan)
        with app.app_context(), db.engine.begin() as connection:
            # As one whose text is cut before it comes to the whole read.
            connection.execute(QueryPlan.__table__.update().values(plan="Limit", fingerprint="a"))
            keep.keeper()._explained._done.clear()
        hand_over("SELECT id FROM products WHERE description = 'x'")

        plans = kept(QueryPlan)

        assert len(plans) == 2
        assert not plans[1].worse

    def test_a_shape_is_explained_once(self, app, hand_over, kept):
        asked = []

        def note(_connection, _cursor, statement, *_):
            asked.append(statement)

        for _ in range(2):
            hand_over("SELECT id FROM products")
            with app.app_context():
                event.listen(db.engine, "before_cursor_execute", note)
            kept(QueryShape)
            with app.app_context():
                event.remove(db.engine, "before_cursor_execute", note)

        assert len([statement for statement in asked if statement.startswith("EXPLAIN")]) == 1

    def test_a_statement_that_begins_on_a_line_of_its_own_is_explained_too(self, hand_over, kept):
        hand_over("\n    WITH one AS (SELECT 1 AS n)\n    SELECT n FROM one")

        assert len(kept(QueryPlan)) == 1

    def test_what_took_too_long_is_explained_when_it_is_seen_again(
        self, hand_over, kept, monkeypatch
    ):
        late = "SELECT id FROM products", "SELECT name FROM products"
        with monkeypatch.context() as hurried:
            hurried.setattr(explained, "SECONDS_AT_ONCE", -1)
            hand_over(*late)
            assert kept(QueryPlan) == []
        hand_over("SELECT sku FROM products")
        assert len(kept(QueryPlan)) == 1

        hand_over(*late)

        assert len(kept(QueryPlan)) == 3

    def test_what_somebody_deleted_is_explained_anew(self, app, hand_over, kept):
        hand_over("SELECT id FROM products")
        kept(QueryPlan)
        with app.app_context(), db.engine.begin() as connection:
            for table in QUERY_LOG:
                connection.execute(table.delete())

        for _ in range(2):
            hand_over("SELECT id FROM products")
            plans = kept(QueryPlan)

        assert len(plans) == 1

    def test_what_cannot_be_explained_is_kept_all_the_same(self, hand_over, kept):
        hand_over("SELECT no_such_column FROM products", "SELECT id FROM products")

        assert len(kept(QueryShape)) == 2
        assert len(kept(QueryPlan)) == 1


class TestBounds:
    def test_shapes_slow_calls_and_plans(self, app, hand_over, kept, monkeypatch):
        monkeypatch.setattr(bounds, "MOST_SHAPES", 20)
        monkeypatch.setattr(bounds, "MOST_SLOW", 30)
        monkeypatch.setattr(keep, "ROWS_BETWEEN_PRUNING", 0)

        for page in range(10):
            hand_over(*(f"SELECT a{page}_{i}" for i in range(20)), seconds=0.2)
            shapes = kept(QueryShape)

        assert {row.shape for row in shapes} == {f"SELECT a9_{i}" for i in range(20)}
        assert len(kept(SlowQuery)) <= 30
        assert {row.shape_id for row in kept(QueryHour)} == {row.id for row in shapes}

    def test_old_hours_go(self, app, hand_over, kept, monkeypatch):
        monkeypatch.setattr(keep, "ROWS_BETWEEN_PRUNING", 0)
        hand_over("SELECT 1", route="/old/")
        kept(PageHour)
        with app.app_context(), db.engine.begin() as connection:
            long_ago = datetime.now(UTC) - timedelta(days=15)
            connection.execute(PageHour.__table__.update().values(hour=long_ago))
            connection.execute(QueryHour.__table__.update().values(hour=long_ago))

        hand_over("SELECT 1", route="/new/")

        assert [row.route for row in kept(PageHour)] == ["/new/"]
        assert [row.route for row in kept(QueryHour)] == ["/new/"]

    def test_old_calls_and_shapes_go_with_what_is_known_of_them(
        self, app, hand_over, kept, monkeypatch
    ):
        monkeypatch.setattr(keep, "ROWS_BETWEEN_PRUNING", 0)
        monkeypatch.setattr(bounds, "STEP", 2)
        hand_over(*(f"SELECT {'a' * n} FROM products" for n in range(1, 6)), "SELECT id", seconds=1)
        kept(QueryShape)
        long_ago = datetime.now(UTC) - timedelta(days=15)
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(QueryShape.__table__.update().values(last_seen=long_ago))
            connection.execute(SlowQuery.__table__.update().values(at=long_ago))
        hand_over("SELECT id", seconds=1)

        assert len(kept(SlowQuery)) == 1
        assert [row.shape for row in kept(QueryShape)] == ["SELECT id"]

    def test_are_looked_after_at_once_by_who_begins_anew(self, app, hand_over, kept):
        hand_over("SELECT 1")
        kept(PageHour)
        with app.app_context():
            monitoring.forget()
            long_ago = datetime.now(UTC) - timedelta(days=15)
            with db.engine.begin() as connection:
                connection.execute(PageHour.__table__.update().values(hour=long_ago))
        hand_over("SELECT 1", route="/new/")

        assert [row.route for row in kept(PageHour)] == ["/new/"]

    def test_only_the_last_plans_of_a_shape_stay(self, app, hand_over, kept, monkeypatch):
        monkeypatch.setattr(bounds, "MOST_PLANS", 2)
        for other in ("a", "b", "c"):
            hand_over("SELECT id FROM products")
            kept(QueryPlan)
            with app.app_context(), db.engine.begin() as connection:
                connection.execute(QueryPlan.__table__.update().values(fingerprint=other))
                keep.keeper()._explained = Explained()
        hand_over("SELECT id FROM products")

        assert len(kept(QueryPlan)) == 2

    def test_what_waits_is_bounded_and_the_rest_counted(self, app, hand_over, monkeypatch):
        monkeypatch.setattr(keep, "MOST_WAITING", 3)
        with app.app_context():
            monitoring.forget()

            for _ in range(5):
                hand_over("SELECT 1")

            assert keep.keeper().dropped == 2
            monitoring.forget()


TABLES = ("query_shapes", "query_hours", "query_plans", "slow_queries", "page_hours")


def size_of(app):
    """Rows of each table of the log, and bytes of all of them with their indexes."""
    with app.app_context(), db.engine.connect() as connection:
        rows = {table: connection.scalar(text(f"SELECT count(*) FROM {table}")) for table in TABLES}
        if connection.dialect.name == "sqlite":
            # What other tests have left is in the file too, as free pages.
            pages, free, size = (
                connection.scalar(text(f"PRAGMA {name}"))
                for name in ("page_count", "freelist_count", "page_size")
            )
            return rows, (pages - free) * size
        sizes = (
            connection.scalar(text(f"SELECT pg_total_relation_size('{table}')")) for table in TABLES
        )
        return rows, sum(sizes)


class TestManyRequests:
    """Shapes without number, all routes, and weeks of hours: nothing grows beyond its bound."""

    @pytest.mark.parametrize("requests", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
    def test_leave_the_log_within_its_bound(self, app, hand_over, kept, monkeypatch, requests):
        if requests < 100_000:  # as much too much, of less
            for name in ("MOST_SHAPES", "MOST_SLOW"):
                monkeypatch.setattr(bounds, name, getattr(bounds, name) // 50)
            monkeypatch.setattr(bounds, "HOURS", {QueryHour: 2_000, PageHour: 200})
        monkeypatch.setattr(keep, "ROWS_BETWEEN_PRUNING", 0)
        start, routes = datetime(2026, 1, 1, tzinfo=UTC), requests // 500
        with app.app_context():
            mark = "?" if db.engine.dialect.name == "sqlite" else "%(a)s"
        at = [start]
        monkeypatch.setattr(keep, "now", lambda: at[0])

        for number in range(requests):
            at[0] = start + timedelta(days=30) * number / requests
            name = f"{'x' * (number % 97)}_{number % 4_999}"
            statement = f"SELECT id AS {name} FROM products WHERE name = {mark}"
            values = {"a": "x" * 300} if "%" in mark else ("x" * 300,)
            hand_over(
                (statement, values),
                "SELECT id FROM products",
                route=f"/{number % routes}/",
                seconds=0.2 if number % 10 == 0 else 0.001,
            )
            if number % (requests // 100) == 0:
                kept(PageHour)
        rows, size = size_of(app)
        print(rows, f"{size / 1e6:.1f} MB")

        assert bounds.MOST_SHAPES / 2 < rows["query_shapes"] <= bounds.MOST_SHAPES
        assert bounds.MOST_SLOW / 2 < rows["slow_queries"] <= bounds.MOST_SLOW
        assert rows["query_plans"] <= bounds.MOST_PLANS * bounds.MOST_SHAPES
        assert rows["query_hours"] <= bounds.HOURS[QueryHour]
        assert rows["page_hours"] <= bounds.HOURS[PageHour]
        assert size < 100e6
        with app.app_context():
            assert keep.keeper().dropped == 0


class TestBusyDatabase:
    def test_nothing_is_lost_and_nobody_waits(self, app, hand_over, kept):
        hand_over("SELECT 1")
        with app.app_context():
            with db.engine.begin() as connection:
                if connection.dialect.name == "sqlite":  # begin() took the write lock
                    assert not monitoring.flush()
                else:
                    connection.execute(text("LOCK TABLE page_hours"))
                    assert not monitoring.flush()
            hand_over("SELECT 2")

            assert keep.keeper().dropped == 0
            assert [row.calls for row in kept(QueryHour)] == [2]
            assert len(kept(QueryPlan)) == 1

    def test_a_locked_table_holds_nothing_up(self, app, hand_over, kept):
        asked = [f"SELECT id AS a{n} FROM products" for n in range(10)]
        hand_over(*asked)
        with app.app_context(), db.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE products"))
            started = monotonic()
            assert len(kept(QueryShape)) == 10
            assert monotonic() - started < 2
            with db.engine.connect() as other:
                if other.dialect.name == "postgresql":
                    assert other.scalar(text("SHOW lock_timeout")) == "5s"

        hand_over(*asked)

        assert len(kept(QueryPlan)) == 10

    def test_many_shapes_are_written_in_several_transactions(
        self, app, hand_over, kept, monkeypatch
    ):
        monkeypatch.setattr(keep, "SHAPES_AT_ONCE", 10)
        parts = []

        def interrupt(connection, part, *rest):
            parts.append(len(part.shapes))
            if len(parts) == 3:
                raise PoolTimeout
            return write(connection, part, *rest)

        monkeypatch.setattr(keep, "write", interrupt)
        for n in range(25):
            hand_over(f"SELECT {'a' * (n + 1)} FROM products", seconds=0.2)
        with app.app_context():
            assert not monitoring.flush()
        hand_over("SELECT a FROM products")

        assert sum(row.calls for row in kept(QueryHour)) == 26
        assert sum(row.requests for row in kept(PageHour)) == 26
        assert len(kept(SlowQuery)) == 25
        assert parts == [10, 10, 5, 6]

    def test_plans_of_many_shapes_are_one_insert(self, app, hand_over, kept, statements):
        hand_over(*(f"SELECT id AS {'a' * (n + 1)} FROM products" for n in range(30)))

        with statements() as ran:
            kept(QueryShape)

        assert sum("INSERT INTO query_plans" in statement for statement in ran) == 1
        assert not any(statement.startswith("DELETE FROM query_plans") for statement in ran)

    def test_who_counts_does_not_wait_for_who_writes(self, app, hand_over, kept):
        hand_over("SELECT 1")
        with app.app_context(), keep.keeper()._writing:
            counting = Thread(target=keep.keeper().count)
            counting.start()
            counting.join(5)

            assert not counting.is_alive()
        assert [row.calls for row in kept(QueryHour)] == [1]

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_process_that_was_forked_begins_by_itself(self, app, hand_over, kept):
        hand_over("SELECT 1")
        with app.app_context():
            keeper = keep.keeper()
        with keeper._lock, keeper._writing:  # as while the parent writes
            child = os.fork()
            if child == 0:
                free = keeper._lock.acquire(blocking=False) and keeper._writing.acquire(
                    blocking=False
                )
                os._exit(0 if free and not keeper._waiting else 1)

        _, status = os.waitpid(child, 0)
        assert status == 0
        assert [row.calls for row in kept(QueryHour)] == [1]

    def test_a_write_that_cannot_be_is_dropped_and_counted(self, app, hand_over, kept, caplog):
        with app.app_context():
            monitoring.forget()
            hand_over("SELECT \0")
            kept_row = keep.keeper()
            monitoring.flush()
            hand_over("SELECT 1")

            lost = kept_row.dropped
        shapes = {row.shape for row in kept(QueryShape)}
        assert "SELECT ?" in shapes
        assert lost == (1 if "postgresql" in app.config["SQLALCHEMY_DATABASE_URI"] else 0)
