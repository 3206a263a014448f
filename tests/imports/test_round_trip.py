"""An export that is imported again changes nothing, and one into empty tables fills them alike."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from backoffice.cli.export import csv_of
from backoffice.database import db
from backoffice.imports.kinds import KINDS
from backoffice.models import Category, Customer, Order, OrderLine, OrderStatus, Product, Supplier
from tests.grid.sections import TABLES
from tests.imports.conftest import counts
from tests.imports.test_northwind import load_file

HARD = (
    "=cmd|' /C calc'!A0",
    "'=1+1",
    "''-1",
    "+47 22 33 44",
    "-5",
    "@sum",
    '"quoted", and a comma',
    "two\r\nlines",
    "as many, commas,\nin each, as there, are columns\n,",
    "a lone\rreturn",
    "a\ttab; semicolon | pipe",
    "\u00dcn\u00efc\u00f6d\u00e9 \U0001f600 \u202e",
    "\ufeffmark",
    "'s-Gravenhage",
    "yes",
    "0012",
    "NULL",
)
PRICES = ("0", "0.0001", "9.8", "0.0125", "99999999.9999", "1000000")
PLACED = (
    datetime(2026, 1, 31, tzinfo=UTC),
    datetime(1996, 7, 4, 23, 59, 59, 999_999, UTC),
    datetime(2026, 12, 31, 8, 0, 0, 120_000, UTC),
)


def hard_row(n: int) -> Order:
    """An order, and all that it refers to, of one of the texts; some cells are empty."""
    words, rare = HARD[n], HARD[n] if n % 3 else ""
    code = f"{words[:40]} {n}"
    product = Product(
        sku=code,
        name=words,
        description=rare,
        supplier=Supplier(code=code, name=words, phone=words, city=rare, active=n % 2 == 0),
        category=Category(name=code, description=rare) if n % 4 else None,
        price=Decimal(PRICES[n % len(PRICES)]),
        stock=n,
        active=n % 2 == 1,
    )
    placed = PLACED[n % len(PLACED)]
    return Order(
        number=code,
        customer=Customer(code=code, name=words, email=rare) if n % 5 else None,
        status=list(OrderStatus)[n % len(OrderStatus)],
        placed_at=placed,
        shipped_at=placed if n % 2 else None,
        note=words,
        ship_city=rare,
        lines=[
            OrderLine(
                line_no=n + 1,
                product=product,
                quantity=1,
                unit_price=Decimal("0.0125"),
                discount=Decimal("0.0005"),
            )
        ],
    )


@pytest.fixture
def hard_rows(app):
    with app.app_context():
        db.session.add_all(hard_row(n) for n in range(len(HARD)))
        db.session.commit()


@pytest.fixture
def export(app):
    """All rows of a kind, as `manage.py export` writes them."""

    def export(kind: str) -> bytes:
        with app.app_context():
            return b"".join(csv_of(KINDS[kind]))

    return export


@pytest.mark.usefixtures("hard_rows")
class TestHardTexts:
    def test_are_unchanged_by_the_export_of_every_kind(self, load, export, unchanged):
        with unchanged():
            for kind in KINDS:
                report = load(kind, export(kind))

                assert counts(report) == (0, 0, report.rows, 0)
                assert report.rows >= 12
                assert (report.run, report.ignored) == (None, ())

    @pytest.mark.parametrize("table", TABLES)
    def test_are_unchanged_by_the_export_of_every_list(self, client, load, unchanged, table):
        content = client.get(f"/admin/{table}/export/?format=csv").data

        with unchanged():
            report = load(table, content)

        assert counts(report)[2] == report.rows > 0
        assert set(report.ignored) <= {"updated_at", "products", "lines", "total"}

    def test_fill_empty_tables_so_that_the_next_export_is_the_same(self, app, load, export):
        files = {kind: export(kind) for kind in KINDS}
        with app.app_context():
            for model in (OrderLine, Order, Customer, Product, Category, Supplier):
                db.session.execute(model.__table__.delete())
            db.session.commit()

        for kind in KINDS:
            load(kind, files[kind])

        assert {kind: export(kind) for kind in KINDS} == files


class TestNorthwind:
    def test_is_unchanged_by_its_exports(self, load, export, client, unchanged):
        rows = {kind: load_file(load, kind).rows for kind in KINDS}

        with unchanged():
            again = {kind: load(kind, export(kind)) for kind in KINDS}
            lists = {
                table: load(table, client.get(f"/admin/{table}/export/?format=csv").data)
                for table in TABLES
            }

        assert {kind: report.unchanged for kind, report in again.items()} == rows
        assert {t: report.unchanged for t, report in lists.items()} == {t: rows[t] for t in TABLES}
