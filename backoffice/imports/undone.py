"""What taking an import back did, as the ledger keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row


@dataclass(frozen=True)
class Kept:
    """One row that stays as it is: the key that people know it by, and why."""

    table: str
    key: str
    reason: str


@dataclass(frozen=True)
class Undone:
    """What an undo did: so many rows reversed, kept because edited since, and not possible."""

    run: int
    file: str
    reversed: int = 0
    kept: int = 0
    impossible: int = 0
    named: tuple[Kept, ...] = field(default=())


def undone(noted: Row[Any]) -> Undone:
    """What the ledger tells of an undo."""
    told = noted.report.get("undo", {})
    named = tuple(Kept(*kept) for kept in told.get("named", ()))
    counts = {name: told.get(name, 0) for name in ("reversed", "kept", "impossible")}
    return Undone(noted.id, noted.file, **counts, named=named)
