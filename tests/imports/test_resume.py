"""Runs that were killed, cancelled or undone half way, and what becomes of them."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from sqlalchemy import delete, select, update

from backoffice.config import ROOT
from backoffice.database import begins_reading
from backoffice.imports.ledger import RunCancelledError, RunRefusedError, counts_of
from backoffice.imports.resume import resume
from backoffice.imports.run import Choices
from backoffice.imports.undo import undo
from backoffice.models import HistoryEntry, ImportRun, Product, Supplier, history_rows
from tests import stored
from tests.imports.conftest import HEADER, counts, products, take_chunks_of

CHUNK = 10


def merged_line(app):
    """Of the run that is at work, by a connection that keeps nobody waiting."""
    with begins_reading(stored.engine(app)).connect() as connection:
        line = select(ImportRun.merged_line).where(ImportRun.state == "running")
        return connection.scalar(line) or 0


def wait_until_it_merges(app):
    for _ in range(3_000):
        with begins_reading(stored.engine(app)).connect() as connection:
            if connection.scalar(select(ImportRun.id).where(ImportRun.state == "running")):
                return
        time.sleep(0.02)
    raise AssertionError("nothing was merged")


@pytest.fixture
def file(tmp_path):
    """Forty products of which twenty are known, ten of these with another price."""
    path = tmp_path / "june.csv"
    path.write_text(products(40, lambda n: "7" if n % 4 == 0 else f"{n}.50"))
    return path


@pytest.fixture
def known(load, make):
    make.suppliers()
    load(
        "products", HEADER + "".join(f"P{n},Product {n},SUP1,{n}.50,{n}\n" for n in range(0, 40, 2))
    )


@pytest.fixture
def small_chunks(monkeypatch):
    take_chunks_of(monkeypatch, CHUNK)


@pytest.fixture
def killed(commands, environ):
    """Runs a command of `manage.py` that is killed at its nth note in the ledger."""

    def killed(notes, *arguments):
        command = (notes, CHUNK, *arguments)
        ran = commands.run(*command, module="tests.imports.killed", environ=environ)
        assert ran.returncode == -signal.SIGKILL, ran.stderr

    return killed


@pytest.fixture
def rows(session):
    """Every product as it is known to people, with its version, and the entry of each change."""

    def rows():
        session.rollback()
        session.expire_all()
        told = select(Product.sku, Product.name, Product.price, Product.stock, Product.version)
        written = (
            select(Product.sku, HistoryEntry.label, history_rows.c.changes)
            .join(history_rows, history_rows.c.row_id == Product.id)
            .join(HistoryEntry, HistoryEntry.id == history_rows.c.history_id)
        )
        found = (
            sorted(map(tuple, session.execute(told))),
            sorted(map(str, session.execute(written))),
        )
        session.rollback()  # on SQLite it would keep the command waiting
        return found

    return rows


@pytest.mark.usefixtures("known")
class TestAKilledRun:
    @pytest.mark.parametrize("notes", [1, 2, 3])
    def test_ends_by_the_same_command_as_if_nothing_had_happened(
        self, app, file, killed, manage, rows, session, notes
    ):
        killed(notes, "import", "products", file)
        half = len(rows()[0])

        ran = manage("products", file)

        assert ran.returncode == 0, ran.stderr
        assert "40 rows: 20 inserted, 10 updated, 10 unchanged, 0 rejected" in ran.stdout
        assert half < 40
        after, told = rows()
        assert [row[0] for row in after] == sorted(f"P{n}" for n in range(40))
        assert {row[4] for row in after} == {1, 2}
        assert len(told) == len(set(told)) == 20 + 30
        run = session.scalar(select(ImportRun).order_by(ImportRun.id.desc()))
        assert (run.state, run.inserted, run.updated, counts_of(run)["unchanged"]) == (
            "done",
            20,
            10,
            10,
        )

    def test_ends_by_its_number(self, app, file, killed, rows, session):
        killed(2, "import", "products", file)
        run = session.scalar(select(ImportRun.id).order_by(ImportRun.id.desc()))
        session.rollback()

        with app.app_context():
            report = resume(run)
            with pytest.raises(RunRefusedError, match="is done: nothing is left to do"):
                resume(run)

        assert counts(report) == (20, 10, 10, 0)
        assert len(rows()[0]) == 40

    def test_does_not_overwrite_what_staff_changed_since(self, app, file, killed, load, session):
        killed(3, "import", "products", file)
        product = session.scalar(select(Product).where(Product.sku == "P0"))
        product.price = 99
        session.commit()

        report = load("products", file)

        assert counts(report) == (20, 10, 10, 0)
        session.expire_all()
        assert session.scalar(select(Product.price).where(Product.sku == "P0")) == 99

    def test_comes_before_another_file(self, app, file, killed, load, unchanged, session):
        killed(2, "import", "products", file)
        run = session.scalar(select(ImportRun.id).order_by(ImportRun.id.desc()))
        session.rollback()

        with unchanged(), pytest.raises(RunRefusedError, match=f"`imports resume {run}` finishes"):
            load("products", products(2))

    def test_is_taken_back_when_told_to(self, app, file, killed, rows, session):
        before = [row[:4] for row in rows()[0]]
        killed(3, "import", "products", file)
        run = session.scalar(select(ImportRun.id).order_by(ImportRun.id.desc()))
        session.rollback()

        with app.app_context():
            undone = undo(run)

        assert [row[:4] for row in rows()[0]] == before
        assert (undone.reversed, undone.kept, undone.impossible) == (2 * CHUNK, 0, 0)
        assert session.scalar(select(ImportRun.state).where(ImportRun.id == run)) == "cancelled"

    def test_is_not_resumed_with_another_content(self, app, file, killed, session):
        killed(2, "import", "products", file)
        run = session.scalar(select(ImportRun.id).order_by(ImportRun.id.desc()))
        session.rollback()
        file.write_text(products(3))

        with app.app_context(), pytest.raises(RunRefusedError, match="was changed since"):
            resume(run)
        file.unlink()
        with app.app_context(), pytest.raises(RunRefusedError, match="is gone"):
            resume(run)

    def test_adds_up_when_other_rows_are_refused_by_then(
        self, app, file, killed, make, load, session
    ):
        make.suppliers(2)
        with file.open("a") as more:
            more.writelines(f"Q{n},More,{'SUP2' if n > 4 else 'NONE'},1,1\n" for n in range(10))
        killed(3, "import", "products", file, "--on-error", "skip")
        session.execute(delete(Supplier).where(Supplier.code == "SUP2"))
        session.commit()

        report = load("products", file, skip_refused=True)

        assert counts(report) == (20, 10, 10, 10)
        assert counts_of(session.get(ImportRun, report.run))["rejected"] == 10

    def test_is_not_begun_anew_when_it_was_taken_back_meanwhile(
        self, app, file, killed, rows, session
    ):
        before = [row[:4] for row in rows()[0]]
        killed(3, "import", "products", file)
        run = session.scalar(select(ImportRun.id).order_by(ImportRun.id.desc()))
        session.rollback()

        def read(opened):
            """Somebody is quicker while we read."""
            with ThreadPoolExecutor(1) as threads, app.app_context():
                threads.submit(copy_context().run, undo, run).result()
            return opened

        with app.app_context(), pytest.raises(RunRefusedError, match="cancelled: nothing is left"):
            resume(run, Choices(watch=read))

        assert [row[:4] for row in rows()[0]] == before


@pytest.mark.usefixtures("known")
class TestAKilledUndo:
    @pytest.mark.parametrize("notes", [1, 3, 5])
    def test_goes_on_where_it_was(self, app, file, load, killed, rows, notes):
        before = [row[:4] for row in rows()[0]]
        run = load("products", file).run
        killed(notes, "imports", "undo", run)

        with app.app_context():
            undone = resume(run) if notes > 1 else undo(run)

        assert (undone.reversed, undone.kept, undone.impossible) == (30, 0, 0)
        assert [row[:4] for row in rows()[0]] == before


@pytest.mark.usefixtures("known", "small_chunks")
class TestACancelledRun:
    def test_is_taken_back(self, app, file, load, rows, session):
        before = [row[:4] for row in rows()[0]]
        session.rollback()

        def cancelled():
            """When the second chunk is merged."""
            return merged_line(app) > 2 * CHUNK

        with pytest.raises(RunCancelledError):
            load("products", file, cancelled=cancelled)

        assert [row[:4] for row in rows()[0]] == before
        run = session.scalar(select(ImportRun).order_by(ImportRun.id.desc()))
        assert run.state == "cancelled"
        assert run.report["undo"]["reversed"] == 2 * CHUNK

    def test_is_taken_back_after_its_last_chunk_as_well(self, app, file, load, rows):
        before = [row[:4] for row in rows()[0]]

        def cancelled():
            """As the browser asks for it: in the ledger, where nobody looks any more."""
            if merged_line(app) > 3 * CHUNK + 2:
                with stored.elsewhere(app) as browser:
                    running = update(ImportRun).where(ImportRun.state == "running")
                    browser.execute(running.values(state="cancelling"))
            return False

        with pytest.raises(RunCancelledError):
            load("products", file, cancelled=cancelled)

        assert [row[:4] for row in rows()[0]] == before

    def test_by_the_keyboard_says_so(self, app, environ, file, make):
        with file.open("a") as more:
            more.writelines(f"Q{n},More,SUP1,1,1\n" for n in range(150_000))
        command = [sys.executable, ROOT / "manage.py", "import", "products", file]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as running:
            wait_until_it_merges(app)
            time.sleep(0.2)
            running.send_signal(signal.SIGINT)
            _, said = running.communicate()

        assert running.returncode == 130
        assert said.splitlines()[1:] == [
            "june.csv: cancelled, nothing of it is left in the database"
        ]
