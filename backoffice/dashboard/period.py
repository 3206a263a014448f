"""The days that the dashboard tells about: chosen in the URL, in UTC, both ends included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from backoffice.rollups.periods import ONE_DAY, days_of

PERIODS = {
    "today": "Today",
    "7d": "7 days",
    "30d": "30 days",
    "90d": "90 days",
    "year": "This year",
}
DEFAULT = "30d"

EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
"""What custom dates may name: bounds the chart, and the arithmetic stays inside the calendar."""


class PeriodError(ValueError):
    """The URL names no period; the message says what would."""


class Grain(StrEnum):
    """What one bar of a chart stands for."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"

    def first_day(self, day: date) -> date:
        """The first day of the day, month or year in which ``day`` lies."""
        if self is Grain.DAY:
            return day
        return day.replace(day=1) if self is Grain.MONTH else day.replace(month=1, day=1)

    def after(self, first_day: date) -> date:
        """The first day of the next one."""
        # 31 days on from the first of a month is the next month, 366 the next year.
        step = {Grain.DAY: 1, Grain.MONTH: 31, Grain.YEAR: 366}[self]
        return self.first_day(first_day + timedelta(days=step))


@dataclass(frozen=True)
class Span:
    """Days, ``first`` and ``last`` included, the last one up to ``until`` when that is given."""

    first: date
    last: date
    until: time | None = None

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def start(self) -> datetime:
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        if self.until is not None:
            return datetime.combine(self.last, self.until, UTC)
        return datetime.combine(self.last + ONE_DAY, time(), UTC)

    def __str__(self) -> str:
        days = "" if self.days == 1 else f" – {day_text(self.last)}"
        until = "" if self.until is None else f" until {self.until:%H:%M}"
        return f"{day_text(self.first)}{days}{until}"


@dataclass(frozen=True)
class Period:
    """A span with the one before, see ``comparable``; ``name`` is what the URL calls it."""

    name: str
    span: Span
    before: Span

    def comparable(self, now: datetime) -> Span | None:
        """What of ``before`` it is fair to compare with, seen from ``now``.

        A period that is not over yet is compared with as much of the one before. None when it has
        not begun, or when the one before reaches back behind ``EARLIEST``.
        """
        if now <= self.span.start or self.before.first < EARLIEST:
            return None
        if now >= self.span.end:
            return self.before
        end = self.before.end - (self.span.end - now)
        return Span(self.before.first, end.date(), end.time())

    @property
    def grain(self) -> Grain:
        """Chosen so that a chart has at most a hundred bars, or one for each year with orders."""
        if self.span.days <= 92:
            return Grain.DAY
        return Grain.MONTH if self.span.days <= 6 * 366 else Grain.YEAR

    @property
    def key(self) -> str:
        """Dates, not the name: "30d" means other days tomorrow."""
        return ":".join(
            day.isoformat()
            for day in (self.span.first, self.span.last, self.before.first, self.before.last)
        )

    @property
    def arguments(self) -> dict[str, str]:
        """What the address says of it."""
        if self.name in PERIODS:
            return {"period": self.name}
        return {"period": "custom", "from": str(self.span.first), "to": str(self.span.last)}

    def bars(self) -> Iterator[date]:
        """The first day of each bar, oldest first, none left out."""
        day = self.grain.first_day(self.span.first)
        while day <= self.span.last:
            yield day
            day = self.grain.after(day)


def day_text(day: date) -> str:
    """The day as people write it: ``3 Nov 2025``."""
    return f"{day.day} {day:%b %Y}"


def named_period(name: str, today: date) -> Period:
    """One of ``PERIODS``; it ends today, so its last day is not over yet.

    This year is compared to the same days of last year, the others to the days right before.
    """
    span = Span(*days_of(name, today))
    if name == "year":
        # 28 February stands in for the 29th, which last year did not have.
        leap_day = (today.month, today.day) == (2, 29)
        last = (today - ONE_DAY if leap_day else today).replace(year=today.year - 1)
        return Period(name, span, Span(last.replace(month=1, day=1), last))
    return _ending(name, span)


def chosen_period(args: Mapping[str, str], today: date) -> Period:
    """The period that the URL asks for, the last 30 days when it asks for none.

    :param args: ``period``; with ``custom``, or without a period, also ``from`` and ``to``.
    :raises PeriodError: the name is not known, or the dates do not make a span.
    """
    dates = args.get("from", ""), args.get("to", "")
    name = args.get("period") or ("custom" if any(dates) else DEFAULT)
    if name in PERIODS:
        return named_period(name, today)
    if name != "custom":
        raise PeriodError("This period is not known.")
    first, last = (_day(text) for text in dates)
    if first > last:
        raise PeriodError("The first day lies after the last.")
    return _ending(name, Span(first, last))


def is_day(text: str) -> bool:
    """Whether a browser's date field can show ``text``."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return not text


def _ending(name: str, span: Span) -> Period:
    eve = span.first - ONE_DAY
    return Period(name, span, Span(eve - (span.last - span.first), eve))


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise PeriodError("A period of your own needs two dates such as 2025-01-31.") from None
    if not EARLIEST <= day <= LATEST:
        raise PeriodError(f"Dates go from {EARLIEST} to {LATEST}.")
    return day
