"""Northwind through the real command, on either database."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from backoffice.imports.kinds import KINDS
from backoffice.models import Order, OrderLine, OrderStatus, Product, Supplier
from backoffice.rollups.fold import fold
from tests.conftest import shared

FILES = {
    "suppliers": ("suppliers", 29),
    "categories": ("categories", 8),
    "products": ("products", 77),
    "customers": ("customers", 93),
    "orders": ("orders", 830),
    "order-lines": ("order_details", 2155),
}
MAPPINGS = Path(__file__).parent / "northwind"


@pytest.fixture
def northwind(manage):
    """Imports all six files and returns the reports by kind."""

    def northwind():
        reports = {}
        for kind, (file, _) in FILES.items():
            path = shared("northwind", f"{file}.csv")
            ran = manage(kind, path, "--mapping", MAPPINGS / f"{kind}.toml", "--json")
            assert ran.returncode == 0, ran.stderr
            reports[kind] = json.loads(ran.stdout)
        return reports

    return northwind


def load_file(load, kind):
    """The same without the command."""
    path = shared("northwind", f"{FILES[kind][0]}.csv")
    return load(kind, path, mapping=MAPPINGS / f"{kind}.toml")


class TestNorthwind:
    def test_comes_in_whole_and_a_second_time_writes_nothing(self, northwind, load, tables):
        first = northwind()

        assert {kind: report["inserted"] for kind, report in first.items()} == {
            kind: count for kind, (_, count) in FILES.items()
        }
        rows = tables()
        assert {kind: len(rows[KINDS[kind].table.name]) for kind in FILES} == {
            kind: count for kind, (_, count) in FILES.items()
        }
        assert [report["run"] for report in first.values()] == [row[0] for row in rows["imports"]]

        second = {kind: load_file(load, kind) for kind in FILES}

        assert {kind: report.unchanged for kind, report in second.items()} == {
            kind: count for kind, (_, count) in FILES.items()
        }
        assert all(report.run is None for report in second.values())
        assert tables() == rows

    def test_keeps_money_text_and_moments_exactly(self, load, session):
        for kind in FILES:
            load_file(load, kind)

        lines = session.execute(
            select(OrderLine.quantity, OrderLine.unit_price, OrderLine.discount)
        ).all()
        revenue = sum(quantity * price * (1 - discount) for quantity, price, discount in lines)
        assert f"{revenue:.2f}" == "1265793.04"
        assert sum(quantity for quantity, _, _ in lines) == 51317
        tokyo = session.scalar(select(Supplier).where(Supplier.code == "4"))
        assert tokyo.street == "9-8 Sekimai\nMusashino-shi"
        statuses = select(Order.status, func.count()).group_by(Order.status)
        assert dict(map(tuple, session.execute(statuses))) == {
            OrderStatus.PLACED: 21,
            OrderStatus.SHIPPED: 809,
        }
        first = session.scalar(select(Order).where(Order.number == "10248"))
        assert first.placed_at.isoformat() == "1996-07-04T00:00:00+00:00"
        assert session.scalar(select(func.count()).where(Product.active.is_(False))) == 8
        one = 10_000 if session.get_bind().dialect.name == "sqlite" else 1
        by_sql = session.scalar(
            text(f"SELECT sum(quantity * unit_price * ({one} - discount)) FROM order_lines")
        )
        assert f"{by_sql / (one * one):.2f}" == "1265793.04"

    def test_is_told_by_the_dashboard(self, app, load, client):
        for kind in FILES:
            load_file(load, kind)
        with app.app_context():
            fold()  # a page would stop after a second, which a busy machine may take

        page = client.get("/admin/?period=custom&from=1996-07-01&to=1998-05-31").text

        revenue, orders, *_ = re.findall(r'<dd class="value[^>]*>(?:<a [^>]*>)?([\d,.]+)<', page)
        assert (revenue, orders) == ("1,265,793.04", "830")


class TestOnlineRetail:
    def test_is_split_and_comes_in_as_the_file_says(self, manage, tables, tmp_path):
        source = shared("online_retail", "online_retail_2010-12.csv")
        script = Path(__file__).parent / "online_retail.py"
        subprocess.run([sys.executable, script, source, tmp_path], check=True)

        reports = {
            kind: manage(kind, tmp_path / f"{kind}.csv", "--create-missing", "--json")
            for kind in ("products", "customers", "orders", "order-lines")
        }

        assert [ran.returncode for ran in reports.values()] == [0, 0, 0, 0], reports
        inserted = {kind: json.loads(ran.stdout)["inserted"] for kind, ran in reports.items()}
        sold = [cells for cells in _cells(source) if cells[2].strip() and _is_sold(cells)]
        assert inserted == {
            "products": len({cells[1] for cells in sold}),
            "customers": len({cells[6] for cells in sold} - {""}),
            "orders": len({cells[0] for cells in sold}),
            "order-lines": len(sold),
        }
        assert inserted["order-lines"] == 42_481 - 125 - _adjustments_with_text(source)
        stored = tables()["order_lines"]
        assert sum(row[4] for row in stored) == sum(abs(int(cells[3])) for cells in sold)


def _cells(source):
    """The rows by hand: quotes occur around descriptions only."""
    with source.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def _is_sold(cells):
    return int(cells[3]) > 0 or cells[0][0] == "C"


def _adjustments_with_text(source):
    return sum(bool(cells[2].strip()) and not _is_sold(cells) for cells in _cells(source))
