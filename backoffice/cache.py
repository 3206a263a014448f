"""Every cached thing: its key, its lifetime, who forgets it. Nobody else spells a key."""

from __future__ import annotations

import logging
from typing import Any

from cachelib.serializers import BaseSerializer
from flask import Flask
from flask_caching import Cache

cache = Cache()
log = logging.getLogger(__name__)

SUMMARY_SECONDS = 60

REDIS_PATIENCE = 0.05
"""Seconds to wait for Redis: computing the figures anew costs less than a long wait."""


class PlainText(BaseSerializer):
    """Text as it is. The library's default would unpickle, and so run, what it reads."""

    def dumps(self, value: Any, _protocol: int = 0) -> bytes:
        return str(value).encode()

    def loads(self, bvalue: bytes | None) -> str | None:
        return None if bvalue is None else bvalue.decode()


def init_app(app: Flask, redis_url: str | None) -> None:
    """Use Redis where there is one, so that all processes share it; otherwise this process."""
    config: dict[str, Any] = {
        "CACHE_TYPE": "SimpleCache",
        "CACHE_DEFAULT_TIMEOUT": SUMMARY_SECONDS,
        "CACHE_SERIALIZER": PlainText,
    }
    if redis_url:
        config |= {
            "CACHE_TYPE": "RedisCache",
            "CACHE_REDIS_URL": redis_url,
            "CACHE_KEY_PREFIX": "backoffice:",
            "CACHE_OPTIONS": _redis_options(),
        }
    cache.init_app(app, config=config)


def _redis_options() -> dict[str, Any]:
    from redis.backoff import NoBackoff  # noqa: PLC0415 - the embedded default needs no Redis
    from redis.retry import Retry  # noqa: PLC0415

    return {
        "socket_timeout": REDIS_PATIENCE,
        "socket_connect_timeout": REDIS_PATIENCE,
        "retry": Retry(NoBackoff(), 0),  # the library's own ten retries take seconds
    }


def summary_key(stamp: str, period: str) -> str:
    """The dashboard's figures for one state of the data.

    :param stamp: Tells the newest history entries: every committed change writes one, so a
        change made in any process makes the next reader look under a new key.
    """
    return f"summary:{stamp}:{period}"


def fetch(key: str) -> str | None:
    """The text kept under ``key``; None when there is none, or the cache does not answer."""
    try:
        text: str | None = cache.get(key)
    except Exception as error:  # no failure of a cache may cost the page
        log.warning("the cache cannot be read: %s", error)
        return None
    return text


def keep(key: str, text: str, seconds: int) -> None:
    """Keep ``text`` for that long if the cache answers; nobody waits for one that does not."""
    try:
        cache.set(key, text, timeout=seconds)
    except Exception as error:  # as above
        log.warning("the cache cannot be written: %s", error)


def clear() -> None:
    """Forget everything; the next reader of anything computes it.

    :raises redis.RedisError: Redis does not answer: the operator who asked must know.
    """
    cache.clear()
