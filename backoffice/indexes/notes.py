"""What a build leaves beside its index: no database keeps when an index was made."""

from __future__ import annotations

import re
from datetime import UTC, datetime


def write_note(built_at: datetime, seconds: float | None = None) -> str:
    """The note as a comment of the index: ``built 2026-11-27T10:05:00Z in 3.2 s``."""
    took = "" if seconds is None else f" in {seconds:.1f} s"
    return f"built {built_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}{took}"


def read_note(comment: str) -> tuple[datetime | None, float | None]:
    """The moment and the seconds in a note, None where it does not say."""
    found = re.search(r"built (\S+Z)(?: in ([\d.]+) s)?", comment)
    if not found:
        return None, None
    return datetime.fromisoformat(found[1]), float(found[2]) if found[2] else None
