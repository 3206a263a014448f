"""The pages that the grid benchmark asks for, with each server's address of the same page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import func, or_, select

from backoffice.database import allow_long_work, db
from backoffice.grid.cursor import encode
from backoffice.grid.keyset import Sort
from backoffice.models import Product, Supplier

PAGE = 50
OURS = "/admin/products/?"
FLOOR = "/products/?"
FLASK_ADMIN = "/admin/products/?"
DJANGO = "/admin/catalog/product/?"
STARLETTE = "/admin/product/list?page_size=50&"

# What the peers call the columns of their lists: numbers, Django's from 1.
SHOWN = ("sku", "name", "supplier", "price", "stock", "active", "updated_at")
SUPPLIER_CODE_EQUALS = "flt0_2"  # the third kind of Flask-Admin's filters over the first column
MANY = "light"
"""Lightweight, Wall Light, Spotlight and others: in about 7 % of the synthetic names."""


@dataclass(frozen=True)
class Case:
    """One page.

    :param kind: Which target it is measured by: page, filter, few, many, orders.
    :param addresses: Server -> path; a server without one does not offer the page.
    :param rows: How many rows it shows at least.
    """

    name: str
    kind: str
    addresses: dict[str, str]
    rows: int = PAGE


def cases(app: Flask) -> list[Case]:
    """All pages, for the data that ``app`` has."""
    with app.app_context():
        allow_long_work(db.session.connection())  # counts hits by reading whole tables
        found = [*_pages(app), _of_supplier(), *_searches(), _orders()]
        db.session.remove()
        db.engine.dispose()
    return found


def _pages(app: Flask) -> Iterable[Case]:
    view = next(view for view in app.extensions["admin"][0]._views if view.endpoint == "products")
    default = view.default_sort
    floor = {"sort": default.name, "desc": int(default.descending)}
    yield Case(
        "first page",
        "page",
        {
            "ours": OURS,
            "floor": FLOOR + urlencode(floor),
            "Flask-Admin": FLASK_ADMIN,
            "Django": DJANGO,
            "starlette-admin": STARLETTE,
        },
    )
    count = db.session.scalar(select(func.count(Product.id))) or 0
    page = count // 2 // PAGE
    after = _row_at(default, page * PAGE - 1)
    edge = {"after": _plain(after[0]), "id": after[-1]}
    yield Case(
        f"row {page * PAGE:,}",
        "page",
        {
            "ours": OURS + urlencode({"after": encode(default, after)}),
            "floor": FLOOR + urlencode(floor | edge),
            "Flask-Admin": FLASK_ADMIN + urlencode({"page": page}),
            "Django": DJANGO + urlencode({"p": page + 1}),
            "starlette-admin": STARLETTE + urlencode({"page": page + 1}),
        },
    )
    for name in view.column_sortable_list:
        addresses = {"ours": OURS + urlencode({"sort": name, "desc": 0})}
        if name in SHOWN:
            number = SHOWN.index(name)
            addresses |= {
                "floor": FLOOR + urlencode({"sort": name}),
                "Flask-Admin": FLASK_ADMIN + urlencode({"sort": number}),
                "Django": DJANGO + urlencode({"o": number + 1}),
                "starlette-admin": STARLETTE + urlencode({"sort": f"{name}__asc"}),
            }
        yield Case(f"by {name}", "page", addresses)


def _row_at(sort: Sort, place: int) -> tuple[Any, ...]:
    """What the row after ``place`` others has in the columns of ``sort``."""
    order = [column.desc() if sort.descending else column.asc() for column in sort.columns]
    statement = select(*sort.columns).order_by(*order).offset(place).limit(1)
    return tuple(db.session.execute(statement).one())


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _middle(column: Any) -> Any:
    """``column`` of a product from the middle of the table."""
    middle = select(func.max(Product.id) / 2).scalar_subquery()
    statement = select(column).select_from(Product).join(Supplier).where(Product.id >= middle)
    return db.session.scalar(statement.order_by(Product.id).limit(1))


def _of_supplier() -> Case:
    code, key = _middle(Supplier.code), _middle(Supplier.id)
    rows = db.session.scalar(select(func.count()).where(Product.supplier_id == key)) or 0
    newest = {"supplier": code, "sort": "updated_at", "desc": 1}
    return Case(
        f"of one supplier, {rows:,} hits",
        "filter",
        {
            "ours": OURS + urlencode({"supplier": code}),
            "floor": FLOOR + urlencode(newest),
            "Flask-Admin": FLASK_ADMIN + urlencode({SUPPLIER_CODE_EQUALS: code}),
            "Django": DJANGO + urlencode({"supplier__id__exact": key}),
        },
        min(rows, PAGE),
    )


def _searches() -> Iterable[Case]:
    sku = _middle(Product.sku)
    parts = [sku[start : start + length] for length in (3, 4, 5, 6) for start in range(len(sku))]
    few = min(set(parts), key=lambda part: abs(_hits(part) - 20))
    for kind, term in (("few", few), ("many", MANY)):
        hits = _hits(term)
        yield Case(
            f"search {term}, {hits:,} hits",
            kind,
            {
                "ours": OURS + urlencode({"search": term}),
                "Flask-Admin": FLASK_ADMIN + urlencode({"search": term}),
                "Django": DJANGO + urlencode({"q": term}),
                "starlette-admin": STARLETTE + urlencode({"q": term}),
            },
            min(hits, PAGE),
        )


def _hits(term: str) -> int:
    matches = or_(Product.sku.icontains(term), Product.name.icontains(term))
    return db.session.scalar(select(func.count(Product.id)).where(matches)) or 0


def _orders() -> Case:
    return Case(
        "orders",
        "orders",
        {
            "ours": "/admin/orders/",
            "floor": "/orders/?sort=placed_at&desc=1",
            "Flask-Admin": "/admin/orders/",
            "Django": "/admin/catalog/order/",
        },
    )
