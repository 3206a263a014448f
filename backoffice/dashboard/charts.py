"""Where the marks of a chart go. The template draws them as SVG and the stylesheet colours them.

Across, positions are percent of the chart's width, so it fits any screen while its text keeps
its size; down, they are pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import ceil
from typing import NamedTuple

from backoffice.dashboard.period import Grain, Period, day_text
from backoffice.dashboard.summary import Bar

MOST_LABELS = 8
FEWEST_SLOTS = 7
"""A chart of fewer bars leaves room at its sides: one bar as wide as the page says nothing."""


SIDE = 5.0
"""Percent of the width at each side within which a label's words begin or end at its bar."""


class Box(NamedTuple):
    """Where a panel lies: its highest gridline and its axis, from the top, and how many lines."""

    top: float
    base: float
    most_ticks: int


REVENUE, ORDERS = Box(32, 192, 5), Box(246, 326, 3)
"""One above the other, over the same days."""

LABELS, HEIGHT = 348.0, 356.0


@dataclass(frozen=True)
class Slot:
    """The place of one bar in both panels. ``is_running`` is that of a day not over yet."""

    x: float
    width: float
    mark_x: float
    mark_width: float
    name: str
    is_running: bool


@dataclass(frozen=True)
class Column:
    """One bar that stands on the axis."""

    y: float
    height: float


@dataclass(frozen=True)
class Tick:
    """One gridline with its value."""

    y: float
    text: str


@dataclass(frozen=True)
class Label:
    """A word below the axis; ``minor`` ones give way on narrow screens.

    ``anchor`` is which part of it lies at ``x``: at the sides, words stay within the chart.
    """

    x: float
    text: str
    minor: bool
    anchor: str


@dataclass(frozen=True)
class Panel:
    """A bar for each amount, above an axis that begins at zero."""

    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class SalesChart:
    """Revenue and orders over the same days, months or years, each with its own scale.

    ``is_outlined`` says that there is something to see of a day, month or year not over yet.
    """

    slots: tuple[Slot, ...]
    labels: tuple[Label, ...]
    revenue: Panel
    orders: Panel
    is_outlined: bool


def sales_chart(bars: Sequence[Bar], period: Period, as_of: datetime) -> SalesChart:
    """The chart of the bars, oldest first."""
    days = [bar.first_day for bar in bars]
    slot = 100 / max(len(days), FEWEST_SLOTS)
    margin = (100 - slot * len(days)) / 2
    every = ceil(len(days) / MOST_LABELS)
    runs = period.span.start <= as_of < period.span.end
    today = period.grain.first_day(as_of.date()) if runs else None
    slots, labels = [], []
    for n, day in enumerate(days):
        x = margin + slot * n
        slots.append(
            Slot(
                x=round(x, 3),
                width=round(slot, 3),
                mark_x=round(x + slot * 0.12, 3),
                mark_width=round(slot * 0.76, 3),
                name=bar_name(day, period.grain),
                is_running=day == today,
            )
        )
        to_last = len(days) - 1 - n
        if to_last % every == 0:
            minor = len(days) > FEWEST_SLOTS / 2 and to_last // every % 2 == 1
            labels.append(_label(x, slot, _short_name(day, period.grain), minor=minor))
    return SalesChart(
        tuple(slots),
        tuple(labels),
        panel([bar.revenue for bar in bars], REVENUE),
        panel([Decimal(bar.orders) for bar in bars], ORDERS, whole=True),
        any(slot.is_running and bar.orders for slot, bar in zip(slots, bars, strict=True)),
    )


def panel(amounts: Sequence[Decimal], box: Box, *, whole: bool = False) -> Panel:
    """The bars of amounts, none of them negative.

    :param whole: The amounts are counts: no gridline lies between two.
    """
    most = max(amounts, default=Decimal(0))
    step = tick_step(most, box.most_ticks, whole=whole)
    ticks = [step * n for n in range(ceil(most / step) + 1)]
    per_unit = (box.base - box.top) / float(max(ticks[-1], step))
    heights = [float(amount) * per_unit for amount in amounts]
    return Panel(
        tuple(Column(round(box.base - height, 2), round(height, 2)) for height in heights),
        tuple(Tick(round(box.base - float(tick) * per_unit, 2), compact(tick)) for tick in ticks),
    )


def tick_step(most: Decimal, most_ticks: int = 5, *, whole: bool = False) -> Decimal:
    """The distance of gridlines up to ``most``: 1, 2, 2.5 or 5 times a power of ten."""
    if most <= 0:
        return Decimal(1)
    rough = most / (most_ticks - 1)
    if whole:
        rough = max(rough, Decimal(1))
    power = Decimal(1).scaleb(rough.adjusted())
    steps = [power * factor for factor in (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5))]
    return next((step for step in steps if step >= rough and not (whole and step % 1)), power * 10)


def compact(value: Decimal) -> str:
    """A round value in few signs: ``2.5k``, ``10M``."""
    for size, sign in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{(value / size).normalize():,f}{sign}"
    return f"{value.normalize():f}"


def share(value: Decimal | int, most: Decimal | int) -> float:
    """The length of a bar in percent of the longest."""
    return round(100 * float(value) / float(most), 2) if most else 0.0


def bar_name(day: date, grain: Grain) -> str:
    """The whole name of a bar: ``3 Nov 2025``, ``November 2025`` or ``2025``."""
    if grain is Grain.DAY:
        return day_text(day)
    return f"{day:%B %Y}" if grain is Grain.MONTH else f"{day:%Y}"


def _label(x: float, slot: float, text: str, *, minor: bool) -> Label:
    """Centred below its slot, which begins at ``x``, unless half of it would hang over a side."""
    middle = x + slot / 2
    if middle > 100 - SIDE:
        return Label(round(x + slot, 3), text, minor, "end")
    if middle < SIDE:
        return Label(round(x, 3), text, minor, "start")
    return Label(round(middle, 3), text, minor, "middle")


def _short_name(day: date, grain: Grain) -> str:
    if grain is Grain.DAY:
        return f"{day.day} {day:%b}"
    return f"{day:%b %Y}" if grain is Grain.MONTH else f"{day:%Y}"
