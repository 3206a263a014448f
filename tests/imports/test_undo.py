"""Taking an import back: reversed, kept because edited since, not possible and why."""

import pytest
from sqlalchemy import delete, select, update

from backoffice.imports.ledger import RunRefusedError
from backoffice.imports.undo import undo
from backoffice.models import (
    Category,
    HistoryEntry,
    ImportRun,
    Order,
    OrderLine,
    Product,
    Supplier,
)
from tests.imports.conftest import HEADER, products
from tests.pages import save


@pytest.fixture
def take_back(app):
    def take_back(report):
        with app.app_context():
            return undo(report.run)

    return take_back


def figures(undone):
    return undone.reversed, undone.kept, undone.impossible


class TestUndo:
    def test_restores_every_value_and_removes_what_was_inserted(
        self, load, make, tables, session, take_back
    ):
        make.suppliers(2)
        load(
            "products",
            "sku,name,supplier,category,price,stock,description,active\n"
            'A,"Old ""name""",SUP1,,1.2345,5,,no\nB,Bé,SUP1,Tools,0.5,1,Long,yes\n'
            "C,C,SUP1,,1,1,,\n",
            create_missing=True,
        )
        before = {row[3]: row for row in tables()["products"]}
        report = load(
            "products",
            "sku,name,supplier,category,price,stock,description,active\n"
            "A,New,SUP2,Tools,99.5,6,Text,yes\nB,Bé,SUP1,More,0.5,1,Long,\n"
            "D,D,SUP2,More,1,1,x,no\n",
            create_missing=True,
        )

        undone = take_back(report)

        assert figures(undone) == (4, 0, 0)
        after = {row[3]: row for row in tables()["products"]}
        assert set(after) == set(before)
        assert {sku: row[1:9] for sku, row in after.items()} == {
            sku: row[1:9] for sku, row in before.items()
        }
        assert session.scalars(select(Category.name)).all() == ["Tools"]

    def test_keeps_what_was_edited_since_and_names_it(self, load, make, session, take_back):
        make.suppliers()
        load("products", products(1_000))
        report = load("products", products(1_000, lambda n: "7"))
        edited = update(Product).where(Product.stock < 100)
        session.execute(edited.values(name="Edited", version=Product.version + 1))
        session.commit()

        undone = take_back(report)

        assert figures(undone) == (900, 100, 0)
        assert {kept.key for kept in undone.named} == {f"P{n}" for n in range(100)}
        assert {kept.reason for kept in undone.named} == {"was edited since"}
        prices = select(Product.sku, Product.price)
        for sku, price in session.execute(prices):
            number = int(sku[1:])
            assert float(price) == (7 if number < 100 else number + 0.5)

    def test_says_why_a_row_has_to_stay(self, app, load, make, session, take_back):
        make.products(2)
        make.suppliers(2)
        report = load(
            "products",
            "sku,name,supplier,price\nUSED,N,SUP1,1\nGONE,N,SUP1,1\nFREE,N,SUP1,1\n"
            "SKU0001,Moved,SUP2,1\n",
        )
        made = {p.sku: p for p in session.scalars(select(Product))}
        session.add(
            Order(
                number="N1",
                placed_at=report_moment(session),
                lines=[OrderLine(line_no=1, product=made["USED"], quantity=1, unit_price=1)],
            )
        )
        session.delete(made["GONE"])
        session.commit()

        undone = take_back(report)

        assert figures(undone) == (2, 0, 2)
        assert {(kept.key, kept.reason) for kept in undone.named} == {
            ("USED", "is used by order lines"),
            ("GONE", "was deleted since"),
        }

    def test_does_not_refer_to_what_is_gone(self, load, make, session, take_back):
        make.suppliers(2)
        load("products", HEADER + "A,A,SUP2,1,1\n")
        report = load("products", HEADER + "A,A,SUP1,1,1\n")
        session.execute(delete(Supplier).where(Supplier.code == "SUP2"))
        session.commit()

        undone = take_back(report)

        assert figures(undone) == (0, 0, 1)
        assert undone.named[0].reason == "its former supplier is gone"

    def test_keeps_what_was_created_besides_and_is_used(self, load, make, session, take_back):
        make.suppliers()
        report = load(
            "products",
            "sku,name,supplier,category,price\nA,A,SUP1,Tools,1\nB,B,SUP1,Toys,1\n",
            create_missing=True,
        )
        load("products", "sku,name,supplier,category,price\nC,C,SUP1,Tools,1\n")

        undone = take_back(report)

        assert figures(undone) == (3, 0, 1)
        assert session.scalars(select(Category.name)).all() == ["Tools"]

    def test_is_told_in_the_history_and_done_once(self, app, load, make, session, take_back):
        make.products(1)
        report = load("products", "sku,stock\nSKU0001,7\n")

        take_back(report)

        entry = session.scalar(select(HistoryEntry).order_by(HistoryEntry.id.desc()))
        assert (entry.action, entry.label) == ("undo", "products.csv")
        assert session.get(ImportRun, report.run).state == "undone"
        with pytest.raises(RunRefusedError, match="is undone already"):
            take_back(report)
        with app.app_context(), pytest.raises(RunRefusedError, match="there is no run"):
            undo(0)


