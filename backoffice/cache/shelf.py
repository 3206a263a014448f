"""Where entries lie: in this process, and in Redis while that answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from time import time
from typing import Any, TypeVar

from cachelib.serializers import BaseSerializer
from flask import Flask, current_app
from flask_caching import Cache

from backoffice.cache.breaker import Breaker
from backoffice.cache.keys import PREFIX, SUMMARY_SECONDS
from backoffice.cache.shared import redis_options
from backoffice.cache.turns import Lease, Turns

T = TypeVar("T")

AWAY = "The cache does not answer: figures are computed by each process by itself."

NAME = "backoffice_cache"

in_process = Cache(with_jinja2_ext=False)
in_redis = Cache(with_jinja2_ext=False)


class SilentError(Exception):
    """Redis does not answer, or is left alone because it did not."""


class PlainText(BaseSerializer):
    """Text as it is. The library's default would unpickle, and so run, what it reads."""

    def dumps(self, value: Any, _protocol: int = 0) -> bytes:
        return str(value).encode()

    def loads(self, bvalue: bytes | None) -> str | None:
        return None if bvalue is None else bvalue.decode(errors="replace")


@dataclass(frozen=True)
class Entry:
    """A text with the stamp of the data it was computed from.

    ``computed`` is when, ``tried`` when a refresh was last tried, both by the clock of the
    machine in seconds; ``trouble`` is what a reader is told of a refresh that failed.
    """

    stamp: str
    text: str
    computed: float
    tried: float
    trouble: str | None = None

    @classmethod
    def fresh(cls, stamp: str, text: str) -> Entry:
        """One that was computed now."""
        now = time()
        return cls(stamp, text, now, now)

    @classmethod
    def read(cls, kept: str | None) -> Entry | None:
        """What ``to_json`` wrote; None of any other text."""
        try:
            entry = cls(**json.loads(kept or "null"))
        except (ValueError, TypeError, RecursionError):
            return None
        words = (entry.stamp, entry.text, "" if entry.trouble is None else entry.trouble)
        moments = (entry.computed, entry.tried)
        is_whole = all(isinstance(word, str) for word in words) and all(
            isinstance(moment, float) for moment in moments
        )
        return entry if is_whole else None

    def to_json(self) -> str:
        """The entry as text."""
        return json.dumps(asdict(self))


class Shelf:
    """The entries of one application, as its threads see them."""

    def __init__(self, near: Any, shared: Any = None) -> None:
        self.turns = Turns()
        self._near, self._shared = near, shared
        self._breaker = Breaker()

    def read(self, key: str) -> Entry | None:
        """The entry under ``key``."""
        if self._shared is None:
            return Entry.read(self._near.get(key))
        try:
            return self._newest(key, self._ask(lambda shared: shared.get(key)))
        except SilentError:
            return Entry.read(self._near.get(key))

    def take(self, key: str) -> tuple[Lease | None, Entry | None]:
        """The turn to compute ``key`` among all processes, None when another has it; the entry.

        While Redis is silent everybody who asks has it: ask with the turn in this process.
        """
        if self._shared is not None:
            lease = Lease(key, self._renew)
            with suppress(SilentError):
                taken, text = self._ask(lambda shared: shared.take(key, lease.token))
                return lease if taken else None, self._newest(key, text)
        return Lease(key, None), Entry.read(self._near.get(key))

    def keep(self, key: str, entry: Entry, seconds: float, lease: Lease | None = None) -> None:
        """Keep ``entry``; under a lease only if that still holds, and free it."""
        text, whole = entry.to_json(), max(1, round(seconds))  # 0 would be for ever

        def there(shared: Any) -> bool:
            if lease is None:
                return bool(shared.set(key, text, timeout=whole))
            return bool(shared.finish(key, lease.token, text, seconds))

        if self._shared is not None and (lease is None or lease.is_shared):
            with suppress(SilentError):
                if not self._ask(there):
                    return  # somebody else computed it meanwhile, from newer data
        self._near.set(key, text, timeout=whole)

    def free(self, lease: Lease) -> None:
        """Let somebody else have the turn."""
        if lease.is_shared:
            with suppress(SilentError):
                self._ask(lambda shared: shared.free(lease.key, lease.token))

    def state(self) -> str | None:
        """What a reader is told when Redis is silent; looks by itself when that was long ago."""
        if self._shared is None:
            return None
        if self._breaker.is_to_look():
            with suppress(SilentError):
                self._look()
        return AWAY if self._breaker.is_open else None

    def clear(self) -> None:
        self._near.clear()
        if self._shared is not None:
            self._shared.clear()

    def _newest(self, key: str, kept: str | None) -> Entry | None:
        """The entry that Redis has, unless this process has computed a later one without it.

        What Redis has not is forgotten here as well: somebody may have cleared it.
        """
        shared, own = Entry.read(kept), self._near.get(key)
        if shared is None:
            self._near.delete(key)
            return None
        if kept != own:
            near = Entry.read(own)
            if near is not None and near.computed > shared.computed:
                return near
            self._near.set(key, kept)  # for when Redis falls silent
        return shared

    def _renew(self, lease: Lease) -> None:
        with suppress(SilentError):
            self._ask(lambda shared: shared.renew(lease.key, lease.token))

    def _ask(self, question: Callable[[Any], T]) -> T:
        if self._breaker.is_open:
            if not self._breaker.is_to_look():
                raise SilentError
            self._look()
        return self._answer(question)

    def _look(self) -> None:
        self._answer(lambda shared: shared.look())
        self._breaker.answered()

    def _answer(self, question: Callable[[Any], T]) -> T:
        try:
            return question(self._shared)
        except Exception as error:  # no failure of a cache may cost the page
            self._breaker.failed(error)
            raise SilentError from error


def init_app(app: Flask, redis_url: str | None) -> None:
    """Use Redis where there is one, so that all processes share it; otherwise this process."""
    config = {"CACHE_SERIALIZER": PlainText, "CACHE_DEFAULT_TIMEOUT": SUMMARY_SECONDS}
    in_process.init_app(app, config | {"CACHE_TYPE": "SimpleCache", "CACHE_THRESHOLD": 200})
    backends = app.extensions["cache"]
    app.extensions[NAME] = Shelf(backends[in_process])
    if redis_url:
        config |= {
            "CACHE_TYPE": "backoffice.cache.shared.SharedCache",
            "CACHE_REDIS_URL": redis_url,
            "CACHE_KEY_PREFIX": PREFIX,
            "CACHE_OPTIONS": redis_options(),
        }
        in_redis.init_app(app, config)
        app.extensions[NAME] = Shelf(backends[in_process], backends[in_redis])


def shelf_of(app: Flask) -> Shelf:
    """The entries of ``app``."""
    shelf: Shelf = app.extensions[NAME]
    return shelf


def state() -> str | None:
    """A sentence for the foot of a page while Redis is left alone, None when all is well.

    Looks by itself when nothing was heard of Redis for some seconds, so that it is true on pages
    that use no cache; that is one round trip of one page.
    """
    return shelf_of(current_app).state()


def clear() -> None:
    """Forget everything; the next reader of anything computes it.

    :raises redis.RedisError: Redis does not answer: the operator who asked must know.
    """
    shelf_of(current_app).clear()
