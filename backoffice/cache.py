"""Every cached thing: its key, its lifetime, who forgets it. Nobody else spells a key."""

from __future__ import annotations

from flask import Flask
from flask_caching import Cache

cache = Cache()

SUMMARY_SECONDS = 60


def init_app(app: Flask, redis_url: str | None) -> None:
    """Use Redis where there is one, so that all processes share it; otherwise this process."""
    config = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": SUMMARY_SECONDS}
    if redis_url:
        config |= {
            "CACHE_TYPE": "RedisCache",
            "CACHE_REDIS_URL": redis_url,
            "CACHE_KEY_PREFIX": "backoffice:",
        }
    cache.init_app(app, config=config)


def summary_key(stamp: int, period: str) -> str:
    """The dashboard's figures for one state of the data.

    :param stamp: The id of the newest history entry: every committed change writes one, so a
        change made in any process makes the next reader look under a new key.
    """
    return f"summary:{stamp}:{period}"


def clear() -> None:
    """Forget everything."""
    cache.clear()
