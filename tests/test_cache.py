"""The cache: in this process, in a real Redis, and when Redis is gone."""

import logging
import os
import pickle
from time import perf_counter

import pytest
from flask import Flask

from backoffice import cache
from tests.redis_server import redis

__all__ = ["redis"]

KINDS = ("process", "redis")


def app_with(redis_url: str | None) -> Flask:
    app = Flask("cached")
    cache.init_app(app, redis_url)
    return app


@pytest.fixture(params=KINDS)
def cached(request):
    """An application context with either cache."""
    redis_url = request.getfixturevalue("redis").url if request.param == "redis" else None
    with app_with(redis_url).app_context():
        yield
        cache.clear()


class TestEitherCache:
    def test_gives_back_the_text_it_was_given(self, cached):
        cache.keep("figures", '{"naïve": "\N{EURO SIGN}"}', 60)

        assert cache.fetch("figures") == '{"naïve": "\N{EURO SIGN}"}'

    def test_says_nothing_of_what_it_does_not_have(self, cached, caplog):
        assert cache.fetch("never kept") is None
        assert not caplog.records

    def test_forgets_everything_when_told(self, cached):
        cache.keep("figures", "1", 60)

        cache.clear()

        assert cache.fetch("figures") is None


class TestRedis:
    def test_never_runs_what_somebody_put_into_it(self, redis, tmp_path):
        class Attack:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "attacked"),)

        redis.client.set("backoffice:figures", b"!" + pickle.dumps(Attack()))

        with app_with(redis.url).app_context():
            assert isinstance(cache.fetch("figures"), str | None)

        assert not (tmp_path / "attacked").exists()

    def test_is_told_how_long_to_keep_it(self, redis):
        with app_with(redis.url).app_context():
            cache.keep("figures", "1", 60)

        assert 0 < redis.client.ttl("backoffice:figures") <= 60

    def test_that_is_gone_is_done_without_and_logged(self, redis, caplog):
        with app_with(redis.url).app_context(), caplog.at_level(logging.WARNING):
            cache.keep("figures", "1", 60)
            redis.stop()

            cache.keep("figures", "1", 60)
            assert cache.fetch("figures") is None

        assert "the cache cannot be read" in caplog.text
        assert "the cache cannot be written" in caplog.text

    def test_that_hangs_is_not_waited_for(self, redis):
        with app_with(redis.url).app_context():
            cache.keep("figures", "1", 60)
            redis.freeze()

            start = perf_counter()
            assert cache.fetch("figures") is None
            seconds = perf_counter() - start

        assert seconds < 1

    def test_that_comes_back_is_used_again(self, redis):
        with app_with(redis.url).app_context():
            redis.freeze()
            cache.keep("figures", "1", 60)
            redis.thaw()

            cache.keep("figures", "2", 60)
            assert cache.fetch("figures") == "2"
