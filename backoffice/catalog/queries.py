"""Statements about suppliers, categories and products: built here, run by the caller."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, and_, func, select, type_coerce
from sqlalchemy.orm import joinedload

from backoffice.database import Rows
from backoffice.models import Category, Product, Supplier
from backoffice.models.amounts import UpTo
from backoffice.models.columns import is_set

MOST_COUNTED = 1_000
"""A list counts the products of a supplier or category as far as that: "1,000+"."""


def supplier_grid() -> Rows:
    """One row a supplier, unordered: the grid adds order and limit, and drops what is not shown."""
    return select(
        Supplier.id,
        Supplier.code,
        Supplier.name,
        Supplier.contact_name,
        Supplier.city,
        Supplier.country,
        _products_of(Supplier).label("products"),
        Supplier.active,
        Supplier.updated_at,
        Supplier.email,
        Supplier.phone,
        Supplier.street,
        Supplier.postal_code,
        Supplier.region,
        Supplier.created_at,
    )


def _products_of(owner: type[Supplier] | type[Category]) -> ColumnElement[int]:
    """How many products refer to a row of ``owner``, counted no further than the list says."""
    column = Product.supplier_id if owner is Supplier else Product.category_id
    some = select(Product.id).where(column == owner.id).correlate(owner).limit(MOST_COUNTED + 1)
    counted = select(func.count()).select_from(some.subquery()).scalar_subquery()
    return type_coerce(counted, UpTo(MOST_COUNTED))


def category_grid() -> Rows:
    """One row a category, unordered."""
    return select(
        Category.id,
        Category.name,
        Category.description,
        _products_of(Category).label("products"),
        Category.updated_at,
        Category.created_at,
    )


def product_grid() -> Rows:
    """One row a product with its supplier's and category's names, unordered.

    Every product has a supplier, and yet the join is an outer one: the page's rows come first,
    and a join that no column needs is then left out by the database.
    """
    return (
        select(
            Product.id,
            Product.sku,
            Product.name,
            Supplier.name.label("supplier"),
            Category.name.label("category"),
            Product.price,
            Product.stock,
            Product.active,
            Product.updated_at,
            Product.reorder_level,
            Product.description,
            Product.created_at,
        )
        .outerjoin(Product.supplier)
        .outerjoin(Product.category)
    )


def product_totals(model: type[Product], *conditions: ColumnElement[bool]) -> Rows:
    """How many products there are, and their stock together."""
    return select(
        func.count().label("_count"), func.coalesce(func.sum(model.stock), 0).label("stock")
    ).where(*conditions)


def to_reorder() -> ColumnElement[bool]:
    """Products on sale that are short, in the words of ix_products_to_reorder."""
    return and_(is_set(Product.active), Product.stock <= Product.reorder_level)


def stock_states() -> dict[str, tuple[str, ColumnElement[bool]]]:
    """State of an active product's stock -> words and condition, as the dashboard counts them.

    Those that are short repeat the words of ix_products_to_reorder: no database concludes from a
    stock of 0 that it is not above the reorder level.
    """
    return {
        "in": ("In stock", and_(is_set(Product.active), Product.stock > Product.reorder_level)),
        "low": ("Low", and_(to_reorder(), Product.stock > 0)),
        "out": ("Out of stock", and_(to_reorder(), Product.stock == 0)),
    }


def product_with_references(product_id: int) -> Select[Product]:
    """The product with its supplier and category, in one statement."""
    return (
        select(Product)
        .where(Product.id == product_id)
        .options(
            joinedload(Product.supplier, innerjoin=True).load_only(Supplier.code, Supplier.name),
            joinedload(Product.category).load_only(Category.name),
        )
    )


def products_of_supplier(supplier_id: int) -> Rows:
    """The supplier's products, newest change first."""
    return _short_products().where(Product.supplier_id == supplier_id)


def products_of_category(category_id: int) -> Rows:
    """The category's products, newest change first."""
    return _short_products().where(Product.category_id == category_id)


def _short_products() -> Rows:
    return select(
        Product.id, Product.sku, Product.name, Product.price, Product.stock, Product.active
    ).order_by(Product.updated_at.desc(), Product.id.desc())
