"""Categories: how the catalog is divided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, relationship

from backoffice.database import Base
from backoffice.models.columns import LongText, Name
from backoffice.models.record import NO_ID_TWICE, Record, filled
from backoffice.models.searched import search_index

if TYPE_CHECKING:
    from backoffice.models.product import Product


class Category(Record, Base):
    """One kind of product; a product is in one category or in none."""

    __tablename__ = "categories"
    __table_args__ = (
        # The unique index also serves catalog.queries.category_grid sorted by name.
        UniqueConstraint("name", info={"field": "name", "says": "Another category has this name."}),
        filled("name"),
        # Serves the grid's search.
        search_index("categories", "name", "description"),
        NO_ID_TWICE,
    )

    name: Mapped[Name]
    description: Mapped[LongText]

    products: Mapped[list[Product]] = relationship(back_populates="category", passive_deletes="all")
