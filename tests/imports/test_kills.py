"""Imports killed at random moments and called again end as if nothing had happened."""

import random
import signal
import subprocess
import sys
import time
from itertools import cycle

import pytest
from sqlalchemy import select

from backoffice.config import ROOT
from backoffice.models import ImportRun, Product
from tests import stored

pytestmark = pytest.mark.slow

ROWS = 20_000
KILLS = 50
FIELDS = (Product.sku, Product.name, Product.price, Product.stock, Product.version)


def content(rows, price):
    lines = "".join(f"P{n},Product {n},SUP1,{price(n)},{n % 97}\n" for n in rows)
    return "sku,name,supplier,price,stock\n" + lines


def values(app):
    """Every product but for ids and moments."""
    with stored.engine(app).connect() as connection:
        return sorted(map(tuple, connection.execute(select(*FIELDS))))


class TestKilledAtARandomMoment:
    def test_ends_as_an_undisturbed_run(self, app, environ, load, make, tmp_path):
        """Half of the rows are known, and every second one of these has another price.

        On SQLite all goes in one transaction unless somebody waits; so two times of three as if
        somebody always did.
        """
        make.suppliers()
        file = tmp_path / "june.csv"
        file.write_text(content(range(ROWS), lambda n: "7" if n % 4 == 0 else f"{n % 900}.50"))
        before = tmp_path / "before.csv"
        before.write_text(content(range(0, ROWS, 2), lambda n: f"{n % 900}.50"))
        short = "from backoffice import cli; from backoffice.imports import work; "
        short += "work.LONGEST_TURN = 0; cli.main()"
        programs = cycle([["-c", short], ["-c", short], [ROOT / "manage.py"]])

        def start():
            return subprocess.Popen(
                [sys.executable, *next(programs), "import", "products", file],
                env=environ,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

        def prepare():
            with stored.elsewhere(app) as connection:
                connection.execute(Product.__table__.delete())
            load("products", before)

        prepare()
        began = time.monotonic()
        with start() as undisturbed:
            assert undisturbed.wait() == 0
        seconds = time.monotonic() - began
        expected = values(app)
        assert len(expected) == ROWS

        moments = random.Random(4)
        interrupted = 0
        prepare()
        for _ in range(KILLS):
            with start() as running:
                time.sleep(seconds * moments.uniform(0.2, 0.95))
                running.send_signal(signal.SIGKILL)
            with stored.engine(app).connect() as connection:
                newest = connection.execute(
                    select(ImportRun.state, ImportRun.merged_line)
                    .order_by(ImportRun.id.desc())
                    .limit(1)
                ).one()
            interrupted += newest.state == "running" and newest.merged_line > 0
            if moments.random() < 0.5:  # else killed again while it resumes
                continue
            with start() as resumed:
                _, said = resumed.communicate()
                assert resumed.returncode == 0, said
            assert values(app) == expected
            prepare()
        with start() as resumed:
            assert resumed.wait() == 0

        assert values(app) == expected
        assert interrupted >= 5
