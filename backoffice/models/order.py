"""Orders with their lines."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Enum, ForeignKey, Index, UniqueConstraint, column, literal
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backoffice.database import Base
from backoffice.models.columns import (
    Code,
    Exact,
    Key,
    LongText,
    Moment,
    Money,
    Rate,
    ShortText,
    UtcDateTime,
)
from backoffice.models.customer import Customer
from backoffice.models.product import MOST_MONEY, Product
from backoffice.models.record import LARGE, NO_ID_TWICE, Record, filled, rule
from backoffice.models.searched import search_index


class OrderStatus(StrEnum):
    """How far an order has come."""

    DRAFT = "draft"
    PLACED = "placed"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"

    @property
    def hue(self) -> str:
        """The hue of its badge: nothing happened, on its way, needs somebody, done, gone wrong."""
        return HUES.get(self, "")


HUES = {
    OrderStatus.PLACED: "info",
    OrderStatus.PAID: "info",
    OrderStatus.SHIPPED: "warn",
    OrderStatus.DELIVERED: "good",
    OrderStatus.CANCELLED: "bad",
}


REVENUE_STATUSES = (
    OrderStatus.PLACED,
    OrderStatus.PAID,
    OrderStatus.SHIPPED,
    OrderStatus.DELIVERED,
)
"""Orders that count as sold, on the day they were placed."""

WAITING_STATUSES = (OrderStatus.PLACED, OrderStatus.PAID)
"""Orders that are to be shipped: overdue when they were placed too long ago."""

MOST_AMOUNT = 10**9
"""No line's quantity times price reaches this."""

STATUS = Enum(
    OrderStatus,
    native_enum=False,  # a new status is a changed CHECK, not a changed type
    create_constraint=True,
    name="status_known",
    length=16,
    values_callable=lambda statuses: [status.value for status in statuses],
)


class Order(Record, Base):
    """What one customer bought at one moment; known to people and files by its number."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint(
            "number", info={"field": "number", "says": "Another order has this number."}
        ),
        filled("number"),
        rule(
            "shipped_after_placed",
            "shipped_at >= placed_at",
            field="shipped_at",
            says="Must not be before the order was placed.",
        ),
        # Serves orders.queries.order_grid: newest first, and dashboard.queries by day.
        Index(None, "placed_at", "id", info=LARGE),
        # The same grid narrowed to one status; counts by status read this index alone.
        Index(None, "status", "placed_at", "id", info=LARGE),
        # One customer's orders, and the check before a customer is deleted.
        Index(None, "customer_id", "placed_at", "id", info=LARGE),
        # The same grid sorted by shipping, and narrowed to a span of it or to what still waits.
        Index(None, "shipped_at", "id", info=LARGE),
        # Serves the grid's search.
        search_index("orders", "number", "ship_name"),
        NO_ID_TWICE,
    )

    number: Mapped[Code]
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    status: Mapped[OrderStatus] = mapped_column(
        STATUS, server_default="draft", default=OrderStatus.DRAFT
    )
    placed_at: Mapped[Moment]
    shipped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[LongText]
    ship_name: Mapped[ShortText]
    ship_street: Mapped[ShortText]
    ship_city: Mapped[ShortText]
    ship_region: Mapped[ShortText]
    ship_postal_code: Mapped[ShortText]
    ship_country: Mapped[ShortText]

    customer: Mapped[Customer | None] = relationship(back_populates="orders")
    lines: Mapped[list[OrderLine]] = relationship(
        back_populates="order",
        order_by="OrderLine.line_no",
        cascade="all, delete-orphan",
        passive_deletes=True,
    )

    @property
    def edition(self) -> str:
        """Also of the lines, which an import writes without writing their order.

        Their sum does: whatever removes a line raises the order's own version.
        """
        return f"{self.version}-{sum(line.version for line in self.lines)}"

    @property
    def total(self) -> Decimal:
        """The amounts of the lines together; reads the lines."""
        return sum((line.amount for line in self.lines), Decimal(0))


class OrderLine(Base):
    """One product in an order, at the price and discount of the time of sale."""

    __tablename__ = "order_lines"
    __table_args__ = (
        UniqueConstraint(
            "order_id",
            "line_no",
            info={"field": "line_no", "says": "Another line has this number."},
        ),
        rule("line_no_positive", "line_no > 0", field="line_no", says="Must be at least 1."),
        rule(
            "quantity_range",
            "quantity BETWEEN 1 AND 1000000",
            field="quantity",
            says="Must be from 1 to 1,000,000.",
        ),
        rule(
            "unit_price_range",
            (column("unit_price", Exact()) >= literal(0, Exact()))
            & (column("unit_price", Exact()) < literal(MOST_MONEY, Exact())),
            field="unit_price",
            says="Must be from 0 to 99,999,999.9999.",
        ),
        rule(
            "discount_range",
            (column("discount", Exact(5)) >= literal(0, Exact(5)))
            & (column("discount", Exact(5)) <= literal(1, Exact(5))),
            field="discount",
            says="Must be from 0 to 1; 0.15 is 15 percent.",
        ),
        # Keeps an amount exact on SQLite, whose integers end at 9.2e18: it counts in 1e-8.
        rule(
            "amount_bounded",
            column("quantity") * column("unit_price", Exact()) < literal(MOST_AMOUNT, Exact(14)),
            field="quantity",
            says="Quantity times price must stay below 1,000,000,000.",
        ),
        # Serves the check before a product is deleted, and dashboard.queries.best_products.
        Index(None, "product_id", "order_id", info=LARGE),
    )

    id: Mapped[Key]
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    # By it SQLite inserts all new lines in one statement, and not one a line. The price: one
    # flush may add lines to one order only, or SQLAlchemy refuses it.
    line_no: Mapped[int] = mapped_column(insert_sentinel=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]
    unit_price: Mapped[Money]
    discount: Mapped[Rate] = mapped_column(server_default="0", default=Decimal(0))
    # No version_id_col: SQLAlchemy would then write line by line.
    version: Mapped[int] = mapped_column(server_default="1")

    order: Mapped[Order] = relationship(back_populates="lines")
    product: Mapped[Product] = relationship()

    @property
    def amount(self) -> Decimal:
        """Quantity × price × (1 − discount), exact to eight places."""
        return self.quantity * self.unit_price * (1 - self.discount)
