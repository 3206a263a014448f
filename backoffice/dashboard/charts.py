"""The dashboard's chart: what sold per day, month or year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from backoffice.charts import LOWER, UPPER, Label, Panel, Slot, axis, panel
from backoffice.dashboard.period import Grain, Period, day_text
from backoffice.dashboard.summary import Bar


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
    runs = period.span.start <= as_of < period.span.end
    today = period.grain.first_day(as_of.date()) if runs else None
    slots, labels = axis(
        [bar_name(day, period.grain) for day in days],
        [_short_name(day, period.grain) for day in days],
        days.index(today) if today in days else None,
    )
    return SalesChart(
        slots,
        labels,
        panel([bar.revenue for bar in bars], UPPER),
        panel([Decimal(bar.orders) for bar in bars], LOWER, whole=True),
        any(slot.is_running and bar.orders for slot, bar in zip(slots, bars, strict=True)),
    )


def bar_name(day: date, grain: Grain) -> str:
    """The whole name of a bar: ``3 Nov 2025``, ``November 2025`` or ``2025``."""
    if grain is Grain.DAY:
        return day_text(day)
    return f"{day:%B %Y}" if grain is Grain.MONTH else f"{day:%Y}"


def _short_name(day: date, grain: Grain) -> str:
    if grain is Grain.DAY:
        return f"{day.day} {day:%b}"
    return f"{day:%b %Y}" if grain is Grain.MONTH else f"{day:%Y}"
