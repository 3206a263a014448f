"""Products: what a supplier sells us."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import ForeignKey, Index, UniqueConstraint, column, literal, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backoffice.database import Base
from backoffice.models.category import Category
from backoffice.models.columns import Code, Exact, LongText, Money, Name
from backoffice.models.record import INACTIVE, LARGE, NO_ID_TWICE, Record, filled, rule
from backoffice.models.searched import search_index
from backoffice.models.supplier import Supplier

MOST_MONEY = Decimal(100_000_000)
"""No single price reaches this; NaN, which PostgreSQL sorts above every number, neither."""

TO_REORDER = text("active AND stock <= reorder_level")
IN_STOCK = text("active AND stock > 0")


class Product(Record, Base):
    """One article of one supplier, known to people and files by its SKU."""

    __tablename__ = "products"
    __table_args__ = (
        UniqueConstraint("sku", info={"field": "sku", "says": "Another product has this SKU."}),
        filled("sku"),
        filled("name"),
        rule(
            "price_range",
            (column("price", Exact()) >= literal(0, Exact()))
            & (column("price", Exact()) < literal(MOST_MONEY, Exact())),
            field="price",
            says="Must be from 0 to 99,999,999.9999.",
        ),
        rule("stock_not_negative", "stock >= 0", field="stock", says="Must not be below 0."),
        rule(
            "reorder_level_not_negative",
            "reorder_level >= 0",
            field="reorder_level",
            says="Must not be below 0.",
        ),
        # Serves catalog.queries.product_grid: newest change first, pages by (updated_at, id).
        Index(None, "updated_at", "id", info=LARGE),
        # The same grid sorted by name, and the typeahead by name.
        Index(None, "name", "id", info=LARGE),
        # The same grid sorted by price.
        Index(None, "price", "id", info=LARGE),
        # Its filter by supplier, the supplier's page, and the check before a supplier is deleted.
        Index(None, "supplier_id", "updated_at", "id", info=LARGE),
        # The same for categories.
        Index(None, "category_id", "updated_at", "id", info=LARGE),
        # Serves dashboard.queries.to_reorder; holds only the few rows that are short.
        Index(
            "ix_products_to_reorder",
            "stock",
            "id",
            postgresql_where=TO_REORDER,
            sqlite_where=TO_REORDER,
            info=LARGE,
        ),
        # Serves dashboard.queries.slowest_products: the most money that lies in stock.
        Index(
            "ix_products_stock_value",
            text("(stock * price)"),
            "id",
            postgresql_where=IN_STOCK,
            sqlite_where=IN_STOCK,
            info=LARGE,
        ),
        # Serves the grid's filter for the few that are not on sale; most others are.
        Index(
            "ix_products_inactive",
            "updated_at",
            "id",
            postgresql_where=INACTIVE,
            sqlite_where=INACTIVE,
            info=LARGE,
        ),
        # Serves the grid's search.
        search_index("products", "sku", "name"),
        NO_ID_TWICE,
    )

    supplier_id: Mapped[int] = mapped_column(ForeignKey("suppliers.id"))
    category_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id"))
    sku: Mapped[Code]
    name: Mapped[Name]
    description: Mapped[LongText]
    price: Mapped[Money]
    stock: Mapped[int] = mapped_column(server_default="0", default=0)
    reorder_level: Mapped[int] = mapped_column(server_default="0", default=0)
    active: Mapped[bool] = mapped_column(server_default=true(), default=True)

    supplier: Mapped[Supplier] = relationship(back_populates="products")
    category: Mapped[Category | None] = relationship(back_populates="products")
