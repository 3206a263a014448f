"""The cache in Redis: Flask-Caching's, with turns that one process takes among all."""

from __future__ import annotations

from typing import Any

from flask_caching.backends import RedisCache

from backoffice.cache.keys import LEASE_SECONDS, LOOK, turn_key

REDIS_PATIENCE = 0.04
"""Seconds to wait for Redis: computing the figures anew costs less than a long wait. A page may
wait twice, for the cache and for the limits on signing in, and be 100 ms late at most."""

LEASE_MS = int(LEASE_SECONDS * 1000)

# Only a turn's owner keeps, renews and frees: a process that was held up longer than its lease
# must not put old figures over new ones, nor end the turn of who came after it.
KEEP = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[2], ARGV[2], 'px', ARGV[3])
redis.call('del', KEYS[1])
return 1
"""
RENEW = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('pexpire', KEYS[1], ARGV[2])"
FREE = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1])"


def redis_options() -> dict[str, Any]:
    """How a page's client talks to Redis: one short try, and no words beyond those needed."""
    from redis.backoff import NoBackoff  # noqa: PLC0415 - the embedded default needs no Redis
    from redis.retry import Retry  # noqa: PLC0415

    return {
        "socket_timeout": REDIS_PATIENCE,
        "socket_connect_timeout": REDIS_PATIENCE,
        "retry": Retry(NoBackoff(), 0),  # the library's own retries take seconds
        # Each answer of a connection's beginning could be waited for as long as the real one.
        "protocol": 2,
        "driver_info": None,
    }


class SharedCache(RedisCache):
    """Flask-Caching's Redis; each method is one round trip and raises what the client raises."""

    def look(self) -> None:
        """Whether Redis answers and takes what it is given: a full one answers, but keeps nothing.

        :raises redis.RedisError: it does not.
        """
        self._write_client.set(self._get_prefix() + LOOK, "", px=LEASE_MS)

    def take(self, key: str, token: str) -> tuple[bool, str | None]:
        """Take the turn for ``key`` if it is free; also the text that is kept there by then."""
        both = self._write_client.pipeline(transaction=False)
        both.set(self._turn(key), token, nx=True, px=LEASE_MS)
        both.get(self._get_prefix() + key)
        taken, text = both.execute()
        return bool(taken), self.serializer.loads(text)

    def renew(self, key: str, token: str) -> bool:
        """Have the turn end a lease from now, if it is still ours."""
        return bool(self._write_client.eval(RENEW, 1, self._turn(key), token, LEASE_MS))

    def finish(self, key: str, token: str, text: str, seconds: float) -> bool:
        """Keep ``text`` and free the turn; neither, and False, when the turn is ours no more."""
        keys = (self._turn(key), self._get_prefix() + key)
        return bool(self._write_client.eval(KEEP, 2, *keys, token, text, int(seconds * 1000)))

    def free(self, key: str, token: str) -> None:
        """End the turn, if it is still ours, with nothing kept."""
        self._write_client.eval(FREE, 1, self._turn(key), token)

    def clear(self) -> bool:
        """Forget all of ours, a few at a time: many keys at once would take beyond the patience."""
        found = False
        for name in self._write_client.scan_iter(self._get_prefix() + "*", count=500):
            self._write_client.unlink(name)
            found = True
        return found

    def _turn(self, key: str) -> str:
        return self._get_prefix() + turn_key(key)
