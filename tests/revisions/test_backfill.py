"""Large backfills go in batches, are resumed, and belong to a revision."""

import threading
import time

import flask_migrate
import pytest
from sqlalchemy import select, text, update

from backoffice.database import db
from backoffice.models import Backfill, Product
from backoffice.monitoring.health import head_revision
from backoffice.revisions import backfill
from backoffice.revisions.backfill import Batches, run
from tests.factories import Make

FEWER = Batches(
    name="fewer",
    table="products",
    statement="UPDATE products SET stock = stock - 5 WHERE id > :after AND id <= :upto",
)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(backfill, "FIRST_ROWS", 10)
    monkeypatch.setattr(backfill, "MOST_ROWS", 10)


def stocks():
    with db.engine.connect() as connection:
        return list(connection.scalars(select(Product.stock).order_by(Product.id)))


def ledger():
    with db.engine.connect() as connection:
        return connection.execute(select(Backfill)).all()


class TestRun:
    def test_changes_each_row_once_in_batches(self, shop, small):
        Make(shop).products(95, stock=10)

        filled = run(db.engine, FEWER)
        again = run(db.engine, FEWER)

        assert stocks() == [5] * 95
        assert (filled.rows, filled.batches, again.batches) == (95, 11, 1)
        ((name, position, rows, _, finished_at),) = ledger()
        assert (name, rows) == ("fewer", 95)
        assert position == filled.position
        assert finished_at

    def test_goes_on_where_it_ended(self, shop, small):
        ids = Make(shop).products(60, stock=10)
        with db.engine.begin() as connection:
            connection.execute(update(Product).where(Product.id == ids[34]).values(stock=1))

        with pytest.raises(Exception, match="stock_not_negative"):
            run(db.engine, FEWER)
        halfway = stocks()
        with db.engine.begin() as connection:
            connection.execute(update(Product).where(Product.id == ids[34]).values(stock=10))
        run(db.engine, FEWER)

        assert halfway == [5] * 30 + [10] * 4 + [1] + [10] * 25
        assert stocks() == [5] * 60

    def test_fills_what_came_after_its_end(self, shop, small):
        make = Make(shop)
        make.products(15, stock=10)
        run(db.engine, FEWER)
        make.products(15, stock=10)  # by the old code: the revision was killed before its commit

        filled = run(db.engine, FEWER)

        assert stocks() == [5] * 30
        assert filled.rows == 30

    def test_of_an_empty_table_is_done(self, shop):
        assert run(db.engine, FEWER).batches == 1
        assert ledger()[0].finished_at

    def test_by_two_at_once_changes_each_row_once(self, shop, small):
        Make(shop).products(100, stock=10)

        def work():
            with shop.app_context():
                run(db.engine, FEWER)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert stocks() == [5] * 100

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_waits_for_a_row_that_staff_are_saving(self, shop, small, monkeypatch):
        monkeypatch.setattr(backfill, "LONGEST_SECONDS", 0.2)
        ids = Make(shop).products(20, stock=10)
        locked = threading.Event()

        def save():
            with shop.app_context(), db.engine.begin() as connection:
                connection.execute(update(Product).where(Product.id == ids[5]).values(stock=20))
                locked.set()
                time.sleep(0.6)

        thread = threading.Thread(target=save)
        thread.start()
        locked.wait()
        run(db.engine, FEWER)
        thread.join()

        assert stocks() == [5] * 5 + [15] + [5] * 14

    def test_refuses_a_statement_without_its_range(self):
        with pytest.raises(ValueError, match="must change WHERE id > :after"):
            Batches("all", "products", "UPDATE products SET stock = 0")


class TestSize:
    def test_aims_at_the_target(self):
        assert backfill._next_size(1000, 0.1) == 2000
        assert backfill._next_size(1000, 0.4) == 500
        assert backfill._next_size(1000, 9.0) == 250
        assert backfill._next_size(1, 9.0) == 1


class TestARevision:
    CONSTANTS = (
        "from backoffice.revisions.backfill import Batches\n"
        'BACKFILL = Batches(name="t001 fewer", table="products", statement='
        '"UPDATE products SET stock = stock - 5 WHERE id > :after AND id <= :upto")'
    )

    def test_is_filled_before_it_counts_as_done(self, shop, written, capsys):
        Make(shop).products(30, stock=10)
        written.add('assert op.get_bind().scalar(sa.text("SELECT max(stock) FROM products")) == 5',
                    constants=self.CONSTANTS)  # fmt: skip

        flask_migrate.upgrade()

        assert stocks() == [5] * 30
        assert "t001 fewer: 30 rows, up to id" in capsys.readouterr().err

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_whose_batch_takes_long_is_told_the_limit_of_a_batch(
        self, shop, written, monkeypatch, caplog
    ):
        monkeypatch.setattr(backfill, "LONGEST_SECONDS", 0.1)
        monkeypatch.setattr(backfill, "TRIES", 2)
        Make(shop).products(1)
        slow = self.CONSTANTS.replace("stock - 5", "stock + (pg_sleep(9) IS NULL)::int")
        written.add("pass", constants=slow)

        with pytest.raises(SystemExit):
            flask_migrate.upgrade()

        assert "t001 fewer: the smallest batch took more than 0.1 s" in caplog.text
        assert "15 s" not in caplog.text

    def test_that_failed_is_not_filled_twice(self, shop, written):
        Make(shop).products(30, stock=10)
        written.add("raise RuntimeError('no')", constants=self.CONSTANTS)
        with pytest.raises(SystemExit):
            flask_migrate.upgrade()
        written.count -= 1
        written.last = head_revision()
        written.add("pass", constants=self.CONSTANTS)

        flask_migrate.upgrade()

        assert stocks() == [5] * 30

    def test_taken_back_is_filled_anew(self, shop, written):
        Make(shop).products(3, stock=10)
        written.add("pass", constants=self.CONSTANTS)

        flask_migrate.upgrade()
        flask_migrate.downgrade()
        with db.engine.connect() as connection:
            left = connection.scalar(text("SELECT count(*) FROM backfills"))
        flask_migrate.upgrade()

        assert left == 0
        assert stocks() == [0] * 3
