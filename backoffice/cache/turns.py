"""Whose turn it is to compute: one thread of this process, one process of all."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from threading import Condition, Event, Thread
from time import monotonic
from types import TracebackType

from backoffice.cache.keys import LEASE_SECONDS


class Turns:
    """The keys that threads of this process have the turn for."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._change = Condition()

    def take(self, key: str, until: float) -> bool:
        """Take the turn; while another thread has it, wait until that `monotonic()` moment."""
        with self._change:
            free = self._change.wait_for(
                lambda: key not in self._taken, max(0.0, until - monotonic())
            )
            if free:
                self._taken.add(key)
            return free

    def free(self, key: str) -> None:
        """Let one of those who wait have it."""
        with self._change:
            self._taken.discard(key)
            self._change.notify_all()


class Lease:
    """A turn among all processes, kept alive by a thread for as long as ``with`` lasts.

    Of a process that was killed the thread is gone as well, so its turn ends with the lease; a
    lease as long as the longest computation would hold the others up instead. Without ``renew``
    it is a turn in this process alone.
    """

    def __init__(self, key: str, renew: Callable[[Lease], None] | None) -> None:
        self.key = key
        self.token = secrets.token_hex(8)
        self.is_shared = renew is not None
        self._renew = renew
        self._over = Event()

    def __enter__(self) -> Lease:
        if self._renew:
            Thread(
                target=self._go_on, args=(self._renew,), name=f"lease of {self.key}", daemon=True
            ).start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._over.set()

    def _go_on(self, renew: Callable[[Lease], None]) -> None:
        while not self._over.wait(LEASE_SECONDS / 3):
            renew(self)
