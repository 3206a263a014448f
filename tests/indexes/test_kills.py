"""Builds killed at random moments, beside a writer, and called again: every index is whole."""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import text

from backoffice.config import ROOT
from backoffice.database import begins_reading
from backoffice.indexes.limits import USUAL
from backoffice.indexes.plan import State, compare, online_indexes
from tests import stored
from tests.cli.conftest import CLEAN
from tests.conftest import BOTH, SECRET

pytestmark = pytest.mark.slow

ROWS = int(os.environ.get("ROWS", "300000"))
KILLS = 20
ONLINE = sum(index.table.name == "products" for index in online_indexes())
LONGEST = {"postgresql": 5.0, "sqlite": USUAL.hold_seconds + 2.0}
"""Seconds: the web's lock timeout, and how long SQLite's builds hold, with what a commit takes."""


class Writer(threading.Thread):
    """Changes one product after the other, now and then in a transaction that lasts."""

    def __init__(self, app):
        super().__init__(daemon=True)
        self.app = app
        self.waits = []
        self.failed = []
        self.ended = threading.Event()
        self.turn = threading.Lock()

    def run(self):
        number = random.Random(1)
        write = text("UPDATE products SET stock = :stock, name = name || '.' WHERE id = :id")
        engine = stored.engine(self.app)
        while not self.ended.wait(0.01):
            row = {"id": number.randrange(1, ROWS), "stock": number.randrange(1000)}
            stays = 0.2 if number.random() < 0.02 else 0.0
            with self.turn:  # the trial has it while it drops what is to be built
                began = time.perf_counter()
                try:
                    with engine.begin() as connection:
                        connection.execute(write, row)
                        time.sleep(stays)
                except Exception as error:  # told at the end
                    self.failed.append(error)
                self.waits.append(time.perf_counter() - began - stays)


@pytest.fixture(params=BOTH)
def large(request, new_app):
    """An application over many products; its indexes are dropped anew for each build."""
    app = new_app(request.param)
    environ = {
        **CLEAN,
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "SECRET_KEY": SECRET,
        "BACKOFFICE_INSTANCE_PATH": app.instance_path,
        "PYTHONPATH": str(ROOT),
    }
    generate = ["generate", "--suppliers", "100", "--products", str(ROWS)]
    subprocess.run([sys.executable, ROOT / "manage.py", *generate], env=environ, check=True)
    return app, environ


def reading(app):
    """A connection that is in nobody's way: SQLite's check of all rows takes seconds."""
    return begins_reading(stored.engine(app)).connect()


def states(app):
    """State of each index of products."""
    with reading(app) as connection, app.app_context():
        return {
            index.name: index.state for index in compare(connection) if index.table == "products"
        }


def drop_all(app):
    online = [index.name for index in online_indexes() if index.table.name == "products"]
    engine = stored.engine(app)
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            for name in online:
                connection.execute(text(f"DROP INDEX IF EXISTS {name}"))
    else:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for name in online:
                connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))


def unsound(app):
    """What the database itself finds wrong with the indexes of products."""
    with reading(app) as connection:
        if connection.dialect.name == "sqlite":
            found = connection.scalars(text("PRAGMA integrity_check('products')")).all()
            return [line for line in found if line != "ok"]
        return connection.scalars(
            text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
        ).all()


class TestKilledAtARandomMoment:
    def test_ends_valid_and_no_writer_waits_long(self, large):
        app, environ = large

        def start():
            return subprocess.Popen(
                [sys.executable, ROOT / "manage.py", "indexes", "build"],
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

        def kill_at_random():
            """After so many indexes, somewhere within the next one."""
            done, within = moments.randrange(ONLINE - 2), moments.random()
            began = time.monotonic()
            with start() as running:
                for _ in range(done):
                    if not running.stdout.readline():
                        break
                took = time.monotonic() - began
                time.sleep(within * (max(took - startup, 0) / done if done else 1.5 * startup))
                running.send_signal(signal.SIGKILL)
            return running.returncode == -signal.SIGKILL

        moments = random.Random(4)
        began = time.monotonic()
        subprocess.run(
            [sys.executable, ROOT / "manage.py", "indexes", "list"],
            env=environ,
            check=True,
            stdout=subprocess.PIPE,
        )
        startup = time.monotonic() - began
        drop_all(app)
        began = time.monotonic()
        with start() as undisturbed:
            undisturbed.communicate()
        seconds = time.monotonic() - began
        writer = Writer(app)
        writer.start()
        kills, halfway, again, ends = 0, 0, 0, []

        while kills < KILLS:  # a build that ends before its moment is not counted
            with writer.turn:
                drop_all(app)
            kills += kill_at_random()
            halfway += len(set(states(app).values())) > 1
            if moments.random() < 0.3:
                again += kill_at_random()
            began = time.monotonic()
            with start() as finishing:
                _, said = finishing.communicate()
            ends.append(time.monotonic() - began)
            assert finishing.returncode == 0, said
            assert set(states(app).values()) == {State.PRESENT}
            assert unsound(app) == []

        writer.ended.set()
        writer.join()
        waits = sorted(writer.waits)
        print(
            f"\n{app.config['SQLALCHEMY_DATABASE_URI'].partition(':')[0]}, {ROWS:,} products: "
            f"built in {seconds:.1f} s with a start of {startup:.1f} s; {kills} times killed, "
            f"{halfway} of them with some indexes built and others not, {again} times once more; "
            f"called again it was done in {max(ends):.1f} s at most; {len(waits):,} writes "
            f"meanwhile: median {1000 * waits[len(waits) // 2]:.1f} ms, 99 of 100 within "
            f"{1000 * waits[len(waits) * 99 // 100]:.0f} ms, longest {waits[-1]:.2f} s"
        )
        assert writer.failed == []
        assert halfway >= KILLS // 2
        assert waits[-1] < LONGEST[stored.engine(app).dialect.name]
