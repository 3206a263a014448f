"""One computation however many ask: threads and processes, with a real Redis and without."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from time import perf_counter, sleep

import pytest
from flask import Flask

from backoffice import cache
from backoffice.cache import shared
from backoffice.cache.keys import PREFIX
from backoffice.cache.shelf import Entry, shelf_of
from backoffice.config import ROOT
from tests.redis_server import RedisServer, redis

__all__ = ["redis"]


class Computing:
    """Something to compute that takes a while and counts."""

    def __init__(self, stamp: str = "1", seconds: float = 0.0) -> None:
        self.stamp, self.seconds = stamp, seconds
        self.fails: type[Exception] | None = None
        self.count = 0
        self._lock = Lock()

    def __call__(self) -> tuple[str, str]:
        with self._lock:
            self.count += 1
        sleep(self.seconds)
        if self.fails:
            raise self.fails("the database is busy\nof row 17")
        return self.stamp, f"text {self.count} of {self.stamp}"


def ask(computing: Computing, stamp: str | None = None, **options: object) -> cache.Answer:
    """One who asks for what ``computing`` makes, of the stamp it makes unless told otherwise."""
    options = {"every": 60.0, "seconds": 60.0, "expected": (ConnectionError,)} | options
    return cache.single_flight("figures", stamp or computing.stamp, computing, **options)


def at_once(app: Flask, count: int, what: Callable[[], object]) -> list[object]:
    """What as many threads get that begin together."""
    barrier = Barrier(count)

    def one(_: int) -> object:
        with app.app_context():
            barrier.wait()
            return what()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


def app_with(redis_url: str | None) -> Flask:
    app = Flask("cached")
    cache.init_app(app, redis_url)
    return app


@pytest.fixture(params=["process", "redis"])
def app(request: pytest.FixtureRequest) -> Iterator[Flask]:
    """An application with either cache, its context pushed."""
    server = request.getfixturevalue("redis") if request.param == "redis" else None
    app = app_with(server and server.url)
    with app.app_context():
        yield app


class TestAText:
    def test_is_computed_when_there_is_none(self, app):
        assert ask(Computing()) == cache.Answer("text 1 of 1", None)

    def test_is_served_while_its_stamp_is_that_of_the_data(self, app):
        computing = Computing()

        answers = {ask(computing, every=0).text for _ in range(3)}

        assert (answers, computing.count) == ({"text 1 of 1"}, 1)

    def test_is_served_for_a_while_when_the_data_have_changed(self, app):
        computing = Computing()
        ask(computing)
        computing.stamp = "2"

        assert ask(computing, every=60).text == "text 1 of 1"
        assert ask(computing, every=0).text == "text 2 of 2"

    def test_is_known_by_the_stamp_that_it_was_computed_with(self, app):
        computing = Computing("2")

        assert ask(computing, stamp="1").text == "text 1 of 2"
        assert ask(computing, stamp="2", every=0).text == "text 1 of 2"

    def test_is_forgotten_after_its_lifetime(self, app):
        computing = Computing()
        ask(computing, seconds=1)
        sleep(1.1)

        assert ask(computing).text == "text 2 of 1"

    def test_is_forgotten_when_told(self, app):
        computing = Computing()
        ask(computing)

        cache.clear()

        assert ask(computing).text == "text 2 of 1"


class TestTwentyThreads:
    def test_compute_once_when_there_is_none_and_all_get_it(self, app):
        computing = Computing(seconds=0.2)

        answers = at_once(app, 20, lambda: ask(computing).text)

        assert (set(answers), computing.count) == ({"text 1 of 1"}, 1)

    def test_compute_once_when_it_is_old_and_the_others_do_not_wait(self, app):
        computing = Computing()
        ask(computing)
        computing.stamp, computing.seconds = "2", 0.5
        sleep(0.1)

        def timed() -> tuple[str, bool]:
            start = perf_counter()
            return ask(computing, every=0.1).text, perf_counter() - start < 0.4

        answers = at_once(app, 20, timed)

        assert sorted(answers) == [("text 1 of 1", True)] * 19 + [("text 2 of 2", False)]

    def test_each_get_the_error_when_there_is_nothing_old(self, app):
        computing = Computing(seconds=0.01)
        computing.fails = ConnectionError

        def failed() -> bool:
            with pytest.raises(ConnectionError):
                ask(computing)
            return True

        assert at_once(app, 5, failed) == [True] * 5

    def test_do_not_wait_for_ever_for_one_that_hangs(self, app, monkeypatch):
        monkeypatch.setattr("backoffice.cache.flight.COLD_SECONDS", 0.2)
        computing = Computing(seconds=1)

        start = perf_counter()
        at_once(app, 3, lambda: ask(computing))

        assert computing.count == 3
        assert perf_counter() - start < 2


class TestAFailedRefresh:
    @pytest.fixture
    def computing(self, app) -> Computing:
        """Of a text that is kept and of another stamp than the data."""
        computing = Computing()
        ask(computing)
        computing.stamp, computing.fails = "2", ConnectionError
        return computing

    def test_leaves_the_old_text_and_says_so(self, computing, caplog):
        answer = ask(computing, every=0)

        assert answer.text == "text 1 of 1"
        assert answer.trouble.startswith("The figures could not be refreshed at ")
        assert "the database is busy" in caplog.text
        assert "row 17" not in caplog.text

    def test_is_not_tried_again_for_a_while(self, computing):
        troubles = {ask(computing, every=every).trouble for every in (0, 60, 60)}

        assert (len(troubles), computing.count) == (1, 2)

    def test_is_forgotten_when_one_succeeds(self, computing):
        ask(computing, every=0)
        computing.fails = None

        assert ask(computing, every=0) == cache.Answer("text 3 of 2", None)

    def test_is_told_by_types_or_by_a_function(self, computing):
        assert ask(computing, every=0, expected=lambda error: "busy" in str(error)).trouble
        with pytest.raises(ConnectionError):
            ask(computing, every=0, expected=lambda error: False)

    def test_that_nobody_expected_goes_up_and_gives_back_the_turn(self, computing):
        computing.fails = ZeroDivisionError
        with pytest.raises(ZeroDivisionError):
            ask(computing, every=0)
        computing.fails = None

        assert ask(computing, every=60).text == "text 1 of 1"
        assert ask(computing, every=0).text == "text 3 of 2"


class TestRedis:
    @pytest.mark.parametrize(
        "kept",
        [
            "",
            "{",
            "[]",
            "null",
            "7",
            b"\xff\xfe",
            b"\x80\x04cos\nsystem\n(S'true'\ntR.",
            '{"stamp": "1", "text": "foreign"}',
            '{"stamp": "1", "text": 7, "computed": 1.0, "tried": 1.0, "trouble": null}',
            '{"stamp": "1", "text": "", "computed": 1.0, "tried": "now", "trouble": null}',
            '{"stamp": "1", "text": "", "computed": 1.0, "tried": 1.0, "trouble": []}',
            "[" * 100_000,
        ],
    )
    def test_is_not_trusted(self, redis, kept):
        redis.client.set(f"{PREFIX}figures", kept)

        with app_with(redis.url).app_context():
            assert ask(Computing()).text == "text 1 of 1"
            assert cache.state() is None

    def test_holds_json_under_the_release_s_own_prefix_for_the_lifetime(self, redis):
        with app_with(redis.url).app_context():
            ask(Computing(), seconds=60)

        [key] = redis.client.keys()
        assert key == f"{PREFIX}figures".encode()
        assert json.loads(redis.client.get(key))["stamp"] == "1"
        assert 55_000 < redis.client.pttl(key) <= 60_000

    def test_serves_one_process_what_another_computed(self, redis):
        for _ in range(2):
            with app_with(redis.url).app_context():
                assert ask(Computing()).text == "text 1 of 1"

        assert len(redis.client.keys()) == 1

    def test_emptied_has_it_computed_once_more(self, redis):
        computing = Computing()
        with app_with(redis.url).app_context():
            ask(computing)
            redis.flush()

            assert [ask(computing).text for _ in range(2)] == ["text 2 of 1"] * 2
            assert cache.state() is None

    def test_forgets_nothing_that_is_not_the_cache_s(self, redis):
        redis.client.set("huey.redis.backoffice", "a job")
        with app_with(redis.url).app_context():
            ask(Computing())
            cache.clear()

        assert redis.client.keys() == [b"huey.redis.backoffice"]


class TestALease:
    """A turn among all processes, which only its owner keeps, renews and frees."""

    @pytest.fixture
    def shelf(self, redis):
        return shelf_of(app_with(redis.url))

    def test_is_one_process_s(self, redis, shelf):
        first, _ = shelf.take("figures")
        second, _ = shelf_of(app_with(redis.url)).take("figures")

        assert first is not None
        assert second is None

    def test_ends_by_itself(self, redis, shelf):
        shelf.take("figures")

        assert 0 < redis.client.pttl(f"{PREFIX}turn:figures") <= shared.LEASE_MS < 2000

    def test_is_not_freed_nor_renewed_by_who_had_it_before(self, redis, shelf):
        late, _ = shelf.take("figures")
        redis.client.delete(f"{PREFIX}turn:figures")  # as its end does
        shelf.take("figures")
        redis.client.pexpire(f"{PREFIX}turn:figures", 500)

        shelf.free(late)
        shelf._renew(late)

        assert 0 < redis.client.pttl(f"{PREFIX}turn:figures") <= 500

    def test_that_is_over_keeps_nothing(self, redis, shelf):
        late, _ = shelf.take("figures")
        redis.client.delete(f"{PREFIX}turn:figures")
        newer, _ = shelf.take("figures")
        shelf.keep("figures", Entry.fresh("2", "newer"), 60, newer)

        shelf.keep("figures", Entry.fresh("1", "older"), 60, late)

        assert shelf.read("figures").text == "newer"


class Process:
    """``tests/flight_process.py``, ready to ask."""

    def __init__(self, redis: RedisServer, stamp: str = "1", seconds: float = 0, fails: str = ""):
        arguments = [redis.url, stamp, str(seconds), fails]
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "tests.flight_process", *arguments],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def asks(self) -> Process:
        assert self.popen.stdout.readline() == "ready\n"
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()
        return self

    def answer(self) -> dict[str, str | None]:
        return json.loads(self.popen.stdout.readline())

    def end(self) -> None:
        self.popen.kill()
        self.popen.communicate()


@pytest.fixture
def start(redis: RedisServer) -> Iterator[Callable[..., Process]]:
    """Starts processes that share the Redis of the test."""
    started: list[Process] = []

    def start(*arguments: object, **named: object) -> Process:
        started.append(Process(redis, *arguments, **named))
        return started[-1]

    yield start
    for process in started:
        process.end()


def until_computing(redis: RedisServer, count: int = 1) -> None:
    for _ in range(1000):
        if int(redis.client.get("computed") or 0) >= count:
            return
        sleep(0.005)
    raise AssertionError("nobody computes")


class TestProcesses:
    def test_compute_once_when_there_is_none_and_all_get_it(self, redis, start):
        processes = [start(seconds=0.3) for _ in range(3)]

        answers = [process.asks() for process in processes]

        assert [each.answer()["text"] for each in answers] == ["text 1"] * 3
        assert redis.client.get("computed") == b"1"

    def test_compute_once_when_that_takes_longer_than_a_lease(self, redis, start):
        slow, other = start(seconds=2.2), start()
        slow.asks()
        until_computing(redis)

        assert other.asks().answer()["text"] == "text 1"
        assert redis.client.get("computed") == b"1"

    def test_are_served_the_old_text_while_one_computes(self, redis, start):
        old, slow, other = start("1"), start("2", seconds=30), start("2")
        old.asks().answer()
        sleep(0.5)
        slow.asks()
        until_computing(redis, 2)

        start_of = perf_counter()
        assert other.asks().answer()["text"] == "text 1"
        assert perf_counter() - start_of < 1

    def test_take_over_within_two_seconds_from_one_that_was_killed(self, redis, start):
        doomed, other = start(seconds=30), start()
        doomed.asks()
        until_computing(redis)
        other.asks()
        sleep(0.2)

        doomed.popen.send_signal(signal.SIGKILL)
        killed = perf_counter()
        text = other.answer()["text"]

        assert text == "text 2"
        assert perf_counter() - killed < 2

    def test_all_know_of_a_failed_refresh_and_keep_the_old_text(self, redis, start):
        start("1").asks().answer()
        failing, other = start("2", fails="the database is busy"), start("2")
        assert failing.popen.stdout.readline() == other.popen.stdout.readline() == "ready\n"
        sleep(0.5)

        answers = []
        for process in (failing, other):
            process.popen.stdin.write("\n")
            process.popen.stdin.flush()
            answers.append(process.answer())

        assert answers[0] == answers[1]
        assert answers[0]["text"] == "text 1"
        assert "could not be refreshed" in answers[0]["trouble"]
        assert redis.client.get("computed") == b"2"
