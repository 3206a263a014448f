"""Staff go on working while a revision changes the table that they look at, or fills it."""

from __future__ import annotations

import re
import signal
import threading
import time
from contextlib import ExitStack, contextmanager
from statistics import quantiles

import pytest
from sqlalchemy import create_engine, select, text

from backoffice.database import begins_reading, db, set_up
from backoffice.models import Backfill, Product
from backoffice.revisions.backfill import LONGEST_SECONDS
from backoffice.rollups.verify import rebuild
from backoffice.synthetic.run import Wanted, generate
from tests.benchmarks.client import Client
from tests.benchmarks.data import let_staff_in
from tests.benchmarks.servers import serving
from tests.benchmarks.staff import EMAIL, PASSWORD

pytestmark = pytest.mark.slow

LOCK_SECONDS = 1.0
PAGES = ("/admin/products/", "/admin/products/?search=product", "/admin/orders/")


class Staff:
    """Threads that ask for pages again and again, and one that saves products."""

    def __init__(self, port, url, ids):
        self.client = Client(port)
        self.client.sign_in("/login", {"email": EMAIL, "password": PASSWORD})
        self.engine = create_engine(url)
        set_up(self.engine)
        self.ids = ids
        self.over = threading.Event()
        self.pages, self.saves, self.errors = [], [], []

    def look(self):
        client = Client(self.client.port)
        client.cookies = dict(self.client.cookies)
        while not self.over.is_set():
            for path in PAGES:
                began = time.perf_counter()
                answer = client.get(path)
                self.pages.append((began, answer.seconds))
                if answer.status != 200:
                    self.errors.append(f"{path}: {answer.status}")
                self.over.wait(0.05)

    def save(self):
        number = 0
        while not self.over.is_set():
            began = time.perf_counter()
            try:
                with self.engine.begin() as connection:
                    connection.execute(
                        text(
                            "UPDATE products SET name = name, version = version + 1 WHERE id = :id"
                        ),
                        {"id": self.ids[number * 7919 % len(self.ids)]},
                    )
            except Exception as error:
                self.errors.append(str(error))
            self.saves.append((began, time.perf_counter() - began))
            number += 1
            self.over.wait(0.03)

    @contextmanager
    def working(self):
        threads = [threading.Thread(target=work) for work in (self.look, self.look, self.save)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.over.set()
            for thread in threads:
                thread.join()
            self.engine.dispose()


def told(times, since, until):
    """(number, median, 95 of 100, longest) of what began between."""
    found = [seconds for began, seconds in times if since <= began < until]
    cut = quantiles(found, n=20)
    return len(found), cut[9], cut[18], max(found)


def line(name, figures):
    count, median, most, longest = figures
    return (
        f"{name}: {count} times, median {median:.3f} s, p95 {most:.3f} s, longest {longest:.3f} s"
    )


@pytest.fixture
def staffed(new_app, kind, tmp_path):
    """Makes (application, its server's port) over so many products, with a member of staff."""
    with ExitStack() as stack:

        def make(products):
            app = new_app(kind)
            with app.app_context():
                generate(Wanted(suppliers=50, products=products, customers=50, orders=200))
                let_staff_in()
                db.session.remove()
                rebuild()  # else the first page of the server has it done beside the trial
            url = app.config["SQLALCHEMY_DATABASE_URI"]
            server = stack.enter_context(serving("ours", url, tmp_path))
            return app, Staff(server.port, url, ids(app))

        yield make


def ids(app):
    with app.app_context():
        return list(db.session.scalars(select(Product.id)))


def position():
    """How far the backfill is, 0 before it has begun."""
    with begins_reading(db.engine).connect() as connection:
        return connection.scalar(select(Backfill.position)) or 0


def wait_beyond(last):
    deadline = time.monotonic() + 120
    while position() <= last:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def finished(process, seconds=60):
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, out + err
    return out + err


class TestARevisionBesideAForgottenReader:
    """Old processes serve pages, somebody's transaction is open, and products get a column."""

    def test_shows_no_error_and_holds_nobody_up(self, staffed, start, written, kind):
        app, staff = staffed(2_000)
        written.add('op.add_column("products", sa.Column("colour", sa.Text()))')
        url = app.config["SQLALCHEMY_DATABASE_URI"]

        with staff.working(), app.app_context():
            time.sleep(3)
            began = time.perf_counter()
            with db.engine.connect() as reader:
                reader.execute(text("SELECT count(*) FROM products"))
                upgrade = start(url, "db", "upgrade")
                # On PostgreSQL it idles; on SQLite it is a writer, as reading is in nobody's way.
                first = upgrade.stderr.readline() if kind == "postgresql" else ""
                time.sleep(4)
                reader.rollback()
            said = first + finished(upgrade)
            until = time.perf_counter()
            time.sleep(2)

        before, during = told(staff.pages, 0, began), told(staff.pages, began, until)
        print(kind, said.strip(), sep="\n")
        print(line("pages before", before), line("pages during", during), sep="\n")
        print(line("saves during", told(staff.saves, began, until)))
        assert staff.errors == []
        assert during[3] <= LOCK_SECONDS + max(before[3], 0.5) + 0.5
        if kind == "postgresql":
            assert "products is locked by pid" in said
        assert "t001 change" in said


class TestABackfillBesideStaff:
    """A million rows, killed three times and run again while pages are read and saved."""

    PRODUCTS = 1_000_000

    def test_changes_each_row_once_in_short_batches(self, staffed, start, written, kind):
        app, staff = staffed(self.PRODUCTS)
        written.add(
            "pass",
            constants="from backoffice.revisions.backfill import Batches\n"
            'BACKFILL = Batches(name="t001 more", table="products", statement='
            '"UPDATE products SET reorder_level = reorder_level + 1000000'
            ' WHERE id > :after AND id <= :upto")',
        )
        url = app.config["SQLALCHEMY_DATABASE_URI"]

        positions, began = [], 0.0
        with staff.working(), app.app_context():
            time.sleep(15)
            began = time.perf_counter()
            for _ in range(3):
                upgrade = start(url, "db", "upgrade")
                wait_beyond(positions[-1] if positions else 0)
                time.sleep(2)
                upgrade.send_signal(signal.SIGKILL)
                upgrade.wait()
                positions.append(position())
            said = finished(start(url, "db", "upgrade"), 1_200)
            until = time.perf_counter()

        with app.app_context(), begins_reading(db.engine).connect() as connection:
            wrong = connection.scalar(
                text("SELECT count(*) FROM products WHERE reorder_level NOT BETWEEN 1e6 AND 1.9e6")
            )
            ledger = connection.execute(select(Backfill)).one()
        print(kind, f"killed at ids {positions}", said.strip(), sep="\n")
        print(f"{ledger.rows:,} rows in {until - began:.0f} s, kills and starts included")
        for name, times in (("pages", staff.pages), ("saves", staff.saves)):
            print(line(f"{name} before", told(times, 0, began)))
            print(line(f"{name} during", told(times, began, until)))
        assert staff.errors == []
        assert wrong == 0
        assert ledger.rows == self.PRODUCTS
        assert ledger.finished_at
        assert positions == sorted(set(positions))
        assert 0 < positions[0] <= positions[-1] < self.PRODUCTS
        longest = float(re.findall(r"longest (\d+\.\d+) s", said)[-1])
        assert longest <= LONGEST_SECONDS
