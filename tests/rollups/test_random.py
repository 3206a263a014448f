"""Whatever is done to orders and products, in whatever order and by whatever means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import text

from backoffice.cache import clear
from backoffice.database import db
from backoffice.imports.kinds import KINDS
from backoffice.imports.mapping import load_mapping
from backoffice.imports.read import Reading, open_source
from backoffice.imports.run import Choices, run_import
from backoffice.imports.undo import undo
from backoffice.rollups.fold import fold
from backoffice.rollups.verify import verify
from tests.pages import Page, add, delete, save, visit

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
STATUSES = ("draft", "placed", "paid", "shipped", "delivered", "cancelled")


INSERT = "INSERT INTO order_lines (order_id, line_no, product_id, quantity, unit_price, discount)"


class Staff:
    """Somebody who does one random thing after the other, each by the means that he has for it."""

    def __init__(self, app, client, folder, seed: int) -> None:
        self.app, self.client, self.folder = app, client, folder
        self.random = Random(seed)
        self.runs: list[int] = []
        self.number = 0
        self.done: dict[str, int] = {}

    def act(self) -> None:
        ways: dict[Callable[[], None], int] = {
            self.sql: 50,
            self.new_order: 8,
            self.edited_order: 12,
            self.deleted_order: 3,
            self.edited_product: 6,
            self.bulk: 4,
            self.lines_imported: 6,
            self.orders_imported: 4,
            self.undone: 3,
            self.folded: 4,
        }
        [way] = self.random.choices(list(ways), list(ways.values()))
        way()
        self.done[way.__name__] = self.done.get(way.__name__, 0) + 1

    def sql(self) -> None:
        """A statement that hits a few rows, as somebody types it who mends data by hand."""
        part = self.random.choice((7, 11, 23, 50))
        rest = self.random.randrange(part)
        some = f"id % {part} = {rest}"
        moment = self.moment().strftime("%Y-%m-%d %H:%M:%S.000000")
        if self.app.config["SQLALCHEMY_DATABASE_URI"].startswith("postgresql"):
            moment += "+00"
        n = self.random.randrange(1, 40)
        product = f"(SELECT min(id) + {n % 20} FROM products)"
        supplier = f"(SELECT min(id) + {n % 3} FROM suppliers)"
        order, line = "(SELECT max(id) FROM orders)", "(SELECT min(id) FROM order_lines)"
        statement = self.random.choice(
            (
                f"UPDATE order_lines SET quantity = {n} WHERE {some}",
                f"UPDATE order_lines SET discount = 0 WHERE {some}",
                f"UPDATE order_lines SET unit_price = unit_price + 1 WHERE {some}",
                f"UPDATE order_lines SET product_id = {product} WHERE {some}",
                f"UPDATE order_lines SET line_no = id + 5000, order_id = {order} WHERE id = {line}",
                f"UPDATE orders SET status = '{self.random.choice(STATUSES)}' WHERE {some}",
                f"UPDATE orders SET placed_at = '{moment}', shipped_at = NULL WHERE {some}",
                f"UPDATE orders SET note = 'looked at' WHERE {some}",
                f"DELETE FROM order_lines WHERE id % 50 = {rest}",
                f"DELETE FROM orders WHERE id % 50 = {rest}",
                f"UPDATE products SET stock = {n - 1}, reorder_level = {n // 2} WHERE {some}",
                f"UPDATE products SET active = NOT active WHERE {some}",
                f"UPDATE products SET supplier_id = {supplier} WHERE {some}",
                f"{INSERT} SELECT id, 9000 + {self.count()}, {product}, 1, {n}, 0 "  # noqa: ISC004
                f"FROM orders WHERE {some}",
            )
        )
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(text(statement))

    def new_order(self) -> None:
        lines = {}
        for line in range(self.random.randrange(4)):
            lines |= {
                f"lines-{line}-id": "",
                f"lines-{line}-product": self.sku(),
                f"lines-{line}-quantity": str(self.random.randrange(1, 90)),
                f"lines-{line}-unit_price": f"{self.random.randrange(10**6) / 100:.2f}",
                f"lines-{line}-discount": self.random.choice(("0", "0.15", "0.3333")),
            }
        typed = {
            "number": f"W{self.count()}",
            "status": self.random.choice(STATUSES),
            "placed_at": f"{self.moment():%Y-%m-%d %H:%M}",
        }
        assert add(self.client, "orders", typed | lines).status == 302

    def edited_order(self) -> None:
        if order := self.one("orders"):
            typed = {"status": self.random.choice(STATUSES), "shipped_at": ""}
            if self.random.random() < 0.5:
                typed["placed_at"] = f"{self.moment():%Y-%m-%d %H:%M}"
            if self.random.random() < 0.5:
                typed["lines-0-quantity"] = str(self.random.randrange(1, 90))
            form = visit(self.client, f"/admin/orders/edit/?id={order}").form
            if "lines-0-product" in form and not form.get("lines-0-product"):
                typed.pop("lines-0-quantity", None)
            page = save(self.client, "orders", order, typed)
            assert page.status == 302, page.errors

    def deleted_order(self) -> None:
        if order := self.one("orders"):
            assert delete(self.client, "orders", order).status == 302

    def edited_product(self) -> None:
        typed = {
            "stock": str(self.random.randrange(20)),
            "reorder_level": str(self.random.randrange(10)),
            "supplier": f"SUP{self.random.randrange(1, 4)}",
            "price": str(self.random.randrange(1, 500)),
        }
        assert save(self.client, "products", self.one("products"), typed).status == 302

    def bulk(self) -> None:
        ids = [str(self.one("products")) for _ in range(5)]
        form = {"action": "supplier", "scope": "selected", "ids": ids, "step": "preview"}
        form["supplier"] = f"SUP{self.random.randrange(1, 4)}"
        seen = Page(self.client.post("/admin/products/action/", data=form))
        if any(b.get("value") == "apply" for b in seen.root.all("button")):  # else none differs
            sent = seen.form_with("differing") | {"step": "apply"}
            assert self.client.post("/admin/products/action/", data=sent).status_code == 302

    def lines_imported(self) -> None:
        with self.app.app_context(), db.engine.connect() as connection:
            orders = connection.execute(
                text(
                    "SELECT o.number, coalesce(max(l.line_no), 0) FROM orders AS o "
                    "LEFT JOIN order_lines AS l ON l.order_id = o.id GROUP BY o.number"
                )
            ).all()
        if not orders:
            return
        rows = {}
        for _ in range(self.random.randrange(1, 30)):
            order, last = self.random.choice(orders)
            number = self.random.randrange(1, last + 3)
            quantity, price = self.random.randrange(1, 50), self.random.randrange(1, 900)
            rows[order, number] = f"{order},{number},{self.sku()},{quantity},{price}.5\n"
        header = "order,line_no,product,quantity,unit_price\n"
        self.load("order-lines", header + "".join(rows.values()))

    def orders_imported(self) -> None:
        rows = "".join(
            f"I{self.count()},{self.random.choice(STATUSES)},{self.moment():%Y-%m-%d %H:%M}\n"
            for _ in range(self.random.randrange(1, 15))
        )
        self.load("orders", f"number,status,placed_at\n{rows}")

    def load(self, kind: str, content: str) -> None:
        path = self.folder / f"{kind}.csv"
        path.write_text(content)
        with self.app.app_context():
            source = open_source(path, name=path.name, reading=Reading())
            mapping = load_mapping(KINDS[kind], None, ())
            report = run_import(KINDS[kind], source, mapping, Choices())
            assert not report.rejected, report.rejects[:3]
            if report.run:
                self.runs.append(report.run)

    def undone(self) -> None:
        if self.runs:
            with self.app.app_context():
                undo(self.runs.pop(self.random.randrange(len(self.runs))))

    def folded(self) -> None:
        with self.app.app_context():
            clear()
        page = self.client.get(f"/admin/?period={self.random.choice(('7d', '30d', 'year'))}")
        assert page.status_code == 200

    def moment(self) -> datetime:
        """Most lately, some long ago, a few to come."""
        days = self.random.choice((0, 0, 1, 2, 6, 7, 8, 29, 30, 31, 89, 90, 91, 400, -2))
        return NOW - timedelta(days=days, hours=self.random.randrange(24))

    def sku(self) -> str:
        return f"SKU{self.random.randrange(1, 21):04}"

    def one(self, table: str) -> int | None:
        with self.app.app_context(), db.engine.connect() as connection:
            ids = connection.scalars(text(f"SELECT id FROM {table} ORDER BY id")).all()
        return self.random.choice(ids) if ids else None

    def count(self) -> int:
        self.number += 1
        return self.number


@pytest.fixture
def staff(app, client, make, tmp_path) -> Callable[[int], Staff]:
    make.suppliers(3)
    make.products(20)
    make.orders(30)
    return lambda seed: Staff(app, client, tmp_path, seed)


def right(app) -> None:
    with app.app_context():
        verdict = verify()
    assert verdict.is_right, "\n".join(map(str, verdict.differences))
    assert not verdict.waiting


def test_eighty_random_operations_leave_no_difference(app, staff):
    worker = staff(1)

    for _ in range(80):
        worker.act()

    right(app)


@pytest.mark.slow
def test_ten_thousand_random_operations_leave_no_difference(app, staff):
    worker = staff(10_000)

    for number in range(1, 10_001):
        worker.act()
        if number % 1_000 == 0:
            right(app)

    print(worker.done)
    assert len(worker.done) == 10
    with app.app_context():
        fold()
