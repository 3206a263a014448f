"""The dashboard's figures, frozen with the moment they are true for, and kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, DecimalException
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from backoffice import cache
from backoffice.dashboard import queries
from backoffice.dashboard.period import Period, Span
from backoffice.models import REVENUE_STATUSES, OrderStatus

SHOWN = 10
"""Rows of the lists on the page."""


@dataclass(frozen=True)
class Bar:
    """The revenue of one day, month or year, known by its first day."""

    first_day: date
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
class SoldProduct:
    """A product with what it sold for in the period, discounts taken off."""

    id: int
    sku: str
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
class Summary:
    """Figures as of one moment; shown with that moment, so nobody takes them for live.

    ``short_count`` stops at ``queries.MOST_COUNTED`` + 1. ``first_order`` and ``last_order`` are
    the ends of all orders; they are looked up only when the period has none. ``sold_before`` is
    what ``before`` sold.
    """

    as_of: datetime
    period: Period
    bars: tuple[Bar, ...]
    sold: Totals
    sold_before: Totals | None
    orders_by_status: tuple[tuple[OrderStatus, int], ...]
    best_products: tuple[SoldProduct, ...]
    short_products: tuple[ShortProduct, ...]
    short_count: int
    first_order: datetime | None
    last_order: datetime | None

    @property
    def before(self) -> Span | None:
        """What the period is compared with, None of nothing."""
        return self.period.comparable(self.as_of)

    @property
    def has_orders(self) -> bool:
        """Whether any order was placed in the period, drafts and cancelled ones included."""
        return any(count for _, count in self.orders_by_status)

    @property
    def all_orders(self) -> Span | None:
        """The days within which all orders lie, when the period has none of them."""
        if self.first_order is None or self.last_order is None:
            return None
        return Span(self.first_order.date(), self.last_order.date())


def current_summary(session: Session, period: Period) -> Summary:
    """The cached summary of the data as it stands, or a fresh one when the cache has none.

    One statement for a cached one; six more for a fresh one, seven when the period is empty.
    """
    stamp: str = session.execute(queries.newest_change()).scalar_one()
    key = cache.summary_key(stamp, period.key)
    kept = cache.fetch(key)
    summary = from_json(kept, period) if kept else None
    if summary is None:
        summary = compute(session, period)
        cache.keep(key, to_json(summary), cache.SUMMARY_SECONDS)
    return summary


def compute(session: Session, period: Period) -> Summary:
    """The figures, read from the tables now, all of them as of one moment.

    Ends the session's transaction.
    """
    # Noted before the first statement: a change that commits meanwhile may or may not be in.
    as_of = datetime.now(UTC).replace(microsecond=0)
    earlier = period.comparable(as_of)
    with _one_snapshot(session) as (connection, dialect):
        by_day = connection.execute(queries.revenue_by_day(dialect, period.span)).all()
        before = connection.execute(queries.totals(dialect, earlier)).one() if earlier else None
        statuses = connection.execute(queries.orders_by_status(period.span)).all()
        best = connection.execute(queries.best_products(dialect, period.span, SHOWN)).all()
        short = connection.execute(queries.to_reorder(SHOWN)).all()
        short_count = connection.execute(queries.count_to_reorder()).scalar_one()
        first, last = None, None
        if not statuses:
            first, last = connection.execute(queries.first_and_last_order()).one()
    by_status = dict.fromkeys(OrderStatus, 0) | dict(statuses)
    return Summary(
        as_of=as_of,
        period=period,
        bars=_bars(period, dict(by_day)),
        sold=Totals(
            orders=sum(by_status[status] for status in REVENUE_STATUSES),
            revenue=sum((revenue for _, revenue in by_day), Decimal(0)),
        ),
        sold_before=Totals(*before) if before else None,
        orders_by_status=tuple(by_status.items()),
        best_products=tuple(SoldProduct(*row) for row in best),
        short_products=tuple(ShortProduct(*row) for row in short),
        short_count=short_count,
        first_order=first,
        last_order=last,
    )


@contextmanager
def _one_snapshot(session: Session) -> Iterator[tuple[Connection, str]]:
    """A transaction of its own in which all statements see the same rows; and the dialect's name.

    PostgreSQL's usual one looks anew for each statement; SQLite's never does. It takes the place
    of the session's, which only read: two connections a page could use up the pool.
    """
    session.commit()
    options = {}
    if session.get_bind().dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    connection = session.connection(execution_options=options)
    yield connection, connection.dialect.name
    session.commit()


def percent_change(now: Decimal | int | None, before: Decimal | int | None) -> Decimal | None:
    """From ``before`` to ``now`` in percent, one decimal; None when there was nothing before."""
    if now is None or not before:
        return None
    change = (Decimal(now) - Decimal(before)) / Decimal(before) * 100
    return change.quantize(Decimal("0.1"), ROUND_HALF_UP)


def to_json(summary: Summary) -> str:
    """Everything but the period, which the reader knows: it is in the key."""
    fields = asdict(summary)
    del fields["period"]
    return json.dumps(fields, default=str)


def from_json(text: str, period: Period) -> Summary | None:
    """The summary that ``to_json`` wrote; None of any other text, such as a former release's."""
    try:
        fields: dict[str, Any] = json.loads(text)
        bars = ((date.fromisoformat(bar["first_day"]), bar["revenue"]) for bar in fields["bars"])
        return Summary(
            as_of=datetime.fromisoformat(fields["as_of"]),
            period=period,
            bars=tuple(Bar(day, Decimal(revenue)) for day, revenue in bars),
            sold=_totals(fields["sold"]),
            sold_before=_totals(fields["sold_before"]) if fields["sold_before"] else None,
            orders_by_status=tuple(
                (OrderStatus(status), int(orders)) for status, orders in fields["orders_by_status"]
            ),
            best_products=tuple(
                SoldProduct(**product | {"revenue": Decimal(product["revenue"])})
                for product in fields["best_products"]
            ),
            short_products=tuple(ShortProduct(**product) for product in fields["short_products"]),
            short_count=int(fields["short_count"]),
            first_order=_moment(fields["first_order"]),
            last_order=_moment(fields["last_order"]),
        )
    except (ValueError, LookupError, TypeError, DecimalException):
        return None


def _totals(fields: dict[str, Any]) -> Totals:
    return Totals(int(fields["orders"]), Decimal(fields["revenue"]))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _bars(period: Period, by_day: dict[date, Decimal]) -> tuple[Bar, ...]:
    """The revenue of each bar of the period, zero where nothing was sold."""
    revenue = dict.fromkeys(period.bars(), Decimal(0))
    for day, amount in by_day.items():
        revenue[period.grain.first_day(day)] += amount
    return tuple(Bar(first_day, amount) for first_day, amount in revenue.items())
