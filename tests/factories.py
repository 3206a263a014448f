"""Rows for tests: plausible, numbered from 1, committed."""

from __future__ import annotations

from collections.abc import Sequence
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
    PageHour,
    Product,
    QueryHour,
    QueryPlan,
    QueryShape,
    SlowQuery,
    Supplier,
)
from backoffice.querylog.parameters import kinds_of, to_json
from backoffice.querylog.plans import Plan
from backoffice.querylog.shape import fingerprint_of, shape_of

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

    def shape(
        self,
        statement: str = "SELECT products.sku FROM products WHERE products.sku = ?",
        parameters: Any = ("SKU0001",),
        *,
        route: str = "/admin/products/",
        line: str = "backoffice/grid/page.py:12",
        plans: Sequence[tuple[str, list[str], bool]] = (),
        hours_ago: Sequence[int] = (0,),
        slow: int = 0,
        **figures: int,
    ) -> str:
        """The fingerprint of a recorded shape, asked from one place in each of some hours.

        :param plans: Text, tables read whole and whether it sorts, oldest first; the second and
            later ones are worse where they read more than the one before.
        :param slow: So many slow calls of it.
        """
        now = datetime.now(UTC)
        fingerprint, kept = fingerprint_of(statement), to_json(parameters)
        took = figures.get("microseconds", 1_500)
        with self.app.app_context():
            known = db.session.scalar(select(QueryShape).filter_by(fingerprint=fingerprint))
            shape = known or QueryShape(
                fingerprint=fingerprint,
                shape=shape_of(statement),
                statement=statement,
                parameters=kept,
                microseconds=took,
                first_seen=now,
                last_seen=now,
            )
            db.session.add(shape)
            db.session.flush()
            for ago in hours_ago:
                hour = (now - timedelta(hours=ago)).replace(minute=0, second=0, microsecond=0)
                sums = {"calls": 1, "microseconds": took, "slowest": took, "rows": 1, **figures}
                where = {"shape_id": shape.id, "route": route, "line": line, "hour": hour}
                db.session.add(QueryHour(**where, **sums))
            before: list[str] | None = None
            for n, (text, scans, sorts) in enumerate(plans):
                its = Plan(text, tuple(scans), (), sorts)
                plan = QueryPlan(
                    shape_id=shape.id,
                    fingerprint=its.fingerprint,
                    plan=text,
                    scans=scans,
                    sorts=sorts,
                    worse=before is not None and bool(set(scans) - set(before)),
                    release=f"1.{n}",
                    first_seen=now,
                    last_seen=now,
                )
                db.session.add(plan)
                db.session.flush()
                before = scans
            for n in range(slow):
                db.session.add(
                    SlowQuery(
                        shape_id=shape.id,
                        at=now - timedelta(minutes=n),
                        route=route,
                        line=line,
                        microseconds=150_000 + n,
                        rows=n,
                        kinds=kinds_of(parameters),
                        parameters=kept,
                        failed=False,
                        release="1.0",
                    )
                )
            db.session.commit()
        return fingerprint

    def page_hour(
        self, route: str = "/admin/products/", hours_ago: int = 0, **figures: int
    ) -> None:
        """What the requests of a route came to in one hour."""
        hour = datetime.now(UTC) - timedelta(hours=hours_ago)
        usual = {"requests": 1, "microseconds": 20_000, "slowest": 20_000, "in_database": 5_000}
        usual |= {"statements": 3, "most_statements": 3, "rows": 50}
        with self.app.app_context():
            db.session.add(
                PageHour(
                    route=route,
                    hour=hour.replace(minute=0, second=0, microsecond=0),
                    **{**usual, **figures},
                )
            )
            db.session.commit()

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
