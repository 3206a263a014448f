"""Suppliers: who we buy from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Index, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backoffice.database import Base
from backoffice.models.columns import Code, Name, ShortText
from backoffice.models.record import INACTIVE, LARGE, NO_ID_TWICE, Record, filled
from backoffice.models.searched import search_index

if TYPE_CHECKING:
    from backoffice.models.product import Product


class Supplier(Record, Base):
    """One company that sells us products, known to people and files by its code."""

    __tablename__ = "suppliers"
    __table_args__ = (
        UniqueConstraint("code", info={"field": "code", "says": "Another supplier has this code."}),
        filled("code"),
        filled("name"),
        # Serves catalog.queries.supplier_grid sorted by name, and its typeahead.
        Index(None, "name", "id"),
        # The same grid narrowed to those that we do not order from.
        Index(
            "ix_suppliers_inactive",
            "name",
            "id",
            postgresql_where=INACTIVE,
            sqlite_where=INACTIVE,
            info=LARGE,
        ),
        # Serves the grid's search.
        search_index("suppliers", "code", "name", "contact_name"),
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
    active: Mapped[bool] = mapped_column(server_default=true(), default=True)

    products: Mapped[list[Product]] = relationship(back_populates="supplier", passive_deletes="all")