class TestUndoOfSeveral:
    def test_goes_back_one_by_one(self, load, make, session, take_back):
        make.products(3)
        runs = [load("products", f"sku,stock\nSKU0001,{n}\nSKU0002,{n}\n") for n in (7, 8, 9)]
        edited = update(Product).where(Product.sku == "SKU0002")
        session.execute(edited.values(price=5, version=Product.version + 1))
        session.commit()
        runs.append(load("products", "sku,stock\nSKU0001,10\nSKU0002,10\n"))

        undone = [figures(take_back(report)) for report in reversed(runs)]

        assert undone == [(2, 0, 0), (1, 1, 0), (1, 1, 0), (1, 1, 0)]
        stocks = select(Product.stock).order_by(Product.sku)
        assert session.scalars(stocks).all() == [10, 9, 10]

    def test_of_orders_follows_that_of_their_lines(self, load, make, session, take_back):
        make.products(2)
        make.orders(1)
        orders = load("orders", "number,placed_at\nORD0001,2026-01-01\nNEW,2026-01-01\n")
        lines = load(
            "order-lines",
            "order,line_no,product,quantity,unit_price\nORD0001,5,SKU0001,1,1\nNEW,1,SKU0001,1,1\n",
        )

        undone = [figures(take_back(lines)), figures(take_back(orders))]

        assert undone == [(2, 0, 0), (2, 0, 0)]
        assert session.scalars(select(Order.number)).all() == ["ORD0001"]


class TestUndoOfLines:
    def test_names_the_ones_that_are_gone(self, load, make, session, take_back):
        make.orders(1)
        report = load("order-lines", "order,line_no,quantity\nORD0001,1,9\n")
        session.execute(delete(OrderLine).where(OrderLine.line_no == 1))
        session.commit()

        undone = take_back(report)

        assert [tuple(vars(kept).values()) for kept in undone.named] == [
            ("orders", "a line", "was deleted since")
        ]

    def test_restores_the_lines_that_nobody_edited(self, client, load, make, session, take_back):
        make.orders(3, lines=2)
        report = load(
            "order-lines",
            "order,line_no,product,quantity,unit_price\nORD0001,1,SKU0001,9,1\n"
            "ORD0001,3,SKU0001,9,1\nORD0002,1,SKU0001,9,1\nORD0003,1,SKU0001,9,1\n",
        )
        order = session.scalar(select(Order).where(Order.number == "ORD0002"))
        order.note = "Edited"
        session.commit()
        save(client, "orders", order.id, {"lines-0-discount": "0.5"})

        undone = take_back(report)

        assert figures(undone) == (3, 1, 0)
        assert [(kept.table, kept.key) for kept in undone.named] == [("orders", "ORD0002")]
        lines = session.execute(
            select(Order.number, OrderLine.line_no, OrderLine.quantity)
            .join(OrderLine.order)
            .order_by(Order.number, OrderLine.line_no)
        ).all()
        assert [tuple(line) for line in lines if line[1] != 2] == [
            ("ORD0001", 1, 1),
            ("ORD0002", 1, 9),
            ("ORD0003", 1, 1),
        ]
        assert session.scalars(select(Order.version).order_by(Order.number)).all() == [2, 3, 2]


def report_moment(session):
    return session.scalar(select(ImportRun.started_at))
