"""The rollups against the tables: whoever changes these, and however."""

import signal
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from backoffice.config import ROOT
from backoffice.database import db
from backoffice.models.rollup_triggers import create_triggers, missing_triggers
from backoffice.rollups.fold import fold, state
from backoffice.rollups.keys import runs_of
from backoffice.rollups.periods import Days
from backoffice.rollups.steps import SomebodyElseError
from backoffice.rollups.verify import rebuild, verify
from tests.conftest import SECRET
from tests.rollups.figures import sums_of

TODAY = datetime.now(UTC).date()
NOW = datetime.combine(TODAY, datetime.min.time(), UTC)


ADD_LINES = """
    INSERT INTO order_lines (order_id, line_no, product_id, quantity, unit_price, discount)
    SELECT order_id, 99, product_id, 7, unit_price, discount FROM order_lines WHERE line_no = 1
"""


def sql(*statements):
    """Plain SQL, as somebody writes it who knows nothing of rollups."""
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def current():
    with db.engine.connect() as connection:
        return state(connection)


@pytest.fixture
def sold(session, make):
    """Four orders of two lines each, today and on the three days before; nothing waits."""
    for days in range(4):
        make.orders(1, placed_at=NOW - timedelta(days=days))
    fold()
    return session


class TestFold:
    def test_adds_up_what_is_there(self, sold):
        assert sums_of("sales_days", "orders") == 4
        assert sums_of("product_days", "quantity") == 12
        assert verify().is_right

    def test_writes_nothing_when_nothing_changed(self, sold, statements):
        number = current().number

        with statements() as ran:
            fold()

        assert len(ran) == 1, ran
        assert current().number == number

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE orders SET status = 'cancelled' WHERE number = 'ORD0001'",
            "UPDATE orders SET status = 'draft'",
            "DELETE FROM orders WHERE number = 'ORD0002'",
            "DELETE FROM orders",
            "UPDATE order_lines SET quantity = quantity + 1 WHERE line_no = 1",
            "UPDATE order_lines SET unit_price = 0",
            "DELETE FROM order_lines WHERE line_no = 2",
            "DELETE FROM order_lines",
            "UPDATE order_lines SET line_no = id + 10, order_id = (SELECT min(id) FROM orders)",
            ADD_LINES,
            "UPDATE products SET stock = 0",
            "UPDATE products SET active = false",
        ],
    )
    def test_follows_plain_sql(self, sold, change):
        before = current().number

        sql(change)
        assert current().waiting
        fold()

        assert current().number == before + 1
        assert verify().is_right

    def test_follows_an_order_to_another_day(self, sold, session):
        days = {"sqlite": "'2024-02-29 10:00:00.000000'", "postgresql": "'2024-02-29 10:00+00'"}

        sql(f"UPDATE orders SET placed_at = {days[session.get_bind().dialect.name]}")
        fold()

        assert verify().is_right
        assert sums_of("sales_days", "orders", "day = '2024-02-29'") == 4

    def test_follows_products_to_another_supplier(self, sold, make):
        other = make.suppliers()[0]

        sql(f"UPDATE products SET supplier_id = {other}")
        fold()

        assert sums_of("supplier_periods", "quantity", f"supplier_id = {other}") > 0
        assert verify().is_right

    def test_of_a_product_that_is_gone_leaves_nothing(self, sold):
        sql("DELETE FROM order_lines", "DELETE FROM products", "DELETE FROM suppliers")
        fold()

        assert sums_of("product_periods", "1") == sums_of("supplier_periods", "1") == 0
        assert verify().is_right

    def test_drops_products_that_sell_nothing_any_more(self, sold):
        sql("DELETE FROM orders")
        fold()

        for table in ("sales_days", "product_days", "product_periods", "supplier_periods"):
            assert sums_of(table, "1") == 0

    def test_is_exact_where_a_sum_of_small_parts_would_overflow(self, sold):
        sql(
            "UPDATE order_lines SET quantity = 9, unit_price = 99999999.9999, discount = 0.0001"
            if db.engine.dialect.name == "postgresql"
            else "UPDATE order_lines SET quantity = 9, unit_price = 999999999999, discount = 1"
        )
        fold()

        with db.engine.connect() as connection:
            units, rest = connection.execute(
                text("SELECT sum(units), sum(rest) FROM product_days")
            ).one()
        each = 9 * Decimal("99999999.9999") * Decimal("0.9999")
        assert Decimal(units) + Decimal(rest) / 10**8 == 8 * each

    def test_that_was_stopped_goes_on_where_it_was(self, sold, make):
        for days in range(4, 300):
            make.orders(1, lines=1, placed_at=NOW - timedelta(days=days))

        first = fold(seconds=0)
        assert 0 < first.left < 296
        assert current().waiting
        second = fold()

        assert first.days + second.days == 296
        assert verify().is_right


