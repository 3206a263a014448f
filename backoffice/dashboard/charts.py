"""Where the marks of a chart go. The template draws them as SVG and the stylesheet colours them.

Across, positions are percent of the chart's width, so it fits any screen while its text keeps
its size; down, they are pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import ceil

from backoffice.dashboard.period import Grain, day_text

TOP, BASE = 12.0, 212.0
"""From the top: the highest gridline and the axis."""

MOST_TICKS = 5
MOST_LABELS = 8
FEWEST_SLOTS = 7
"""A chart of fewer bars leaves room at its sides: one bar as wide as the page says nothing."""


@dataclass(frozen=True)
class Column:
    """One bar that stands on the axis, with what a reader who points at it is told."""

    x: float
    width: float
    y: float
    height: float
    says: str


@dataclass(frozen=True)
class Tick:
    """One gridline with its value."""

    y: float
    text: str


@dataclass(frozen=True)
class Label:
    """A word below the axis, centred on ``x``; ``minor`` ones give way on narrow screens."""

    x: float
    text: str
    minor: bool


@dataclass(frozen=True)
class ColumnChart:
    """A bar for each amount, above an axis that begins at zero."""

    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    labels: tuple[Label, ...]


def column_chart(amounts: Sequence[tuple[date, Decimal]], grain: Grain) -> ColumnChart:
    """The chart of amounts by their first day, none of them negative, oldest first."""
    most = max((amount for _, amount in amounts), default=Decimal(0))
    step = tick_step(most)
    ticks = [step * n for n in range(ceil(most / step) + 1)]
    top = max(ticks[-1], step)
    slot = 100 / max(len(amounts), FEWEST_SLOTS)
    margin = (100 - slot * len(amounts)) / 2
    columns, labels = [], []
    every = ceil(len(amounts) / MOST_LABELS)
    for n, (day, amount) in enumerate(amounts):
        x = margin + slot * n
        height = float(amount / top) * (BASE - TOP)
        columns.append(
            Column(
                x=round(x + slot * 0.12, 3),
                width=round(slot * 0.76, 3),
                y=round(BASE - height, 2),
                height=round(height, 2),
                says=f"{bar_name(day, grain)}: {amount:,.2f}",
            )
        )
        if n % every == 0:
            minor = len(amounts) > FEWEST_SLOTS / 2 and n // every % 2 == 1
            labels.append(Label(round(x + slot / 2, 3), _short_name(day, grain), minor))
    return ColumnChart(
        tuple(columns),
        tuple(Tick(BASE - float(tick / top) * (BASE - TOP), compact(tick)) for tick in ticks),
        tuple(labels),
    )


def tick_step(most: Decimal) -> Decimal:
    """The distance of gridlines up to ``most``: 1, 2, 2.5 or 5 times a power of ten."""
    if most <= 0:
        return Decimal(1)
    rough = most / (MOST_TICKS - 1)
    power = Decimal(1).scaleb(rough.adjusted())
    factors = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5))
    return next((power * factor for factor in factors if power * factor >= rough), power * 10)


def compact(value: Decimal) -> str:
    """A round value in few signs: ``2.5k``, ``10M``."""
    for size, sign in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{(value / size).normalize():,f}{sign}"
    return f"{value.normalize():f}"


def share(value: Decimal | int, most: Decimal | int) -> float:
    """The length of a bar in percent of the longest."""
    return round(float(100 * value / most), 2) if most else 0.0


def bar_name(day: date, grain: Grain) -> str:
    """The whole name of a bar: ``3 Nov 2025``, ``November 2025`` or ``2025``."""
    if grain is Grain.DAY:
        return day_text(day)
    return f"{day:%B %Y}" if grain is Grain.MONTH else f"{day:%Y}"


def _short_name(day: date, grain: Grain) -> str:
    if grain is Grain.DAY:
        return f"{day.day} {day:%b}"
    return f"{day:%b %Y}" if grain is Grain.MONTH else f"{day:%Y}"
