"""The dashboard's figures, frozen with the moment they are true for, and kept in the cache."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from backoffice import cache
from backoffice.dashboard import queries
from backoffice.dashboard.fresh import brought_up_to_date, one_snapshot
from backoffice.dashboard.period import Grain, Period, Span, named_period
from backoffice.database import is_busy
from backoffice.models import REVENUE_STATUSES, OrderStatus
from backoffice.models.rollup import revenue_of
from backoffice.rollups.fold import State, state
from backoffice.rollups.periods import ONE_DAY, PERIODS, Days, days_of

SHOWN = 10
"""Rows of the lists on the page."""


@dataclass(frozen=True)
class Bar:
    """What was sold in one day, month or year, known by its first day."""

    first_day: date
    orders: int
    revenue: Decimal


@dataclass(frozen=True)
class Totals:
    """What a span sold: orders that are neither draft nor cancelled, and their lines' amounts."""

    orders: int
    revenue: Decimal

    @property
    def average(self) -> Decimal | None:
        """Revenue of one order."""
        return self.revenue / self.orders if self.orders else None


@dataclass(frozen=True)
class Sold:
    """A product or supplier with what it sold for in the period, discounts taken off.

    ``key`` is the SKU or the code.
    """

    id: int
    key: str
    name: str
    quantity: int
    revenue: Decimal


@dataclass(frozen=True)
class ShortProduct:
    """An active product whose stock is at or below its reorder level."""

    id: int
    sku: str
    name: str
    supplier: str
    stock: int
    reorder_level: int


@dataclass(frozen=True)
class SlowProduct:
    """An active product with much money in stock, and how many units of it the period sold."""

    id: int
    sku: str
    name: str
    stock: int
    price: Decimal
    quantity: int

    @property
    def value(self) -> Decimal:
        """What the stock is worth at today's price."""
        return self.stock * self.price


@dataclass(frozen=True)
class OverdueOrder:
    """An order that waits to be shipped for longer than it should."""

    id: int
    number: str
    status: OrderStatus
    placed_at: datetime
    customer: str | None


@dataclass(frozen=True)
class Summary:
    """Figures as of one moment; shown with that moment, so nobody takes them for live.

    ``bars`` are those of the period; of one that is told by years, from the first to the last year
    that sold something. ``sold_before`` is what ``before`` sold. ``overdue_before`` is the day
    before which an order that is not shipped yet was to be shipped. ``stock`` has the number of
    products of each state: in, low, out, inactive. ``first_day`` and ``last_day`` are the ends of
    all orders; they are looked up only when the period has none. ``is_behind`` says that there are
    later changes, which the figures do not have, or not all of them.
    """

    as_of: datetime
    period: Period
    bars: tuple[Bar, ...]
    sold: Totals
    sold_before: Totals | None
    orders_by_status: tuple[tuple[OrderStatus, int], ...]
    best_products: tuple[Sold, ...]
    best_suppliers: tuple[Sold, ...]
    slow_products: tuple[SlowProduct, ...]
    overdue_before: date
    overdue_count: int
    overdue_orders: tuple[OverdueOrder, ...]
    stock: dict[str, int]
    short_products: tuple[ShortProduct, ...]
    first_day: date | None
    last_day: date | None
    is_behind: bool

    @property
    def before(self) -> Span | None:
        """What the period is compared with, None of nothing."""
        return self.period.comparable(self.as_of)

    @property
    def is_clipped(self) -> bool:
        """Whether the period has years before the first bar or after the last one."""
        span, grain = self.period.span, self.period.grain
        return bool(self.bars) and (
            self.bars[0].first_day > span.first or grain.after(self.bars[-1].first_day) <= span.last
        )

    @property
    def has_orders(self) -> bool:
        """Whether any order was placed in the period, drafts and cancelled ones included."""
        return any(count for _, count in self.orders_by_status)

    @property
    def all_orders(self) -> Span | None:
        """The days within which all orders lie, when the period has none of them."""
        if self.first_day is None or self.last_day is None:
            return None
        return Span(self.first_day, self.last_day)

    @property
    def short_count(self) -> int:
        """Active products at or below their reorder level."""
        return self.stock.get("out", 0) + self.stock.get("low", 0)

    def days_waiting(self, order: OverdueOrder) -> int:
        """Days from the one on which the order was placed."""
        return (self.as_of.date() - order.placed_at.date()).days


