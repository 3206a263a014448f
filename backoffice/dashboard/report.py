"""The reports' figures: read from the rollups as of one moment, and put together exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy.orm import Session

from backoffice.dashboard import month_queries, report_queries
from backoffice.dashboard.fresh import Freshness, one_snapshot
from backoffice.dashboard.period import Grain, Period, Span
from backoffice.dashboard.report_queries import NO_CATEGORY, Page, Sort
from backoffice.models.rollup import revenue_of
from backoffice.rollups.periods import ONE_DAY

MONTHS = "months"


@dataclass(frozen=True)
class Row:
    """What one of them sold for. ``key`` is an id, a country, or a month's first day.

    ``days`` are those that the row is about. ``place`` and ``running`` count from the most
    revenue down, whatever the order on the page; a month has neither, nor units.
    """

    key: Any
    name: str
    code: str
    days: Span
    place: int | None
    quantity: int | None
    orders: int
    revenue: Decimal
    running: Decimal | None
    before: Decimal | None

    @property
    def average(self) -> Decimal | None:
        """Revenue of one order."""
        return self.revenue / self.orders if self.orders else None


@dataclass(frozen=True)
class Report:
    """A page of rows, and the sums of all rows. ``compared`` is when ``before`` was."""

    freshness: Freshness
    compared: Span | None
    rows: tuple[Row, ...]
    count: int
    quantity: int
    orders: int
    revenue: Decimal
    before: Decimal | None

    @property
    def has_sales(self) -> bool:
        """Whether anything was sold: months have rows also where nothing was."""
        return bool(self.orders or self.quantity)


def percent_of(part: Decimal | None, whole: Decimal) -> Decimal | None:
    """Half up to one decimal; None of nothing."""
    if part is None or not whole:
        return None
    return (100 * part / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)


def compared_with(kind: str, period: Period, now: datetime) -> Span | None:
    """What the whole report is compared with: the same as on the dashboard.

    None of months: each is compared with the one before.
    """
    return None if kind == MONTHS else period.comparable(now)


def read(
    session: Session, kind: str, period: Period, *, sort: Sort, page: Page, freshness: Freshness
) -> Report:
    """A page of the report on ``kind``, by one statement."""
    compared = compared_with(kind, period, freshness.as_of)
    with one_snapshot(session) as connection:
        dialect = connection.dialect.name
        if kind == MONTHS:
            statement = month_queries.months(dialect, period.span, sort=sort, page=page)
        else:
            statement = report_queries.ranked(
                dialect, kind, period.span, compared, sort=sort, page=page
            )
        found = [row._mapping for row in connection.execute(statement)]  # noqa: SLF001 - documented
    total = found[0]
    before = revenue_of(total["all_units_before"], total["all_rest_before"]) if compared else None
    return Report(
        freshness=freshness,
        compared=compared,
        rows=tuple(rows_of(kind, period, compared, found, freshness.as_of.date())),
        count=total["all_rows"] or 0,
        quantity=total.get("all_quantity") or 0,
        orders=total["all_orders"] or 0,
        revenue=revenue_of(total["all_units"], total["all_rest"]),
        before=before,
    )


def rows_of(
    kind: str, period: Period, compared: Span | None, found: Iterable[Any], today: date
) -> Iterator[Row]:
    """The rows that a statement found; where the page is empty, it found the sums alone."""
    for row in found:
        if row["position"] is None:
            continue
        revenue = revenue_of(row["units"], row["rest"])
        if kind == MONTHS:
            days = days_of_month(row["month"], period.span)
            is_whole = days.last < today and days == whole_month(row["month"])
            known = row["units_before"] is not None and is_whole
            # The month before is whole unless the period begins within it.
            known &= period.span.first.day == 1 or row["month"] > _second_month(period.span)
            yield Row(
                key=row["month"],
                name=f"{row['month']:%B %Y}",
                code="" if days == whole_month(row["month"]) else str(days),
                days=days,
                place=None,
                quantity=None,
                orders=row["orders"],
                revenue=revenue,
                running=None,
                before=revenue_of(row["units_before"], row["rest_before"]) if known else None,
            )
        else:
            yield Row(
                key=row["key"],
                name=name_of(kind, row["key"], row["name"]),
                code=row["code"] or "",
                days=period.span,
                place=row["place"],
                quantity=row["quantity"],
                orders=row["orders"],
                revenue=revenue,
                running=revenue_of(row["running_units"], row["running_rest"]),
                before=revenue_of(row["units_before"], row["rest_before"]) if compared else None,
            )


def name_of(kind: str, key: Any, name: str | None) -> str:
    """What a row is called that may have no name of its own."""
    if kind == "categories" and key == NO_CATEGORY:
        return "Without category"
    if kind == "countries" and not key:
        return "Without country"
    return name or f"No. {key}"


def whole_month(first: date) -> Span:
    """The month that begins on ``first``."""
    after = Grain.MONTH.first_day(first.replace(day=28) + 4 * ONE_DAY)
    return Span(first, after - ONE_DAY)


def days_of_month(first: date, span: Span) -> Span:
    """What of the month lies in ``span``."""
    month = whole_month(first)
    return Span(max(month.first, span.first), min(month.last, span.last))


def _second_month(span: Span) -> date:
    return whole_month(Grain.MONTH.first_day(span.first)).last + ONE_DAY