class TestPeriods:
    def test_move_on_with_the_day(self, sold):
        fold(today=TODAY + timedelta(days=2))
        assert sums_of("product_periods", "quantity", "period = 'today'") == 0
        assert sums_of("product_periods", "quantity", "period = '7d'") == 12

        fold(today=TODAY + timedelta(days=5))
        assert sums_of("product_periods", "quantity", "period = '7d'") == 6
        assert sums_of("supplier_periods", "quantity", "period = '7d'") == 6

        fold(today=TODAY + timedelta(days=500))
        assert sums_of("product_periods", "1") == 0

        fold(today=TODAY)
        assert verify().is_right

    def test_leave_out_what_is_to_come(self, sold, make):
        make.orders(1, placed_at=NOW + timedelta(days=3))
        fold()

        assert sums_of("product_periods", "quantity", "period = '7d'") == 12
        assert sums_of("product_days", "quantity") == 15
        assert verify().is_right


class TestTwoAtOnce:
    def test_one_folds_and_the_other_is_told(self, sold, app):
        if db.engine.dialect.name == "sqlite":
            pytest.skip("SQLite's writers wait for each other anyway")
        sql("UPDATE orders SET status = 'paid'")

        with db.engine.connect() as other:
            other.execute(text("LOCK TABLE rollup_state IN SHARE ROW EXCLUSIVE MODE"))
            with pytest.raises(SomebodyElseError):
                fold(patience=0)
        assert fold().days == 4

    def test_a_line_added_while_its_order_moves_to_another_day_is_not_lost(self, sold):
        """Neither transaction sees what the other does; a queue of days would miss the line."""
        if db.engine.dialect.name == "sqlite":
            pytest.skip("SQLite has one writer")
        with db.engine.connect() as one, db.engine.connect() as two:
            two.execute(
                text(
                    "UPDATE order_lines SET quantity = 77 WHERE line_no = 1 AND order_id = "
                    "(SELECT id FROM orders WHERE number = 'ORD0001')"
                )
            )
            one.execute(
                text(
                    "UPDATE orders SET placed_at = placed_at - interval '40 days' "
                    "WHERE number = 'ORD0001'"
                )
            )
            one.commit()
            fold()
            two.commit()
        fold()

        assert verify().is_right

    def test_writers_do_not_wait_for_each_other_on_the_queue(self, sold):
        if db.engine.dialect.name == "sqlite":
            pytest.skip("SQLite has one writer")
        with db.engine.connect() as one, db.engine.connect() as two:
            for connection, number in ((one, 1), (two, 2)):
                connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
                connection.execute(
                    text(
                        "UPDATE orders SET placed_at = TIMESTAMPTZ '2024-05-05 00:00Z', "
                        f"status = 'paid' WHERE number = 'ORD000{number}'"
                    )
                )
                connection.execute(text("UPDATE products SET name = 'Same' WHERE false"))
            one.commit()
            two.commit()
        fold()

        assert verify().is_right

    def test_readers_never_see_half_a_step(self, sold, app):
        """Each order moves from placed to paid and back: their number by status must not waver."""
        seen, stop = set(), threading.Event()

        def read():
            with app.app_context():
                while not stop.is_set():
                    seen.add(sums_of("sales_days", "orders"))

        reader = threading.Thread(target=read)
        reader.start()
        for status in ("paid", "placed") * 10:
            sql(f"UPDATE orders SET status = '{status}'")
            fold()
        stop.set()
        reader.join()

        assert seen == {4}


class TestKilled:
    def test_at_any_moment_leaves_nothing_to_mend(self, session, make, tmp_path):
        url = session.get_bind().url.render_as_string(hide_password=False)
        script = (
            "from pathlib import Path\n"
            "from backoffice import create_app\n"
            "from backoffice.config import Settings\n"
            "from backoffice.database import db\n"
            "from backoffice.rollups import fold\n"
            f"app = create_app(Settings(instance_path=Path({str(tmp_path)!r}), "
            f"database_url={url!r}, secret_key={SECRET!r}))\n"
            "fold.SECONDS_A_STEP = 0.001\n"
            "with app.app_context():\n"
            "    print('ready', flush=True)\n"
            "    fold.fold()\n"
        )
        for days in range(200):
            make.orders(1, lines=1, placed_at=NOW - timedelta(days=days))
        session.rollback()
        for _ in range(3):
            sql("UPDATE order_lines SET quantity = quantity + 1")
            run = [sys.executable, "-c", script]
            with subprocess.Popen(run, cwd=ROOT, stdout=subprocess.PIPE) as process:
                process.stdout.readline()
                try:
                    process.wait(0.05)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)

        assert verify().is_right


class TestVerify:
    def test_names_what_differs(self, sold):
        sql(
            "UPDATE sales_days SET orders = orders + 1 WHERE day = (SELECT max(day) FROM "
            "sales_days)",
            "DELETE FROM product_periods WHERE period = '30d'",
            "UPDATE stock_states SET products = 5",
        )

        verdict = verify()

        assert not verdict.is_right
        said = [str(difference) for difference in verdict.differences]
        assert f"sales_days {TODAY} placed: orders 2" in said[0]
        assert "should be orders 1" in said[0]
        assert any(line.startswith("product_periods 30d ") for line in said)
        assert "stock_states in: products 5, should be products 1" in said

    def test_sees_that_a_trigger_is_gone(self, sold):
        table = " ON orders" if db.engine.dialect.name == "postgresql" else ""
        sql(f"DROP TRIGGER rollup_orders_update{table}")

        verdict = verify()
        with db.engine.begin() as connection:
            create_triggers(connection)
            missing = missing_triggers(connection)

        assert verdict.triggers == ("rollup_orders_update",)
        assert not verdict.is_right
        assert not missing

    def test_what_was_rebuilt_is_right(self, sold):
        for table in ("sales_days", "product_days", "product_periods", "stock_states"):
            sql(f"DELETE FROM {table}")

        assert rebuild() == 4
        assert verify().is_right


