"""A rehearsal tells what the pending revisions lock and take, and leaves nothing behind."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from backoffice.database import begins_reading, db
from backoffice.models import Product
from backoffice.monitoring.health import current_revision, head_revision
from backoffice.revisions.clone_postgresql import clone, scratch_name
from backoffice.revisions.rehearse import rehearse
from backoffice.revisions.trial import RehearsalRefusedError
from tests.factories import Make

ADD = 'op.add_column("products", sa.Column("colour", sa.Text()))'
DROP = 'op.drop_column("products", "colour")'
REWRITE = (
    'with op.batch_alter_table("products") as batch:\n'
    '    batch.alter_column("stock", type_=sa.BigInteger())'
)
BACK = REWRITE.replace("BigInteger", "Integer")


def silent(_words):
    pass


def left(url):
    """What a rehearsal left: databases, or files."""
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite":
        database = Path(parts.database)
        return [
            file.name
            for file in database.parent.glob(f"{database.name}.rehearsal*")
            if file.suffix != ".lock"
        ]
    with db.engine.connect() as connection:
        name = scratch_name(parts.database)
        return list(
            connection.scalars(
                text("SELECT datname FROM pg_database WHERE datname = :name"), {"name": name}
            )
        )


@pytest.fixture
def url(shop):
    return shop.config["SQLALCHEMY_DATABASE_URI"]


class TestRehearse:
    def test_tells_what_is_locked_and_rewritten(self, shop, written, kind, url):
        Make(shop).products(50)
        Make(shop).orders(2)
        written.add(ADD, DROP)
        written.add(REWRITE, BACK)

        done = rehearse(say=silent)

        add, rewrite = done.trials
        assert [add.revision, rewrite.revision] == ["t001 change", "t002 change"]
        assert 0 < add.seconds < 10
        assert done.clone_bytes > 100_000
        if kind == "postgresql":
            (held,) = add.locks
            assert (held.table, held.lock) == ("products", "AccessExclusiveLock")
            assert not held.rewritten
            assert 0 <= held.seconds <= add.seconds
            assert next(held for held in rewrite.locks if held.table == "products").rewritten
        else:
            assert [held.table for held in add.locks] == ["all tables"]
            assert [held.table for held in rewrite.locks] == ["all tables", "products"]
            assert rewrite.rows["all tables"] >= 50
        assert add.rows.get("products", 0) == 0
        assert left(url) == []
        with begins_reading(db.engine).connect() as connection:
            assert current_revision(connection) == head_revision()

    def test_taken_back_is_as_it_was(self, shop, written, kind):
        Make(shop).products(5)
        written.add(ADD, DROP)

        done = rehearse(down=True, say=silent)

        assert [trial.is_upgrade for trial in done.trials] == [True, False]
        assert done.differences == []

    def test_names_what_taking_back_does_not_restore(self, shop, written):
        Make(shop).products(5)
        written.add(ADD)
        written.add('op.execute("UPDATE products SET stock = 99")')

        done = rehearse(down=True, say=silent)

        assert any("column products.colour: was not there" in line for line in done.differences)
        assert any("rows of products: was 5 rows" in line for line in done.differences)

    def test_counts_the_rows_that_are_written(self, shop, written):
        Make(shop).products(7)
        written.add("op.execute(\"UPDATE products SET description = 'new'\")")

        (trial,) = rehearse(say=silent).trials

        assert sum(trial.rows.values()) >= 7
        with db.engine.connect() as connection:
            described = connection.scalar(db.select(db.func.max(Product.description)))
            assert described == ""

    def test_that_fails_leaves_nothing(self, shop, written, url):
        written.add("raise RuntimeError('no')")

        done = rehearse(say=silent)

        assert done.failure == "t001 change: no"
        assert done.trials == []
        assert left(url) == []

    def test_with_nothing_pending_tries_nothing(self, shop):
        assert rehearse(say=silent).trials == []


class TestRefused:
    @pytest.mark.parametrize("kind", ["sqlite"])
    def test_without_room(self, shop, written, monkeypatch):
        written.add(ADD, DROP)
        usage = shutil.disk_usage("/")._replace(free=1000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

        with pytest.raises(
            RehearsalRefusedError, match=r"0 MB free and a copy for the rehearsal needs"
        ):
            rehearse(say=silent)

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_without_the_right_to_make_a_database(self, shop, url):
        with db.engine.begin() as connection:
            for statement in (
                "DROP ROLE IF EXISTS reader",
                "CREATE ROLE reader LOGIN",
                "GRANT pg_read_all_data TO reader",
            ):
                connection.execute(text(statement))
        theirs = make_url(url).set(username="reader").render_as_string(hide_password=False)

        engine = create_engine(theirs)
        with (
            pytest.raises(RehearsalRefusedError, match=r"reader may not.*by DATABASE_URL"),
            clone(engine, None, silent),
        ):
            pass
        engine.dispose()


@pytest.mark.slow
class TestInterrupted:
    """Held up within the revision, on the clone."""

    @pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGKILL])
    def test_leaves_nothing_for_long(self, shop, written, start, url, kind, signal_):
        flag = written.folder / "reached"
        written.add(f"import pathlib, time\npathlib.Path({str(flag)!r}).touch()\ntime.sleep(60)")
        run = start(url, "db", "rehearse")
        deadline = time.monotonic() + 30
        while not flag.exists():
            assert time.monotonic() < deadline
            assert run.poll() is None, run.communicate()
            time.sleep(0.05)
        os.kill(run.pid, signal_)
        run.wait(20)

        if signal_ == signal.SIGKILL:
            assert left(url) != []
            for file in written.folder.glob("*.py"):
                file.unlink()
            written.last, written.count = head_revision(), 0
            rehearse(say=silent)
        assert left(url) == []


class TestCommand:
    def test_names_the_statement_that_fails_and_tells_of_those_before(self, written, manage):
        written.add(ADD, DROP)
        written.add('op.execute("UPDATE products SET nothing = 1")')

        run = manage("db", "rehearse")

        assert run.exit_code == 1
        assert "t001 change: 0." in run.stdout
        assert "t002 change: 0." not in run.stdout
        assert "Error: t002 change: " in run.stderr
        assert "at: UPDATE products SET nothing = 1. The revision changed nothing" in run.stderr

    @pytest.mark.parametrize("command", [("rehearse",), ("upgrade", "--sql")])
    def test_refuses_a_revision_that_is_not_there(self, manage, command):
        run = manage("db", *command, "0042")

        assert (run.exit_code, run.stdout) == (1, "")
        assert "0042" in run.stderr

    def test_says_where_the_database_is_when_nothing_is_pending(self, manage):
        run = manage("db", "rehearse", "0005")

        assert run.exit_code == 0
        assert run.stdout == f"nothing to rehearse: the database is at {head_revision()}\n"

    def test_prints_a_table(self, written, manage, kind):
        written.add(ADD, DROP)

        run = manage("db", "rehearse", "--down")
        out = run.stdout

        assert run.exit_code == 0, run.stderr
        assert "clone of " in out
        assert "t001 change: 0." in out
        wait = {
            "postgresql": "products  ACCESS EXCLUSIVE for 0.",
            "sqlite": "all tables  write lock for 0.",
        }
        assert wait[kind] in out
        assert "taken back: every column, rule, index and row is as it was" in out

    def test_exits_1_where_taking_back_is_not_as_it_was(self, written, manage):
        written.add(ADD)

        run = manage("db", "rehearse", "--down", "--json")

        assert run.exit_code == 1
        (line,) = json.loads(run.stdout)["differences"]
        assert line.startswith("column products.colour: was not there")
        assert "1 thing is not as it was" in run.stderr


def test_another_database_is_not_touched(shop):
    assert scratch_name("a" * 80) != scratch_name("a" * 79 + "b")
    assert len(scratch_name("a" * 80)) <= 63
