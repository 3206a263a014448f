"""A walk through all pages while another process writes: what stood throughout is seen once."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert, select

from backoffice.database import db
from backoffice.models import Product
from tests import stored
from tests.grid.sections import first, views
from tests.grid.test_keyset import walk

WRITER = """
import random, sys, time
from sqlalchemy import create_engine, text

engine = create_engine(sys.argv[1], connect_args={"timeout": 30} if "sqlite" in sys.argv[1] else {})
supplier, rows, chance = int(sys.argv[2]), int(sys.argv[3]), random.Random(7)
new = text(
    "INSERT INTO products (sku, name, supplier_id, price, updated_at)"
    " VALUES (:sku, :name, :supplier, :price, :at)"
)
gone = text("DELETE FROM products WHERE sku = :sku")
wrote = 0
print("ready", flush=True)
while True:
    with engine.begin() as connection:
        for _ in range(5):
            wrote += 1
            at = f"2026-0{chance.randint(1, 3)}-01 00:00:00.{chance.randint(0, 999999):06}"
            values = {"sku": f"W{wrote}", "name": f"Name {chance.randint(0, rows)}", "at": at}
            connection.execute(new, values | {"supplier": supplier, "price": chance.randint(0, 99)})
            connection.execute(gone, {"sku": f"GOES{chance.randint(0, rows)}"})
    time.sleep(0.005)
"""


@contextmanager
def writing(app, supplier, rows):
    """Another process inserts and deletes until the end of the block."""
    url = stored.engine(app).url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", WRITER, url, str(supplier), str(rows)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        yield
        assert process.poll() is None, "the writer stopped by itself"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def fill(app, supplier, rows):
    """Rows that stay, and among them, tied with them in every sort, rows that go."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    values = [
        {
            "sku": f"{'GOES' if n % 2 else 'STAY'}{n // 2}",
            "name": f"Name {n // 4}",
            "supplier_id": supplier,
            "price": Decimal(n // 8 % 100),
            "updated_at": begin + timedelta(minutes=n // 4),
        }
        for n in range(rows)
    ]
    with app.app_context():
        db.session.execute(insert(Product), values)
        db.session.commit()


def check(app, make, rows, size):
    supplier = first(make, "suppliers")
    fill(app, supplier, rows)
    view = views(app)["products"]
    with app.app_context():
        stay = Product.sku.startswith("STAY")
        expected = set(db.session.scalars(select(Product.id).where(stay)))
        with writing(app, supplier, rows // 2):
            for name, sort in view.sorts.items():
                for backward in (False, True):
                    # Each page reads anew, as each visit would.
                    seen = walk(view, sort, size, backward=backward, between=db.session.rollback)
                    assert len(seen) == len(set(seen)), name
                    assert expected <= set(seen), name
        assert db.session.scalar(select(Product.id).where(Product.sku.startswith("W")).limit(1))


def test_shows_each_row_that_stands_throughout_exactly_once(app, make):
    check(app, make, rows=2_000, size=50)


@pytest.mark.slow
def test_shows_each_of_a_hundred_thousand_exactly_once(app, make):
    check(app, make, rows=100_000, size=200)
