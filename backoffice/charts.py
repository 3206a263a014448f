"""Where the marks of a chart go; ``templates/charts.html`` draws them, the stylesheet colours them.

Across, positions are percent of the chart's width, so it fits any screen while its text keeps
its size; down, they are pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import NamedTuple

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


UPPER, LOWER = Box(32, 192, 5), Box(246, 326, 3)
"""Two panels, one above the other, over the same slots."""

LABELS, HEIGHT = 348.0, 356.0


@dataclass(frozen=True)
class Slot:
    """The place of one bar in both panels. ``is_running`` is that of a time not over yet."""

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


def axis(
    names: Sequence[str], words: Sequence[str], running: int | None = None
) -> tuple[tuple[Slot, ...], tuple[Label, ...]]:
    """The slots of so many bars, and the words below some of them.

    :param names: The whole name of each.
    :param words: What stands below it, where there is room.
    :param running: Which of them is not over yet.
    """
    width = 100 / max(len(names), FEWEST_SLOTS)
    margin = (100 - width * len(names)) / 2
    every = ceil(len(names) / MOST_LABELS)
    slots, labels = [], []
    for n, name in enumerate(names):
        x = margin + width * n
        slots.append(
            Slot(
                x=round(x, 3),
                width=round(width, 3),
                mark_x=round(x + width * 0.12, 3),
                mark_width=round(width * 0.76, 3),
                name=name,
                is_running=n == running,
            )
        )
        to_last = len(names) - 1 - n
        if to_last % every == 0:
            minor = len(names) > FEWEST_SLOTS / 2 and to_last // every % 2 == 1
            labels.append(_label(x, width, words[n], minor=minor))
    return tuple(slots), tuple(labels)


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


def _label(x: float, slot: float, text: str, *, minor: bool) -> Label:
    """Centred below its slot, which begins at ``x``, unless half of it would hang over a side."""
    middle = x + slot / 2
    if middle > 100 - SIDE:
        return Label(round(x + slot, 3), text, minor, "end")
    if middle < SIDE:
        return Label(round(x, 3), text, minor, "start")
    return Label(round(middle, 3), text, minor, "middle")
