"""The history of a shape, drawn: how often it was asked and how long it took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from backoffice.charts import LOWER, UPPER, Label, Panel, Slot, axis, panel
from backoffice.monitoring.asked import ONE_HOUR, PERIODS, hour_of

MOST_BARS = 170
"""Bars that still can be told apart."""


@dataclass(frozen=True)
class Bar:
    """An hour, or some: from ``start`` on."""

    start: datetime
    calls: int = 0
    microseconds: int = 0
    slowest: int = 0

    @property
    def mean(self) -> float:
        """Microseconds a call."""
        return self.microseconds / self.calls if self.calls else 0.0


@dataclass(frozen=True)
class HoursChart:
    """Mean time and calls over the same hours; ``step`` is how many hours a bar has."""

    bars: tuple[Bar, ...]
    step: int
    slots: tuple[Slot, ...]
    labels: tuple[Label, ...]
    mean: Panel
    calls: Panel


def hours_chart(rows: Iterable[Any], period: str, since: datetime, now: datetime) -> HoursChart:
    """The chart of what ``queries.hours_of`` found, with a bar also where nothing was asked."""
    hours = int((hour_of(now) - since) / ONE_HOUR) + 1
    step = -(-hours // MOST_BARS)
    bars = tuple(_bars(list(rows), since, hours, step))
    slots, labels = axis(
        [f"{bar.start:%Y-%m-%d %H:%M} UTC" for bar in bars],
        [_word(bar.start, period) for bar in bars],
        len(bars) - 1,
    )
    return HoursChart(
        bars,
        step,
        slots,
        labels,
        panel([Decimal(round(bar.mean)) / 1000 for bar in bars], UPPER),
        panel([Decimal(bar.calls) for bar in bars], LOWER, whole=True),
    )


def _bars(rows: list[Any], since: datetime, hours: int, step: int) -> Iterator[Bar]:
    by_bar: dict[int, list[Any]] = {}
    for row in rows:
        by_bar.setdefault(int((row.hour - since) / ONE_HOUR) // step, []).append(row)
    for n in range(-(-hours // step)):
        inside = by_bar.get(n, [])
        yield Bar(
            since + timedelta(hours=n * step),
            sum(row.calls for row in inside),
            sum(row.microseconds for row in inside),
            max((row.slowest for row in inside), default=0),
        )


def _word(start: datetime, period: str) -> str:
    if PERIODS[period][1] <= timedelta(days=1):
        return f"{start:%H:%M}"
    return f"{start.day} {start:%b}"
