"""Orders for the dashboard's tests, and its figures computed again in plain Python."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from backoffice.dashboard.period import Period, Span
from backoffice.models import Order, OrderLine, OrderStatus
from backoffice.rollups.fold import fold

LAST = date(2025, 11, 23)
PERIOD = Period(
    "30d",
    Span(date(2025, 10, 25), LAST),
    Span(date(2025, 9, 25), date(2025, 10, 24)),
)
UNSOLD = {OrderStatus.DRAFT, OrderStatus.CANCELLED}


@dataclass(frozen=True)
class Sale:
    """One order with its lines: ``(product_id, quantity, unit_price, discount)``."""

    placed_at: datetime
    status: OrderStatus
    lines: tuple[tuple[int, int, Decimal, Decimal], ...]
    country: str = ""

    @property
    def is_sold(self) -> bool:
        return self.status not in UNSOLD

    @property
    def amount(self) -> Decimal:
        return sum((amount(line) for line in self.lines), Decimal(0))


def amount(line: tuple[int, int, Decimal, Decimal]) -> Decimal:
    _, quantity, unit_price, discount = line
    return quantity * unit_price * (1 - discount)


def random_sales(
    random: Random,
    products: list[int],
    count: int,
    *,
    first: datetime = datetime(2025, 9, 20, tzinfo=UTC),
    days: int = 70,
) -> list[Sale]:
    """Sales around ``PERIOD``, a fifth of them within a moment of UTC midnight."""
    sales = []
    for _ in range(count):
        placed_at = first + timedelta(days=random.randrange(days))
        if random.random() < 0.2:
            placed_at += timedelta(microseconds=random.choice((-1, 0, 1)))
        else:
            placed_at += timedelta(microseconds=random.randrange(86_400_000_000))
        lines = tuple(
            (
                random.choice(products),
                random.randint(1, 40),
                Decimal(random.randrange(10**6)).scaleb(-random.randrange(5)),
                random.choice((Decimal(0), Decimal("0.15"), Decimal("0.3333"), Decimal(1))),
            )
            for _ in range(random.randrange(5))
        )
        sales.append(Sale(placed_at, random.choice(list(OrderStatus)), lines))
    return sales


def save(session: Session, sales: list[Sale]) -> None:
    """Writes the sales as the only orders."""
    orders = [
        {
            "number": f"S{n}",
            "placed_at": sale.placed_at,
            "status": sale.status,
            "ship_country": sale.country,
        }
        for n, sale in enumerate(sales)
    ]
    ids = session.scalars(
        insert(Order).returning(Order.id, sort_by_parameter_order=True), orders
    ).all()
    names = ("product_id", "quantity", "unit_price", "discount")
    rows: list[dict[str, Any]] = [
        {"order_id": order_id, "line_no": line_no, **dict(zip(names, line, strict=True))}
        for order_id, sale in zip(ids, sales, strict=True)
        for line_no, line in enumerate(sale.lines, start=1)
    ]
    if rows:
        session.execute(insert(OrderLine), rows)
    session.commit()
    fold()  # a page would stop after a second, which a busy machine may take


def revenue_by_day(sales: list[Sale], span: Span) -> dict[date, Decimal]:
    """Revenue of each day of the span, zero days included."""
    revenue = {span.first + timedelta(days=n): Decimal(0) for n in range(span.days)}
    for sale in sales:
        day = sale.placed_at.astimezone(UTC).date()
        if sale.is_sold and day in revenue:
            revenue[day] += sale.amount
    return revenue


def revenue_by_product(sales: list[Sale], span: Span) -> dict[int, Decimal]:
    revenue: dict[int, Decimal] = defaultdict(Decimal)
    for sale in sales:
        if sale.is_sold and span.first <= sale.placed_at.date() <= span.last:
            for line in sale.lines:
                revenue[line[0]] += amount(line)
    return revenue
