"""Whether to ask Redis at all: after a failure it is left alone, and one caller looks again."""

from __future__ import annotations

import logging
from threading import Lock
from time import monotonic

log = logging.getLogger(__name__)

REST_SECONDS = 3.0
"""From a failure to the next look, which costs one caller of the process his patience."""


class Breaker:
    """What this process last heard of Redis."""

    def __init__(self) -> None:
        self.is_open = False
        self._look_at = 0.0
        self._lock = Lock()

    def is_to_look(self) -> bool:
        """True for one caller when nothing was heard for a while; that one has to look."""
        now = monotonic()
        with self._lock:
            if now < self._look_at:
                return False
            self._look_at = now + REST_SECONDS
            return True

    def answered(self) -> None:
        """Redis does what it is asked."""
        self._look_at = monotonic() + REST_SECONDS
        if self.is_open:
            self.is_open = False
            log.warning("the cache answers again")

    def failed(self, error: Exception) -> None:
        """Redis did not answer, or refused: leave it alone."""
        with self._lock:
            self._look_at = monotonic() + REST_SECONDS
            is_news, self.is_open = not self.is_open, True
        if is_news:
            log.warning("the cache does not answer, this process goes on by itself: %s", error)
