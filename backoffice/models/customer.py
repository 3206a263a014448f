"""Customers: who buys from us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, relationship

from backoffice.database import Base
from backoffice.models.columns import Code, Name, ShortText
from backoffice.models.record import NO_ID_TWICE, Record, filled
from backoffice.models.searched import search_index

if TYPE_CHECKING:
    from backoffice.models.order import Order


class Customer(Record, Base):
    """One person or company that orders, known to people and files by its code."""

    __tablename__ = "customers"
    __table_args__ = (
        UniqueConstraint("code", info={"field": "code", "says": "Another customer has this code."}),
        filled("code"),
        filled("name"),
        # Serves orders.queries.customer_grid sorted by name, and its typeahead.
        Index(None, "name", "id", info={"online": True}),
        # The same grid narrowed to one country.
        Index(None, "country", "name", "id", info={"online": True}),
        # Serves the grid's search.
        search_index("customers", "code", "name", "contact_name"),
        NO_ID_TWICE,
    )

    code: Mapped[Code]
    name: Mapped[Name]
    contact_name: Mapped[ShortText]
    email: Mapped[ShortText]
    phone: Mapped[ShortText]
    street: Mapped[ShortText]
    city: Mapped[ShortText]
    region: Mapped[ShortText]
    postal_code: Mapped[ShortText]
    country: Mapped[ShortText]

    orders: Mapped[list[Order]] = relationship(back_populates="customer", passive_deletes="all")
