"""The five sections of the back office, for tests that hold for each of them."""

from __future__ import annotations

from typing import Any

from flask import Flask

from backoffice.grid.view import GridView
from backoffice.models import Category, Customer, Order, Product, Supplier

MODELS = {
    "suppliers": Supplier,
    "categories": Category,
    "products": Product,
    "customers": Customer,
    "orders": Order,
}
TABLES = tuple(MODELS)

TYPED: dict[str, dict[str, str | None]] = {
    "suppliers": {"code": "NORD", "name": "Nordwind"},
    "categories": {"name": "Tea"},
    "products": {
        "sku": "TEA-1",
        "name": "Green tea",
        "supplier": "SUP1",
        "price": "9.80",
        "stock": "3",
        "reorder_level": "1",
    },
    "customers": {"code": "ALF", "name": "Alfreds"},
    "orders": {"number": "A-1", "placed_at": "2026-01-31 08:00"},
}
"""What is enough for a new record; a product's supplier SUP1 is there."""


def views(app: Flask) -> dict[str, GridView]:
    """Table -> its view."""
    return {
        view.endpoint: view
        for view in app.extensions["admin"][0]._views
        if isinstance(view, GridView)
    }


def first(make: Any, table: str, **values: Any) -> int:
    """One row of ``table``."""
    return getattr(make, table)(**values)[0]