def test_spans_without_a_gap():
    keys = [20260302, 20260301, 20260228, 20260226, 20251231]

    assert list(runs_of(keys)) == [
        Days(date(2026, 2, 28), date(2026, 3, 2)),
        Days(date(2026, 2, 26), date(2026, 2, 26)),
        Days(date(2025, 12, 31), date(2025, 12, 31)),
    ]


class TestTruncate:
    def test_is_followed_as_well(self, sold):
        if db.engine.dialect.name == "sqlite":
            pytest.skip("SQLite has no TRUNCATE")
        sql("TRUNCATE order_lines")
        assert current().waiting
        fold()

        assert verify().is_right


class TestStrangeDays:
    def test_the_last_day_of_the_calendar_is_one_like_others(self, sold, make):
        make.orders(1, placed_at=datetime(9999, 12, 31, 23, 59, tzinfo=UTC))
        make.orders(1, placed_at=datetime(1, 1, 1, tzinfo=UTC))
        fold()

        assert sums_of("sales_days", "orders") == 6
        assert verify().is_right

    @pytest.mark.parametrize(
        "moment", ["'12345-01-01 00:00:00.000000'", "'infinity'", "'-infinity'"]
    )
    def test_what_is_no_date_holds_nobody_up(self, sold, caplog, moment):
        sql(f"UPDATE orders SET placed_at = {moment}, shipped_at = NULL WHERE number = 'ORD0001'")
        fold()

        assert sums_of("sales_days", "orders") == 3
        assert "it is no date" in caplog.text
        sql("UPDATE orders SET placed_at = '2025-05-05 00:00:00.000000' WHERE number = 'ORD0001'")
        fold()
        assert sums_of("sales_days", "orders") == 4
        assert verify().is_right

    @pytest.mark.parametrize("app", ["sqlite"], indirect=True)
    def test_sqlite_takes_any_text(self, app, sold):
        for text_ in ("garbage", "1700000000", "2026-13-45 00:00:00.000000", ""):
            sql(f"UPDATE orders SET placed_at = '{text_}' WHERE number = 'ORD0001'")
            fold()
            assert sums_of("sales_days", "orders") == 3

        sql("UPDATE orders SET placed_at = '2025-05-05' WHERE number = 'ORD0001'")
        fold()
        assert sums_of("sales_days", "orders") == 4
        assert verify().is_right


class TestManyOrders:
    def test_is_not_done_while_the_days_of_some_are_not_known(self, sold, monkeypatch):
        monkeypatch.setattr("backoffice.rollups.fold.ORDERS_A_STEP", 1)
        sql("UPDATE order_lines SET quantity = quantity + 1")

        first = fold(seconds=0)

        assert not first.is_done
        assert current().waiting
        assert rebuild() >= 4
        assert not current().waiting
        assert verify().is_right


class TestTheSameIdAgain:
    def test_of_a_product_that_now_has_another_supplier(self, sold, make):
        other = make.suppliers()[0]
        with db.engine.begin() as connection:
            [product] = connection.execute(text("SELECT * FROM products")).mappings().all()
            [*lines] = connection.execute(text("SELECT * FROM order_lines")).mappings().all()
            connection.execute(text("DELETE FROM order_lines"))
            connection.execute(text("DELETE FROM products"))
            for table, rows in (
                ("products", [{**product, "supplier_id": other}]),
                ("order_lines", lines[:5]),
            ):
                names = list(rows[0])
                values = ", ".join(f":{name}" for name in names)
                insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"
                connection.execute(text(insert), [dict(row) for row in rows])
        fold()

        assert verify().is_right

    @pytest.mark.parametrize("app", ["sqlite"], indirect=True)
    def test_by_replace(self, app, sold, make):
        other = make.suppliers()[0]
        fold()
        sql(
            "REPLACE INTO orders (id, number, customer_id, status, placed_at) "
            "SELECT id, number, customer_id, status, '2025-05-05 00:00:00.000000' FROM orders "
            "WHERE number = 'ORD0001'",
            f"REPLACE INTO products (id, sku, name, supplier_id, price, stock) "
            f"SELECT id, sku, name, {other}, price, 0 FROM products",
        )
        fold()
        assert verify().is_right

        sql(
            "REPLACE INTO order_lines (id, order_id, line_no, product_id, quantity, unit_price) "
            "SELECT id, (SELECT max(id) FROM orders), 77, product_id, 5, 1 FROM order_lines LIMIT 1"
        )
        fold()
        assert verify().is_right
