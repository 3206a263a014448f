"""Days as the queue names them: 20260131."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from backoffice.rollups.periods import ONE_DAY, Days


def key_of(day: date) -> int:
    """The day as the queue names it: 20260131."""
    return day.year * 10_000 + day.month * 100 + day.day


def is_day(key: int) -> bool:
    """Whether the queue's key names a date."""
    try:
        day_of(key)
    except (ValueError, OverflowError):
        return False
    return True


def day_of(key: int) -> date:
    """The day that the queue names so."""
    return date(key // 10_000, key // 100 % 100, key % 100)


def runs_of(keys: list[int]) -> Iterator[Days]:
    """The days of ``keys``, which fall, as spans without a gap."""
    days = [day_of(key) for key in keys]
    while days:
        last = first = days.pop(0)
        while days and (first - days[0]) == ONE_DAY:
            first = days.pop(0)
        yield Days(first, last)