class Shown(NamedTuple):
    """A summary, and why it is not of now where it could not be refreshed.

    ``as_of`` is when its figures were last known to be those of the data: now, where they are
    kept ones and nothing has changed since. ``summary.as_of`` is when they were read; what is
    compared goes by that one.
    """

    summary: Summary
    trouble: str | None
    as_of: datetime


def current_summary(session: Session, period: Period) -> Shown:
    """The cached summary of the data as it stands, or a fresh one when the cache has none.

    One statement for a cached one. While somebody writes all the time, it is made anew at most
    every ``cache.SUMMARY_EVERY`` seconds, by one caller for all processes.
    """

    def fresh() -> tuple[str, str]:
        stamp, summary = compute(session, period)
        return stamp, to_json(summary)

    session.commit()  # SQLite's transaction would see what was there when the page's user was read
    now = datetime.now(UTC).replace(microsecond=0)
    stamp = _stamp(state(session.connection()), now)
    session.commit()  # who waits for another's figures keeps no transaction open meanwhile
    answer = cache.single_flight(
        cache.summary_key(period.key),
        stamp,
        fresh,
        every=cache.SUMMARY_EVERY,
        seconds=cache.SUMMARY_SECONDS,
        expected=is_busy,
    )
    summary = from_json(answer.text)
    if summary is None:  # somebody else's, or of another release
        summary = compute(session, period)[1]
        return Shown(summary, answer.trouble, summary.as_of)
    as_of = max(now, summary.as_of) if answer.is_current else summary.as_of
    # The same days may go by another name: the seven that somebody typed are "7d".
    return Shown(replace(summary, period=period), answer.trouble, as_of)


def warm(session: Session) -> int:
    """Have the figures of every named period ready; returns how many were shown as of now.

    For after a deploy: nobody waits then for the first page.
    """
    today = datetime.now(UTC).date()
    shown = [current_summary(session, named_period(name, today)) for name in PERIODS]
    return sum(not (each.trouble or each.summary.is_behind) for each in shown)


def _stamp(rollups: State, now: datetime) -> str:
    """What tells figures of this state of the data from others.

    With the minute, because a running period is compared with as much of the one before. Where the
    rollups are behind, no two are alike: there may be a later change each time.
    """
    of = f"{now:%Y-%m-%d %H:%M}" if rollups.is_current(now.date()) else f"behind {uuid4().hex}"
    return f"{rollups.number} {of}"


def compute(session: Session, period: Period) -> tuple[str, Summary]:
    """The figures as of now, all of one moment, and their stamp; ends the session's transaction.

    Brings the rollups up to date first. Where much has changed, it does so for a moment only, a
    thread goes on, and the figures say that they are behind.
    """
    now = brought_up_to_date(session).as_of
    with one_snapshot(session) as connection:
        rollups = state(connection)
        is_behind = not rollups.is_current(now.date())
        summary = _Reader(connection, period, rollups, now).summary(is_behind)
    return _stamp(rollups, now), summary


