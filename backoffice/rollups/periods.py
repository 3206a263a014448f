"""The days that end today and whose sums are kept ready: the dashboard offers them by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

PERIODS = {"today": 1, "7d": 7, "30d": 30, "90d": 90, "year": 0}
"""Name -> how many days; the year's begin with its 1 January."""

ONE_DAY = timedelta(days=1)


class Days(NamedTuple):
    """Days from ``first`` to ``last``, both included."""

    first: date
    last: date

    def without(self, other: Days) -> Iterator[Days]:
        """The parts of these days that ``other`` does not have: none, one or two."""
        if self.first < other.first:
            yield Days(self.first, min(self.last, other.first - ONE_DAY))
        if self.last > other.last:
            yield Days(max(self.first, other.last + ONE_DAY), self.last)

    def meets(self, other: Days) -> bool:
        """Whether the two have a day in common."""
        return self.first <= other.last and other.first <= self.last


def days_of(period: str, today: date) -> Days:
    """The days that ``period`` means on ``today``."""
    length = PERIODS[period]
    if not length:
        return Days(today.replace(month=1, day=1), today)
    return Days(today - (length - 1) * ONE_DAY, today)
