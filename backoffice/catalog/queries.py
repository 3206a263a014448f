"""Statements about suppliers, categories and products: built here, run by the caller."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from backoffice.database import Rows
from backoffice.models import Category, Product, Supplier


def supplier_grid() -> Rows:
    """One row a supplier, unordered: the grid adds order and limit."""
    return select(
        Supplier.id,
        Supplier.code,
        Supplier.name,
        Supplier.contact_name,
        Supplier.city,
        Supplier.country,
        Supplier.active,
        Supplier.updated_at,
    )


def category_grid() -> Rows:
    """One row a category, unordered."""
    return select(Category.id, Category.name, Category.description, Category.updated_at)


def product_grid() -> Rows:
    """One row a product with its supplier's and category's names, unordered.

    Every product has a supplier, and yet the join is an outer one: after an ANALYZE of few
    suppliers SQLite would begin with these and sort all products for each page.
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
        )
        .outerjoin(Product.supplier)
        .outerjoin(Product.category)
    )


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
