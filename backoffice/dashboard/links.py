"""Where the figures lead: addresses of the lists that they count, and of the records named.

By path: features do not know each other's views.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache, cached_property
from urllib.parse import urlencode

from backoffice.dashboard.period import Span
from backoffice.dashboard.summary import Summary
from backoffice.models import REVENUE_STATUSES, WAITING_STATUSES, OrderStatus
from backoffice.rollups.periods import ONE_DAY


@dataclass(frozen=True)
class Links:
    """The addresses of one summary's figures; ``base`` is where the sections begin.

    Each list is asked to count and add up all that it has, so its total can be held against the
    figure.
    """

    base: str
    summary: Summary

    @cached_property
    def sold(self) -> str:
        """The orders behind revenue and their number."""
        return self._orders(REVENUE_STATUSES, self.summary.period.span)

    @cached_property
    def sold_before(self) -> str | None:
        """The same of what the period is compared with."""
        before = self.summary.before
        return self._orders(REVENUE_STATUSES, before) if before else None

    @cached_property
    def bars(self) -> list[str]:
        """The orders of each bar; a month or year is cut off where the period begins and ends."""
        span, grain = self.summary.period.span, self.summary.period.grain
        begins = f"{self.base}orders/?{_query(REVENUE_STATUSES)}"
        spans = [
            (max(bar.first_day, span.first), min(grain.after(bar.first_day), span.last + ONE_DAY))
            for bar in self.summary.bars
        ]
        return [
            f"{begins}&placed_at.from={first}&placed_at.before={end}&totals=1"
            for first, end in spans
        ]

    def with_status(self, status: str) -> str:
        """The period's orders of one status."""
        return self._orders((OrderStatus(status),), self.summary.period.span)

    @cached_property
    def overdue(self) -> str:
        """Orders that should have been shipped, oldest first."""
        end = self.summary.overdue_before
        begins = f"{self.base}orders/?{_query(WAITING_STATUSES)}"
        return f"{begins}&placed_at.before={end}&sort=placed_at&totals=1"

    @cached_property
    def to_reorder(self) -> str:
        """Active products at or below their reorder level."""
        return f"{self.base}products/?reorder=yes&totals=1"

    @cached_property
    def in_stock(self) -> str:
        """Products that lie in stock, among them those that hardly sell."""
        return f"{self.base}products/?stock=in"

    def in_stock_state(self, state: str) -> str:
        """Products of one of the states that the summary counts."""
        asked = "active=no" if state == "inactive" else f"stock={state}"
        return f"{self.base}products/?{asked}&totals=1"

    @cached_property
    def all_orders(self) -> str | None:
        """The dashboard of the days within which all orders lie."""
        span = self.summary.all_orders
        return f"{self.base}?period=custom&from={span.first}&to={span.last}" if span else None

    def record(self, section: str, row_id: int) -> str:
        """A record's page."""
        return f"{self.base}{section}/details/?id={row_id}"

    def lines(self, noun: str, row_id: int) -> str:
        """The lines that a product or supplier sold in the period."""
        return f"{self.base}reports/lines/?{noun}={row_id}&{self._period}"

    def report(self, section: str) -> str:
        """What all of them sold in the period, not the best alone."""
        return f"{self.base}reports/{section}/?{self._period}"

    @cached_property
    def _period(self) -> str:
        return urlencode(self.summary.period.arguments)

    def _orders(self, statuses: tuple[OrderStatus, ...], span: Span) -> str:
        end = span.last + ONE_DAY if span.until is None else span.end
        days = f"placed_at.from={span.first}&placed_at.before={_typed(end)}"
        return f"{self.base}orders/?{_query(statuses)}&{days}&totals=1"


@cache
def _query(statuses: tuple[OrderStatus, ...]) -> str:
    return urlencode([("status", status.value) for status in statuses])


def _typed(moment: date | datetime) -> str:
    """As a filter takes it, without a time where that is midnight."""
    if not isinstance(moment, datetime) or moment.time() == time():
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%d+%H:%M:%S}"
