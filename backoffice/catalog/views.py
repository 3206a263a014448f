"""Suppliers, categories and products on screen."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select

from backoffice.catalog import queries
from backoffice.catalog.actions import PRODUCT_ACTIONS, SUPPLIER_ACTIONS
from backoffice.catalog.forms import CategoryForm, ProductForm, SupplierForm
from backoffice.grid.bulk_pages import BulkPages
from backoffice.grid.filters import flag, referred, span, state_of, text, yes_no
from backoffice.grid.related import Related
from backoffice.grid.view import GridView
from backoffice.models import Category, Product, Supplier
from backoffice.references import CATEGORY, PRODUCT, SUPPLIER

SHORT_PRODUCT = ("sku", "name", "price", "stock", "active")
LABELS = {
    "sku": "SKU",
    "contact_name": "Contact",
    "updated_at": "Last change",
    "created_at": "Added",
}


class SupplierView(BulkPages, GridView):
    """Suppliers by name; found by code, name or contact."""

    model = Supplier
    noun = "supplier"
    import_kinds = ("suppliers",)
    key_column = "code"
    title_column = "name"
    reference = SUPPLIER
    statement = staticmethod(queries.supplier_grid)
    form = SupplierForm
    actions = SUPPLIER_ACTIONS

    column_list = (
        "code",
        "name",
        "contact_name",
        "city",
        "country",
        "products",
        "active",
        "updated_at",
    )
    editable = ("name", "contact_name", "city", "country", "active")
    column_optional_list = ("email", "phone", "street", "postal_code", "region", "created_at")
    column_labels = LABELS
    column_searchable_list = ("code", "name", "contact_name")
    column_sortable_list = ("code", "name")
    column_default_sort = ("name", False)
    phone_columns = ("code", "name", "country")
    filters = (
        text("name", "Name", Supplier.name),
        yes_no("active", "Active", Supplier.active, few_without="ix_suppliers_inactive"),
    )
    column_details_list = (
        "code",
        "name",
        "contact_name",
        "email",
        "phone",
        "street",
        "postal_code",
        "city",
        "region",
        "country",
        "active",
        "updated_at",
    )
    related = (
        Related(
            "Products",
            queries.products_of_supplier,
            SHORT_PRODUCT,
            "products",
            filter="supplier",
            labels=LABELS,
            title_column="name",
        ),
    )


class CategoryView(GridView):
    """Categories by name."""

    model = Category
    noun = "category"
    import_kinds = ("categories",)
    key_column = "name"
    reference = CATEGORY
    statement = staticmethod(queries.category_grid)
    form = CategoryForm

    column_list = ("name", "description", "products", "updated_at")
    editable = ("name", "description")
    column_optional_list = ("created_at",)
    column_labels = LABELS
    column_searchable_list = ("name", "description")
    column_sortable_list = ("name",)
    column_default_sort = ("name", False)
    filters = (text("name", "Name", Category.name),)
    column_details_list = ("name", "description", "updated_at")
    related = (
        Related(
            "Products",
            queries.products_of_category,
            SHORT_PRODUCT,
            "products",
            filter="category",
            labels=LABELS,
            title_column="name",
        ),
    )


class ProductView(BulkPages, GridView):
    """Products, newest change first; found by SKU or name."""

    model = Product
    noun = "product"
    import_kinds = ("products",)
    key_column = "sku"
    title_column = "name"
    reference = PRODUCT
    references = {"supplier": SUPPLIER, "category": CATEGORY}
    statement = staticmethod(queries.product_grid)
    totals = staticmethod(queries.product_totals)
    form = ProductForm
    actions = PRODUCT_ACTIONS

    column_list = ("sku", "name", "supplier", "price", "stock", "category", "active", "updated_at")
    editable = ("name", "supplier", "price", "stock", "category", "active")
    column_optional_list = ("reorder_level", "description", "created_at")
    column_labels = LABELS
    column_searchable_list = ("sku", "name")
    column_sortable_list = ("sku", "name", "price", "updated_at")
    column_default_sort = ("updated_at", True)
    phone_columns = ("sku", "name", "price")
    filters = (
        referred("supplier", "Supplier", Product.supplier_id, SUPPLIER),
        referred("category", "Category", Product.category_id, CATEGORY).or_empty("none"),
        text("name", "Name", Product.name),
        span("price", "Price", Product.price),
        span("updated_at", "Last change", Product.updated_at),
        yes_no("active", "Active", Product.active, few_without="ix_products_inactive"),
        flag(
            "reorder", "To reorder", Product.stock, queries.to_reorder(), "ix_products_to_reorder"
        ),
        state_of(
            "stock",
            "Stock",
            Product.stock,
            queries.stock_states(),
            index="ix_products_to_reorder",
        ),
    )
    column_details_list = (
        "sku",
        "name",
        "supplier",
        "category",
        "price",
        "stock",
        "reorder_level",
        "active",
        "description",
        "updated_at",
    )

    def record_statement(self, row_id: int) -> Select[Any]:
        return queries.product_with_references(row_id)
