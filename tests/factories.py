"""Rows for tests: plausible, numbered from 1, committed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, insert, select

from backoffice.database import db
from backoffice.imports.chosen import Chosen
from backoffice.imports.read import Reading
from backoffice.imports.steps import looked_at
from backoffice.models import (
    Category,
    Customer,
    ImportRun,
    Order,
    OrderLine,
    OrderStatus,
    Product,
    Supplier,
)

FILE = "sku,name,supplier,price,Remark\nP1,Product 1,SUP1,1.50,red\nP2,Product 2,SUP1,dear,\n"
PLACED = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Make:
    """Adds rows to the tables of one application; each method continues the numbering."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def suppliers(self, count: int = 1, **values: Any) -> list[int]:
        return self._add(
            Supplier, count, lambda n: {"code": f"SUP{n}", "name": f"Supplier {n}", **values}
        )

    def categories(self, count: int = 1, **values: Any) -> list[int]:
        return self._add(Category, count, lambda n: {"name": f"Category {n}", **values})

    def products(self, count: int = 1, **values: Any) -> list[int]:
        """Products of the first supplier unless ``supplier_id`` is given."""
        values.setdefault("supplier_id", self._first(Supplier, self.suppliers))
        return self._add(
            Product,
            count,
            lambda n: {
                "sku": f"SKU{n:04}",
                "name": f"Product {n}",
                "price": Decimal(n),
                "stock": 10,
                "updated_at": PLACED + timedelta(minutes=n),
                **values,
            },
        )

    def customers(self, count: int = 1, **values: Any) -> list[int]:
        return self._add(
            Customer, count, lambda n: {"code": f"CUS{n}", "name": f"Customer {n}", **values}
        )

    def orders(self, count: int = 1, *, lines: int = 2, **values: Any) -> list[int]:
        """Placed orders of the first customer, each with ``lines`` lines of the first product."""
        values.setdefault("customer_id", self._first(Customer, self.customers))
        ids = self._add(
            Order,
            count,
            lambda n: {
                "number": f"ORD{n:04}",
                "status": OrderStatus.PLACED,
                "placed_at": PLACED + timedelta(hours=n),
                **values,
            },
        )
        product_id = self._first(Product, self.products)
        rows = [
            {
                "order_id": order_id,
                "line_no": line_no,
                "product_id": product_id,
                "quantity": line_no,
                "unit_price": Decimal("9.99"),
                "discount": Decimal(0),
            }
            for order_id in ids
            for line_no in range(1, lines + 1)
        ]
        with self.app.app_context():
            if rows:
                db.session.execute(insert(OrderLine), rows)
            db.session.commit()
        return ids

    def imports(self, count: int = 1, content: str = FILE, **values: Any) -> list[int]:
        """Uploaded files of products, checked, with a file of refused rows."""
        folder = Path(self.app.instance_path) / "imports"
        folder.mkdir(exist_ok=True)
        draft = folder / "draft-of-a-test"
        draft.write_text(content)
        with self.app.app_context():
            source = looked_at(draft, "june.csv", Reading())
        zeros = dict.fromkeys(("rows", "inserted", "updated", "unchanged", "rejected"), 0)
        preview = {**zeros, "seconds": 0.1, "rejects": [], "columns": {}, "samples": []}
        ids = self._add(
            ImportRun,
            count,
            lambda n: {
                "kind": "products",
                "file": f"june-{n}.csv",
                "digest": "0" * 64,
                "choices": Chosen().as_kept(),
                "state": "checked",
                "actor": "somebody@example.com",
                "means": "browser",
                "report": {"source": source, "preview": preview},
                **values,
            },
        )
        for run in ids:
            (folder / str(run)).write_text(content)
            (folder / f"{run}.rejects").write_text(content)
        draft.unlink()
        return ids

    def _first(self, model: Any, make: Any) -> int:
        with self.app.app_context():
            first = db.session.scalar(select(func.min(model.id)))
        return first or make()[0]

    def _add(self, model: Any, count: int, row: Any) -> list[int]:
        with self.app.app_context():
            start = db.session.scalar(select(func.count()).select_from(model)) or 0
            rows = [row(start + n) for n in range(1, count + 1)]
            ids = db.session.scalars(insert(model).returning(model.id), rows).all()
            db.session.commit()
        return list(ids)
