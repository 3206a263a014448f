"""What the address of a performance page says, read once and written back into its links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

PERIODS = {
    "1h": ("1 hour", timedelta(hours=1)),
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
    "14d": ("14 days", timedelta(days=14)),
}
DEFAULT = "24h"
ONE_HOUR = timedelta(hours=1)

PAGE_SIZE = 25
"""Shapes on a page of their list."""

FEW_ROUTES, MOST_ROUTES = 10, 200
"""Routes listed at first, below which the statements must not be far, and when asked for all."""

PAGE_SORTS = (
    *("total", "requests", "mean", "slowest", "statements", "most", "rows", "database"),
    *("repeats", "failed", "route"),
)
SHAPE_SORTS = ("total", "mean", "calls", "slowest", "rows")


class Order(NamedTuple):
    """By which column, and whether downwards."""

    name: str
    descending: bool

    @property
    def argument(self) -> str:
        """As an address says it: ``-total``."""
        return f"-{self.name}" if self.descending else self.name


MOST_TIME = Order("total", True)


class Skipped(NamedTuple):
    """So many rows, after so many."""

    size: int
    skip: int


@dataclass(frozen=True)
class Asked:
    """What the lists show. ``complaints`` say what was not understood and left out."""

    since: datetime
    period: str = DEFAULT
    pages: Order = MOST_TIME
    shapes: Order = MOST_TIME
    search: str = ""
    route: str = ""
    worse: bool = False
    all_routes: bool = False
    page: int = 1
    complaints: tuple[str, ...] = ()

    @property
    def routes(self) -> int:
        """How many routes are listed."""
        return MOST_ROUTES if self.all_routes else FEW_ROUTES

    @property
    def rows(self) -> Skipped:
        """The shapes of the page."""
        return Skipped(PAGE_SIZE, (self.page - 1) * PAGE_SIZE)

    def arguments(self, page: int = 1) -> dict[str, str]:
        """All arguments that are not the usual ones, for a link to one of the pages of shapes."""
        said = {
            "period": self.period if self.period != DEFAULT else "",
            "pages": self.pages.argument if self.pages != MOST_TIME else "",
            "sort": self.shapes.argument if self.shapes != MOST_TIME else "",
            "search": self.search,
            "route": self.route,
            "worse": "1" if self.worse else "",
            "routes": "all" if self.all_routes else "",
            "page": str(page) if page > 1 else "",
        }
        return {name: text for name, text in said.items() if text}

    def but(self, **changes: object) -> dict[str, str]:
        """The arguments of a link that changes so much, to the first page."""
        return replace(self, **changes).arguments()  # type: ignore[arg-type]

    def pages_by(self, name: str) -> dict[str, str]:
        """The arguments behind the head of a column of the pages."""
        return self.but(pages=_turned(self.pages, name))

    def shapes_by(self, name: str) -> dict[str, str]:
        """The arguments behind the head of a column of the shapes."""
        return self.but(shapes=_turned(self.shapes, name))

    def last_page(self, count: int) -> int:
        """The number of the last page of so many shapes."""
        return max(1, -(-count // PAGE_SIZE))


def asked(args: Mapping[str, str], now: datetime) -> Asked:
    """What ``args`` ask for; the usual where they make no sense."""
    complaints: list[str] = []
    period = args.get("period") or DEFAULT
    if period not in PERIODS:
        complaints.append("This period is not known; these are the last 24 hours.")
        period = DEFAULT
    pages = _order(args.get("pages", ""), PAGE_SORTS, complaints)
    shapes = _order(args.get("sort", ""), SHAPE_SORTS, complaints)
    page = 1
    if text := args.get("page"):
        if re.fullmatch("[1-9][0-9]{0,5}", text):
            page = int(text)
        else:
            complaints.append("Pages are numbered from 1; this is the first.")
    return Asked(
        since=since(period, now),
        period=period,
        pages=pages,
        shapes=shapes,
        search=args.get("search", "").strip()[:200],
        route=args.get("route", "")[:200],
        worse=args.get("worse") == "1",
        all_routes=args.get("routes") == "all",
        page=page,
        complaints=tuple(complaints),
    )


def since(period: str, now: datetime) -> datetime:
    """The beginning of the hour in which ``period`` begins: whole hours alone are counted."""
    return hour_of(now - PERIODS[period][1])


def hour_of(moment: datetime) -> datetime:
    """The beginning of its hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def _turned(order: Order, name: str) -> Order:
    descending = not order.descending if order.name == name else name != "route"
    return Order(name, descending)


def _order(text: str, known: tuple[str, ...], complaints: list[str]) -> Order:
    if not text:
        return MOST_TIME
    name = text.removeprefix("-")
    if name in known:
        return Order(name, text != name)
    complaints.append("This order of rows is not known; this is the usual one.")
    return MOST_TIME
