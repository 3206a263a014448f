"""One computation however many ask, over all threads and processes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic, sleep, time

from flask import current_app

from backoffice.cache.shelf import Entry, Shelf, shelf_of
from backoffice.cache.turns import Lease

log = logging.getLogger(__name__)

COLD_SECONDS = 4.0
"""How long somebody waits for what another computes when there is no old text to serve."""

POLL_SECONDS = 0.02

Expected = tuple[type[Exception], ...] | Callable[[Exception], bool]


@dataclass(frozen=True)
class Answer:
    """A text, and why it could not be refreshed: one sentence, None when all is well.

    ``is_current`` says that it tells of the data as they were when they were asked for.
    """

    text: str
    trouble: str | None
    is_current: bool = True


def single_flight(
    key: str,
    stamp: str,
    compute: Callable[[], tuple[str, str]],
    *,
    every: float,
    seconds: float,
    expected: Expected = (),
) -> Answer:
    """The text under ``key``, computed by one caller when the data are no longer those it tells of.

    1. A text of an equal stamp is current and served.
    2. Of another stamp, it is served while its last refresh is less than ``every`` seconds ago.
    3. Else one caller over all processes computes. Everybody else is served the old text; if
       there is none, he waits for the new one, and after some seconds computes it himself.
    4. A failure that is expected leaves the old text standing for all processes, with its
       trouble told, and is not tried again for ``every`` seconds. Any other goes up.

    :param stamp: The state of the data now. The caller decides what it holds; two are compared
        for being equal only.
    :param compute: Returns the stamp that its text is true for, and the text. It leaves the
        session usable when it raises.
    :param every: Refreshes are at least so many seconds apart.
    :param seconds: The text is forgotten so long after its last refresh.
    :param expected: Exceptions, or what tells one.
    """
    flight = _Flight(shelf_of(current_app), key, stamp, compute, every, seconds, expected)
    entry = flight.entry()
    is_current = entry.stamp == stamp
    return Answer(entry.text, None if is_current else entry.trouble, is_current)


@dataclass(frozen=True)
class _Flight:
    shelf: Shelf
    key: str
    stamp: str
    compute: Callable[[], tuple[str, str]]
    every: float
    seconds: float
    expected: Expected

    def entry(self) -> Entry:
        kept = self.shelf.read(self.key)
        if kept is not None and self._serves(kept):
            return kept
        until = monotonic() + COLD_SECONDS
        if not self.shelf.turns.take(self.key, until if kept is None else 0):
            return kept or self._alone()
        try:
            return self._among_processes(until)
        finally:
            self.shelf.turns.free(self.key)

    def _serves(self, kept: Entry) -> bool:
        # Machines whose clocks differ a little: a moment to come is as near as one gone by.
        return kept.stamp == self.stamp or abs(time() - kept.tried) < self.every

    def _among_processes(self, until: float) -> Entry:
        while True:
            lease, kept = self.shelf.take(self.key)
            if kept is not None and self._serves(kept):  # somebody was faster
                if lease:
                    self.shelf.free(lease)
                return kept
            if lease:
                return self._refresh(lease, kept)
            if kept is not None:
                return kept
            if monotonic() > until:
                return self._alone()
            sleep(POLL_SECONDS)

    def _refresh(self, lease: Lease, kept: Entry | None) -> Entry:
        try:
            with lease:
                entry = self._computed(kept)
        except BaseException:
            self.shelf.free(lease)
            raise
        self.shelf.keep(self.key, entry, self.seconds, lease)
        return entry

    def _computed(self, kept: Entry | None) -> Entry:
        try:
            return Entry.fresh(*self.compute())
        except Exception as error:
            if kept is None or not self._is_expected(error):
                raise
            # The first line alone: the rest may quote people's data.
            log.warning("cannot refresh %s: %s", self.key, str(error).partition("\n")[0])
            now = datetime.now(UTC)
            trouble = f"The figures could not be refreshed at {now:%H:%M:%S} UTC."
            return replace(kept, tried=now.timestamp(), trouble=trouble)

    def _is_expected(self, error: Exception) -> bool:
        if isinstance(self.expected, tuple):
            return isinstance(error, self.expected)
        return self.expected(error)

    def _alone(self) -> Entry:
        """Whoever has the turn takes too long: compute without it."""
        entry = Entry.fresh(*self.compute())
        self.shelf.keep(self.key, entry, self.seconds)
        return entry
