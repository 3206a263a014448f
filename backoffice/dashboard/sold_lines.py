"""Sold lines: what a figure of a report counts, read from the tables themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from backoffice.dashboard import line_queries
from backoffice.dashboard.fresh import Freshness, one_snapshot
from backoffice.dashboard.period import Span
from backoffice.dashboard.report import name_of
from backoffice.dashboard.report_queries import NO_CATEGORY, Page
from backoffice.models.rollup import revenue_of

REPORT_OF = {
    "product": "products",
    "supplier": "suppliers",
    "category": "categories",
    "country": "countries",
}
"""What lines can be of -> the report that counts them."""


@dataclass(frozen=True)
class Subject:
    """Whose lines they are. ``key`` is an id or, of a country, its name."""

    kind: str
    key: int | str
    name: str
    code: str = ""

    @property
    def report(self) -> str:
        return REPORT_OF[self.kind]

    @property
    def is_record(self) -> bool:
        """Whether it has a page of its own."""
        return self.kind != "country" and self.key != NO_CATEGORY


@dataclass(frozen=True)
class Line:
    """One line of an order. A guest's order has no customer."""

    order_id: int
    number: str
    placed_at: datetime
    customer_id: int | None
    customer: str | None
    product_id: int
    product: str
    sku: str
    quantity: int
    unit_price: Decimal
    discount: Decimal
    line_no: int

    @property
    def amount(self) -> Decimal:
        """Exact to eight places."""
        return self.quantity * self.unit_price * (1 - self.discount)


@dataclass(frozen=True)
class SoldLines:
    """A page of lines, and the sums of all of them."""

    freshness: Freshness
    subject: Subject
    lines: tuple[Line, ...]
    count: int
    quantity: int
    revenue: Decimal


def subject_of(session: Session, kind: str, text: str) -> Subject | None:
    """The one that an address names; None where there is none.

    Any text may be a country: the lines of one that no order went to are none.
    """
    if kind == "country":
        return Subject(kind, text, name_of("countries", text, text))
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        return None
    key = int(text)
    if (kind, key) == ("category", NO_CATEGORY):
        return Subject(kind, key, name_of("categories", key, None))
    found = session.execute(line_queries.name_of(kind, key)).one_or_none()
    return Subject(kind, key, *found) if found else None


def read_lines(session: Session, subject: Subject, span: Span, page: Page) -> SoldLines:
    """A page of the lines, by two statements that see the same."""
    as_of = datetime.now(UTC).replace(microsecond=0)
    with one_snapshot(session) as connection:
        dialect = connection.dialect.name
        total = connection.execute(
            line_queries.totals(dialect, subject.kind, subject.key, span)
        ).one()
        rows = connection.execute(
            line_queries.lines(dialect, subject.kind, subject.key, span, page=page)
        ).all()
    return SoldLines(
        freshness=Freshness(as_of),
        subject=subject,
        lines=tuple(Line(*row) for row in rows),
        count=total.lines,
        quantity=total.quantity or 0,
        revenue=revenue_of(total.units, total.rest),
    )
