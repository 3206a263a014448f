"""How long a build waits for others and they for it, and what it says when that was not enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Tell = Callable[[str, float | None], None]
"""Takes what a build does now, and how far it is from 0 to 1 where that is known."""


class BuildRefusedError(Exception):
    """An index could not be built; the message says why and what to do."""


@dataclass(frozen=True)
class Limits:
    """The patience of both sides."""

    lock_timeout_ms: int = 65_000
    """PostgreSQL: how long one try waits for older transactions; nobody waits for us meanwhile.

    Longer than the web's ``idle_in_transaction_session_timeout``: a transaction that somebody
    forgot ends first, and the try succeeds. The work of a try that ends here is lost.
    """
    hold_seconds: float = 5.0
    """SQLite: how long somebody may wait to write before a build is taken back for them.

    Half of what a writer waits before it gives up.
    """
    pause_seconds: float = 2.0
    """Between two tries."""
    tries: int = 5
    other_seconds: float = 10.0
    """PostgreSQL: how long to wait for another build; one that was killed ends within one."""


USUAL = Limits()
