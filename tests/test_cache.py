"""The cache when Redis is refused, frozen, slow, full, emptied or poisoned, and after that."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter, sleep

import pytest
import redis as redis_client
from flask import Flask

from backoffice import cache
from backoffice.cache.keys import PREFIX
from tests.redis_server import RedisServer, SlowLine, redis, slow_line
from tests.test_single_flight import Computing, app_with, ask, at_once

__all__ = ["redis", "slow_line"]

REST = 0.3
PATIENCE = 0.1


@pytest.fixture(autouse=True)
def short_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is looked at again sooner than in production: a test need not wait seconds."""
    monkeypatch.setattr("backoffice.cache.breaker.REST_SECONDS", REST)


@dataclass
class Trouble:
    """An application whose Redis falls silent and comes back."""

    app: Flask
    url: str
    begin: Callable[[], None]
    end: Callable[[], None]


@pytest.fixture(params=["refused", "frozen", "slow", "full"])
def trouble(
    request: pytest.FixtureRequest, redis: RedisServer, slow_line: SlowLine
) -> Iterator[Trouble]:
    def late(seconds: float) -> Callable[[], None]:
        return lambda: setattr(slow_line, "seconds", seconds)

    begin, end = {
        "refused": (redis.stop, redis.start),
        "frozen": (redis.freeze, redis.thaw),
        "slow": (late(0.2), late(0)),
        "full": (redis.fill, redis.drain),
    }[request.param]
    url = slow_line.url if request.param == "slow" else redis.url
    app = app_with(url)
    with app.app_context():
        yield Trouble(app, url, begin, end)
    end()


def timed(what: Callable[[], object]) -> tuple[object, float]:
    start = perf_counter()
    return what(), perf_counter() - start


class TestASilentRedis:
    def test_delays_nobody_and_is_told(self, trouble):
        computing = Computing()
        ask(computing)
        assert cache.state() is None
        trouble.begin()

        computing.stamp = "2"
        answer, first = timed(lambda: ask(computing, every=0).text)
        _, others = timed(lambda: [ask(computing, every=0) for _ in range(10)])
        state, telling = timed(cache.state)

        assert answer == "text 2 of 2"
        assert state == (
            "The cache does not answer: figures are computed by each process by itself."
        )
        assert first + telling < PATIENCE
        assert others < PATIENCE

    def test_is_told_on_a_page_that_uses_no_cache(self, trouble):
        ask(Computing())
        trouble.begin()
        sleep(REST)

        state, seconds = timed(cache.state)

        assert state
        assert seconds < PATIENCE

    def test_leaves_the_process_what_it_had(self, trouble):
        computing = Computing()
        ask(computing)
        ask(computing)
        trouble.begin()
        sleep(REST)
        cache.state()

        assert ask(computing, every=0).text == "text 1 of 1"
        assert computing.count == 1

    def test_has_each_process_compute_once(self, trouble):
        trouble.begin()
        computing = Computing(seconds=0.1)

        answers = at_once(trouble.app, 20, lambda: ask(computing).text)

        assert (set(answers), computing.count) == ({"text 1 of 1"}, 1)

    def test_is_used_again_when_it_answers(self, trouble):
        trouble.begin()
        computing = Computing()
        ask(computing)
        trouble.end()
        sleep(REST)

        with app_with(trouble.url).app_context():
            assert ask(computing).text == "text 2 of 1"
        computing.stamp = "2"
        ask(computing, every=0)

        assert cache.state() is None
        with app_with(trouble.url).app_context():
            assert ask(computing).text == "text 3 of 2"

    def test_that_comes_back_serves_nothing_older_than_was_served_without_it(self, trouble):
        computing = Computing()
        ask(computing)
        trouble.begin()
        computing.stamp = "2"
        ask(computing, every=0)
        trouble.end()
        sleep(REST)

        assert cache.state() is None
        assert ask(computing, stamp="2", every=60).text.endswith(" of 2")
        assert ask(computing, stamp="3", every=60).text.endswith(" of 2")

    def test_is_asked_by_one_caller_at_a_time(self, trouble):
        computing = Computing()
        trouble.begin()
        ask(computing)
        sleep(REST)

        def one() -> float:
            return timed(lambda: ask(computing))[1]

        waited = [seconds for seconds in at_once(trouble.app, 8, one) if seconds > 0.03]

        assert len(waited) < 4  # one, and who was held up by the machine

    def test_is_logged_once(self, trouble, caplog):
        trouble.begin()
        with caplog.at_level(logging.WARNING):
            for number in range(5):
                ask(Computing(str(number)), every=0)

        assert caplog.text.count("the cache does not answer") == 1
        assert not [record for record in caplog.records if record.exc_info]

    def test_that_falls_silent_during_a_computation_loses_no_text(self, trouble):
        computing = Computing(seconds=0.2)
        with ThreadPoolExecutor(1) as thread:

            def one() -> str:
                with trouble.app.app_context():
                    return ask(computing).text

            answer = thread.submit(one)
            sleep(0.1)
            trouble.begin()

            assert answer.result() == "text 1 of 1"
        assert ask(computing).text == "text 1 of 1"


class TestWithoutRedis:
    def test_all_is_well(self):
        with app_with(None).app_context():
            assert cache.state() is None


class TestClear:
    def test_is_not_undone_by_what_processes_have_themselves(self, redis):
        computing = Computing()
        with app_with(redis.url).app_context():
            ask(computing)

            with app_with(redis.url).app_context():
                cache.clear()

            assert ask(computing).text == "text 2 of 1"

    def test_complains_of_a_silent_redis(self, redis):
        redis.freeze()

        with app_with(redis.url).app_context(), pytest.raises(redis_client.RedisError):
            cache.clear()


def test_never_runs_what_somebody_put_into_redis(redis, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "attacked"),)

    redis.client.set(f"{PREFIX}figures", b"!" + pickle.dumps(Attack()))

    with app_with(redis.url).app_context():
        assert ask(Computing()).text == "text 1 of 1"

    assert not (tmp_path / "attacked").exists()
