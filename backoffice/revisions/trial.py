"""What a rehearsal finds out about each revision."""

from __future__ import annotations

from dataclasses import dataclass, field

WAITS = {
    "AccessExclusiveLock": "pages and writers wait",
    "ExclusiveLock": "writers wait",
    "ShareRowExclusiveLock": "writers wait",
    "ShareLock": "writers wait",
    "ShareUpdateExclusiveLock": "nobody waits",
    "RowExclusiveLock": "nobody waits",
    "RowShareLock": "nobody waits",
    "write lock": "writers wait, pages do not",
}
"""Lock -> who waits for it, the strongest first."""


class RehearsalRefusedError(Exception):
    """There is no room, or no right, or somebody else rehearses; the message says what to do."""


@dataclass(frozen=True)
class Held:
    """The strongest lock of a table that was there before, and for how long."""

    table: str
    lock: str
    seconds: float
    rewritten: bool


@dataclass
class Trial:
    """One revision on the clone."""

    revision: str
    is_upgrade: bool
    seconds: float = 0.0
    fill_seconds: float = 0.0
    locks: list[Held] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    """Table -> rows inserted, updated and deleted."""
    bytes: int = 0


@dataclass
class Rehearsal:
    """All trials; ``differences`` are those after all was taken back, None where it was not.

    ``failure`` says why a revision did not run, as it would not on the database; ``trials`` are
    those before it.
    """

    revision: str | None
    """That of the database."""
    clone_seconds: float
    clone_bytes: int
    trials: list[Trial]
    differences: list[str] | None = None
    failure: str = ""


def strongest(locks: list[str]) -> str:
    """The one for which most wait."""
    order = list(WAITS)
    return min(locks, key=lambda lock: order.index(lock) if lock in order else len(order))