@dataclass(frozen=True)
class _Reader:
    """Reads the figures of one period in one transaction."""

    connection: Connection
    period: Period
    rollups: State
    now: datetime

    def summary(self, is_behind: bool) -> Summary:
        days = Days(self.period.span.first, self.period.span.last)
        kept = self._kept(days)
        by_day = self._all(queries.sales_by_day(days))
        by_status = dict.fromkeys(OrderStatus, 0) | dict(self._all(queries.orders_by_status(days)))
        first, last = None, None
        if not any(by_status.values()):
            first, last = self.connection.execute(queries.first_and_last_day()).one()
        overdue_before = self.now.date() - timedelta(days=current_app.config["OVERDUE_DAYS"])
        midnight = datetime.combine(overdue_before, time(), UTC)
        return Summary(
            as_of=(self.rollups.at or self.now) if is_behind else self.now,
            period=self.period,
            bars=_bars(self.period, by_day),
            sold=Totals(
                orders=sum(by_status[status] for status in REVENUE_STATUSES),
                revenue=sum((revenue_of(row.units, row.rest) for row in by_day), Decimal(0)),
            ),
            sold_before=self._sold(self.period.comparable(self.now)),
            orders_by_status=tuple(by_status.items()),
            best_products=self._best(queries.best_products(days, kept, SHOWN)),
            best_suppliers=self._best(queries.best_suppliers(days, kept, SHOWN)),
            slow_products=tuple(
                SlowProduct(*row) for row in self._all(queries.slowest_products(days, kept, SHOWN))
            ),
            overdue_before=overdue_before,
            overdue_count=self.connection.execute(
                queries.count_overdue(overdue_before)
            ).scalar_one(),
            overdue_orders=tuple(
                OverdueOrder(*row) for row in self._all(queries.overdue(midnight, SHOWN))
            ),
            stock=dict(self._all(queries.stock_states())),
            short_products=tuple(
                ShortProduct(*row) for row in self._all(queries.to_reorder(SHOWN))
            ),
            first_day=first,
            last_day=last,
            is_behind=is_behind,
        )

    def _all(self, statement: Any) -> list[Any]:
        return list(self.connection.execute(statement).all())

    def _kept(self, days: Days) -> str | None:
        """The name under which the rollups have the sums of ``days``."""
        day = self.rollups.day
        return next((name for name in PERIODS if day and days_of(name, day) == days), None)

    def _best(self, statement: Any) -> tuple[Sold, ...]:
        return tuple(
            Sold(row[0], row[1], row[2], row.quantity, revenue_of(row.units, row.rest))
            for row in self._all(statement)
        )

    def _sold(self, span: Span | None) -> Totals | None:
        """What a span sold; of a last day that is not over whole hours, then the rest."""
        if span is None:
            return None
        last = span.last if span.until is None else span.last - ONE_DAY
        parts = self._all(queries.sales(Days(span.first, last)))
        if span.until:
            hour = datetime.combine(span.last, time(span.until.hour), UTC)
            part = queries.sales_of_part(self.connection.dialect.name, hour, span.end)
            parts += self._all(queries.sales_of_hours(span.last, hour.hour))
            parts += self._all(part)
        return Totals(
            orders=sum(part.orders for part in parts),
            revenue=sum((revenue_of(part.units, part.rest) for part in parts), Decimal(0)),
        )


def percent_change(now: Decimal | int | None, before: Decimal | int | None) -> Decimal | None:
    """From ``before`` to ``now`` in percent, one decimal; None when there was nothing before."""
    if now is None or not before:
        return None
    change = (Decimal(now) - Decimal(before)) / Decimal(before) * 100
    return change.quantize(Decimal("0.1"), ROUND_HALF_UP)


def to_json(summary: Summary) -> str:
    """The summary as text, without loss."""
    return msgspec.json.encode(summary).decode()


def from_json(text: str) -> Summary | None:
    """The summary that ``to_json`` wrote; None of any other text, such as a former release's."""
    try:
        return msgspec.json.decode(text, type=Summary)
    except msgspec.MsgspecError:
        return None


def _bars(period: Period, by_day: list[Any]) -> tuple[Bar, ...]:
    """What each bar of the period sold, nothing included.

    Years before the first and after the last that sold something are left out: the days may be
    those of three centuries.
    """
    bars = {first: Bar(first, 0, Decimal(0)) for first in period.bars()}
    for day, orders, units, rest in by_day:
        first = period.grain.first_day(day)
        bar = bars[first]
        bars[first] = Bar(first, bar.orders + orders, bar.revenue + revenue_of(units, rest))
    if period.grain is not Grain.YEAR:
        return tuple(bars.values())
    sold = [first for first, bar in bars.items() if bar.orders]
    return tuple(bar for first, bar in bars.items() if sold and sold[0] <= first <= sold[-1])
