"""Jobs of the browser: who does them, and what becomes of them when that process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from backoffice.config import ROOT
from backoffice.database import begins_reading, db
from backoffice.imports import background, jobs, queue, uploads, work
from backoffice.imports.kinds import KINDS
from backoffice.models import ImportRun, Product
from tests import stored
from tests.imports.conftest import products, take_chunks_of
from tests.imports.test_views import check, newest, uploaded
from tests.redis_server import redis

__all__ = ["redis"]


SLOW = """
import sys, time
from backoffice.imports import merge, work
work.FEWEST_ROWS = work.MOST_ROWS = 10
work.LONGEST_TURN = 0
note = merge.ledger.note
def slowly(*arguments, **values):
    note(*arguments, **values)
    if "merged_line" in values:
        time.sleep(0.3)
merge.ledger.note = slowly
from backoffice.cli import main
sys.argv = ["manage.py", "worker", "--jobs", "1"]
main()
"""
"""A worker that takes its time, so that it can be killed in the middle of a run."""


@pytest.fixture
def worker(environ: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `manage.py worker`, or a slow one, over the application's database."""
    environ |= {"REDIS_URL": ""}
    started = []

    def start(*command: str, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-u", *command],
            cwd=ROOT,
            env=environ | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert "waiting for imports" in process.stdout.readline()
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def state_of(app: Flask) -> tuple[str, int]:
    """State of the newest run and the line up to which it is merged; keeps nobody waiting."""
    with begins_reading(stored.engine(app)).connect() as connection:
        found = select(ImportRun.state, ImportRun.merged_line).order_by(ImportRun.id.desc())
        state, line = connection.execute(found.limit(1)).one()
        return state, line


def wait_until(true: Callable[[], bool], what: str) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


@pytest.fixture
def queued(app: Flask, client: Any, make: Any) -> str:
    """The address of a run of 60 products that waits for a worker."""
    make.suppliers()
    run = uploaded(client, products(60))
    check(client, run)
    client.post(f"{run}apply/")
    return run


class TestAKilledWorker:
    def test_is_noticed_and_another_finishes_its_run(self, app, worker, queued):
        first = worker("-c", SLOW)
        wait_until(lambda: state_of(app)[1] > 0, "some is merged")
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert state_of(app)[0] == "running"
        assert 0 < stored.count(app, Product) < 60

        second = worker("manage.py", "worker")
        wait_until(lambda: state_of(app)[0] == "done", "done")

        run = newest(app)
        assert (run.inserted, run.updated, run.rejected, run.total) == (60, 0, 0, 60)
        assert stored.count(app, Product) == 60
        assert {entry.actor for entry in stored.entries(app)} == {"admin@example.com"}
        second.send_signal(signal.SIGTERM)
        assert second.wait(20) == 0

    def test_leaves_a_run_that_is_at_work_alone(self, app, worker, queued):
        worker("-c", SLOW)
        wait_until(lambda: state_of(app)[1] > 0, "some is merged")

        with app.app_context():
            assert jobs.left_alone() == []
        wait_until(lambda: state_of(app)[0] == "done", "done")

        assert stored.count(app, Product) == 60

    def test_that_is_asked_to_end_leaves_its_run_to_the_next(self, app, worker, queued):
        first = worker("-c", SLOW)
        wait_until(lambda: state_of(app)[1] > 0, "some is merged")

        first.send_signal(signal.SIGTERM)

        assert first.wait(20) == 0
        assert state_of(app)[0] == "running"
        with app.app_context():
            jobs.work(newest(app).id)
        assert stored.count(app, Product) == 60
        assert state_of(app)[0] == "done"


class TestRedis:
    @pytest.mark.parametrize("app", ["postgresql"], indirect=True)
    def test_hands_the_jobs_to_a_worker(self, app, client, make, new_app, redis, worker):
        app.config["REDIS_URL"], kept = redis.url, app.extensions.pop("import_jobs", None)
        try:
            worker("manage.py", "worker", REDIS_URL=redis.url)
            make.suppliers()
            run = uploaded(client, products(3))
            check(client, run)

            client.post(f"{run}apply/")

            wait_until(lambda: state_of(app)[0] == "done", "done")
            assert stored.count(app, Product) == 3
        finally:
            app.config["REDIS_URL"] = None
            app.extensions["import_jobs"] = kept or background._new_queue(app)

    @pytest.mark.parametrize("app", ["sqlite"], indirect=True)
    @pytest.mark.parametrize("trouble", ["stop", "freeze"])
    def test_that_is_gone_loses_no_run_nor_time(self, app, client, make, redis, trouble):
        app.config["REDIS_URL"], kept = redis.url, app.extensions.pop("import_jobs", None)
        try:
            make.suppliers()
            run = uploaded(client, products(3))
            check(client, run)
            getattr(redis, trouble)()

            start = time.monotonic()
            answer = client.post(f"{run}apply/")

            assert time.monotonic() - start < 1
            assert answer.status_code == 302
            with app.app_context():
                assert jobs.left_alone() == [newest(app).id]
        finally:
            app.config["REDIS_URL"] = None
            app.extensions["import_jobs"] = kept or background._new_queue(app)


class TestTheLookAfter:
    def test_queues_what_was_left_alone_once(self, app, queued):
        tasks = background.queue_of(app)
        tasks.flush()

        with app.app_context():
            background.look_after(tasks)
            background.look_after(tasks)

        assert [task.args[0] for task in tasks.pending()] == [newest(app).id]
        tasks.execute(tasks.dequeue())
        assert state_of(app)[0] == "done"

    def test_gives_up_on_what_breaks_off_each_time(self, app, queued, monkeypatch):
        def breaks(*_: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(jobs, "run_import", breaks)
        with app.app_context():
            for _ in range(jobs.MOST_TRIES):
                (run,) = jobs.left_alone()
                jobs.work(run)

            assert jobs.left_alone() == []
        assert newest(app).progress["problem"] == jobs.BROKE_OFF

    def test_knows_no_runs_of_commands(self, app, queued):
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(update(ImportRun).values(means="command", state="running"))

        with app.app_context():
            assert jobs.left_alone() == []

    def test_leaves_a_run_to_who_is_at_it(self, app, queued):
        with app.app_context():
            run = newest(app).id
            with db.engine.connect() as connection, queue.alone(connection, run) as is_ours:
                assert is_ours
                assert jobs.left_alone() == []
            assert jobs.left_alone() == [run]


class TestARunThatIsStopped:
    def test_goes_on_where_it_was(self, app, queued, monkeypatch):
        take_chunks_of(monkeypatch, 10)
        asked: list[int] = []

        def stopping() -> bool:
            asked.append(1)
            return len(asked) > 4

        with app.app_context():
            jobs.work(newest(app).id, stopping)
        state, line = state_of(app)
        with app.app_context():
            jobs.work(newest(app).id)

        assert (state, line > 0) == ("running", True)
        assert state_of(app)[0] == "done"
        assert stored.count(app, Product) == 60


class TestTwoRuns:
    def test_into_one_table_come_one_after_the_other(self, app, client, queued):
        second = uploaded(client, products(60, lambda n: f"{n}.75"), "july.csv")
        check(client, second)
        client.post(f"{second}apply/")

        with app.app_context():
            for run in jobs.left_alone():
                jobs.work(run)

        assert newest(app).state == "done"
        assert newest(app).updated == 60

    def test_wait_for_one_that_was_interrupted(self, app, client, queued, monkeypatch):
        take_chunks_of(monkeypatch, 10)
        first = newest(app).id
        asked: list[int] = []
        with app.app_context():
            jobs.work(first, lambda: asked.append(1) or len(asked) > 4)
        second = uploaded(client, products(60, lambda n: f"{n}.75"), "july.csv")
        check(client, second)
        client.post(f"{second}apply/")

        with app.app_context():
            jobs.work(newest(app).id)
        waits = newest(app)
        with app.app_context():
            for run in jobs.left_alone():
                jobs.work(run)

        assert waits.state == "queued"
        assert f"import {first}" in waits.progress["problem"]
        assert newest(app).state == "done"


class TestWaitingForTheTurn:
    @pytest.fixture
    def other(self, app: Flask) -> Iterator[None]:
        """Another import has the turn."""
        owner = KINDS["products"].owner
        with app.app_context(), work.own_connection() as ours, queue.turn(ours, owner):
            yield

    def test_ends_when_the_run_is_cancelled(self, app, client, queued, other, monkeypatch):
        monkeypatch.setattr(jobs, "SECONDS_BETWEEN_NOTES", 0)
        waiting = Thread(target=self.work, args=(app,), daemon=True)
        waiting.start()
        wait_until(lambda: "waits" in newest(app).progress, "it waits")

        client.post(f"{queued}cancel/")
        waiting.join(10)

        assert not waiting.is_alive()
        assert state_of(app)[0] == "cancelled"

    def test_ends_when_the_process_is_to_end(self, app, queued, other, monkeypatch):
        monkeypatch.setattr(jobs, "SECONDS_BETWEEN_NOTES", 0)
        stopping = Event()
        waiting = Thread(target=self.work, args=(app, stopping.is_set), daemon=True)
        waiting.start()
        wait_until(lambda: "waits" in newest(app).progress, "it waits")

        stopping.set()
        waiting.join(10)

        assert not waiting.is_alive()
        assert state_of(app)[0] == "queued"

    def test_of_an_undo_ends_when_the_process_is_to_end(self, app, client, queued):
        with app.app_context():
            jobs.work(newest(app).id)
        client.post(f"{queued}undo/")
        asked: list[int] = []
        owner = KINDS["products"].owner

        with app.app_context(), work.own_connection() as ours, queue.turn(ours, owner):
            jobs.work(newest(app).id, lambda: asked.append(1) or len(asked) > 2)

        assert state_of(app)[0] == "undo queued"

    def work(self, app: Flask, stopping: Callable[[], bool] = bool) -> None:
        with app.app_context():
            jobs.work(newest(app).id, stopping)


class TestOldFiles:
    def test_are_removed_with_what_was_never_begun(self, app, client, make, queued):
        with app.app_context():
            jobs.work(newest(app).id)
        kept, (left,) = newest(app).id, make.imports()
        old = time.time() - (uploads.KEPT_DAYS + 1) * 86_400
        with app.app_context():
            for path in uploads.folder().iterdir():
                os.utime(path, (old, old))

            background.clean()

            assert uploads.path_of(kept).is_file(), "its run ended just now"
            assert not uploads.rejects_of(left).exists() or newest(app).state == "cancelled"
        assert newest(app).state == "cancelled"
