"""Every page keeps its budget, with one row of everything and with forty."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, insert, select, update

from backoffice import cache
from backoffice.database import db
from backoffice.grid.view import GridView
from backoffice.imports.chosen import Chosen
from backoffice.models import HistoryEntry, ImportMapping, OrderLine, Product, SavedView, User
from backoffice.monitoring import flush
from backoffice.querylog.shape import shape_of
from tests.budgets import BUDGETS, Budget
from tests.conftest import StaffClient
from tests.factories import Make
from tests.grid.sections import TABLES
from tests.pages import Page
from tests.test_access import address
from tests.watch import Ran, watched


@dataclass(frozen=True)
class Visit:
    """What one page asked for, and how many rows it showed of that."""

    page: str
    ran: tuple[Ran, ...]
    shown: int

    @property
    def rows(self) -> int:
        return sum(ran.rows for ran in self.ran)


def shown(response) -> int:
    """The rows of tables and entries of lists that a page has, or the lines of a file."""
    if response.mimetype == "text/html":
        mains = list(Page(response).root.all("main"))
        rows = [row for main in mains for body in main.all("tbody") for row in body.all("tr")]
        return len(rows) + sum(1 for main in mains for _ in main.all("li"))
    if response.mimetype == "application/json":
        return len(json.loads(response.data))
    return max(0, response.text.count("\n") - 1)


def measured(app, client, rule: str, url: str) -> Visit:
    """Visited a second time: what the first one had to bring up to date is no cost of the page."""
    client.get(url, buffered=True)
    with app.app_context():
        cache.clear()
        flush()  # what waits for the query log would be written by the pages that show it
    with watched(app) as ran:
        response = client.get(url, buffered=True)
    assert response.status_code < 400, f"{url}: {response.status_code}"
    return Visit(rule, tuple(ran), shown(response))


def complaints(budget: Budget | None, one: Visit, forty: Visit) -> list[str]:
    """What is wrong with a page's cost; names the page, the statement and the line."""
    if budget is None:
        return [f"{one.page} has no budget: name it in tests/budgets.py"]
    before = Counter(shape_of(ran.statement) for ran in one.ran)
    times = Counter(shape_of(ran.statement) for ran in forty.ran)
    found = []
    for shape, count in times.items():
        if count > max(1, before[shape]):
            ran = next(ran for ran in forty.ran if shape_of(ran.statement) == shape)
            found.append(f"{one.page} asks {before[shape]} times for 1 row, {count} for 40: {ran}")
    if len(forty.ran) > budget.statements and not found:
        told = "\n  ".join(map(str, forty.ran))
        found.append(
            f"{one.page} costs {len(forty.ran)} statements, its budget is "
            f"{budget.statements}:\n  {told}"
        )
    for visit in (one, forty):
        most = budget.besides + budget.rows * visit.shown
        if visit.rows > most:
            worst = max(visit.ran, key=lambda ran: ran.rows)
            found.append(
                f"{one.page} reads {visit.rows} rows to show {visit.shown}, its budget is "
                f"{most:g}; {worst.rows} of them by {worst}"
            )
    return found


def filled(make, count: int) -> dict[str, int]:
    """So many rows of everything more; the records with the most on their pages."""
    with make.app.app_context():
        user = db.session.scalar(select(User.id))
        lists = [
            {"user_id": user, "list": table, "name": f"{count} {n}", "query": "", "shared": True}
            for table in TABLES
            for n in range(count)
        ]
        db.session.execute(insert(SavedView), lists)
        mappings = [
            {
                "kind": "products",
                "name": f"{count} {n}",
                "fingerprint": f"{count} {n}",
                "choices": Chosen().as_kept(),
                "actor": "somebody@example.com",
            }
            for n in range(count)
        ]
        db.session.execute(insert(ImportMapping), mappings)
        db.session.commit()
    records = {
        "suppliers": make.suppliers(count)[0],
        "categories": make.categories(count)[0],
        "customers": make.customers(count)[0],
        "imports": make.imports(count)[0],
        "performance": make.shape(plans=[("SEARCH", [], False)], slow=count, line=f"{count}"),
    }
    for n in range(count):
        make.shape(f"SELECT c{count}_{n} FROM products", plans=[("SCAN", ["products"], False)])
        make.page_hour(f"/{count}/{n}")
    records["products"] = make.products(
        count, supplier_id=records["suppliers"], category_id=records["categories"]
    )[0]
    records["orders"] = make.orders(1, lines=count, customer_id=records["customers"])[0]
    make.orders(count, customer_id=records["customers"], placed_at=datetime.now(UTC))
    with make.app.app_context():
        # Each product is sold.
        least = select(func.min(Product.id)).scalar_subquery()
        db.session.execute(update(OrderLine).values(product_id=least + OrderLine.id % count))
        db.session.commit()
    entry = {
        "actor": "somebody@example.com",
        "means": "browser",
        "action": "update",
        "changes": {"name": ["a", "b"]},
    }
    with make.app.app_context():
        entries = [
            HistoryEntry(**entry, table_name=table, row_id=records[table])
            for table in TABLES
            for _ in range(count)
        ]
        db.session.add_all(entries)
        db.session.commit()
    return records


def rules(app) -> set[str]:
    """The pages there are: what GET answers, but for files."""
    return {
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in rule.methods and rule.endpoint != "static"
    }


def addresses(rule: str, records: dict[str, int | str]) -> list[str]:
    """Where the page is looked at; a report is one page for each of its kinds."""
    if rule.endswith("/lookup/"):
        return [f"{rule}?q={rule.split('/')[2][0]}"]
    if kinds := re.search(r"<any\(([\w, ]+)\):\w+>", rule):
        return [rule.replace(kinds[0], kind) for kind in kinds[1].split(", ")]
    return [address(rule, records)]


class TestBudgets:
    def test_name_every_page(self, apps):
        pages = rules(apps("sqlite"))

        assert pages - BUDGETS.keys() == set(), "without a budget in tests/budgets.py"
        assert BUDGETS.keys() - pages == set(), "in tests/budgets.py, but no longer there"

    def test_are_kept_for_one_row_and_for_forty(self, app, client, make):
        stranger = app.test_client()

        def visits(records):
            return [
                measured(app, stranger if rule == "/login" else client, rule, url)
                for rule in sorted(rules(app))
                for url in addresses(rule, records)
            ]

        one, forty = visits(filled(make, 1)), visits(filled(make, 40))

        found = [
            complaint
            for few, many in zip(one, forty, strict=True)
            for complaint in complaints(BUDGETS.get(few.page), few, many)
        ]
        assert not found, "\n\n".join(found)
        assert sum(visit.rows for visit in forty) > 1_000, "rows are not counted"


@pytest.fixture(scope="session")
def planted(new_app):
    """An application with a page that reads each row's supplier by itself."""
    app = new_app("sqlite")

    @app.get("/admin/planted/")
    def page():
        products = db.session.scalars(select(Product).limit(50)).all()
        return {product.sku: product.supplier.name for product in products}

    app.test_client_class = StaffClient
    return app


class TestN1:
    def test_fails_with_page_statement_and_line(self, planted):
        make, client = Make(planted), planted.test_client()

        def visit(count):
            for supplier in make.suppliers(count):
                make.products(1, supplier_id=supplier)
            return measured(planted, client, "/admin/planted/", "/admin/planted/")

        one, forty = visit(1), visit(39)

        (complaint,) = complaints(Budget(3, rows=2), one, forty)
        assert complaint.startswith("/admin/planted/ asks 1 times for 1 row, 40 for 40: SELECT")
        assert "FROM suppliers" in complaint
        assert re.search(r"asked at tests/test_budgets\.py:\d+$", complaint)

    def test_on_a_list_is_red_at_its_foot_as_well(self, app, client, make, monkeypatch):
        run = GridView.run

        def reading_row_by_row(view, state):
            listing = run(view, state)
            for row in listing.page.rows:
                db.session.get(Product, row.id)
            return listing

        monkeypatch.setattr(GridView, "run", reading_row_by_row)
        page = "/admin/products/"
        make.products(1)
        one = measured(app, client, page, page)
        make.products(39)
        forty = measured(app, client, page, page)

        complaint, too_many = complaints(BUDGETS[page], one, forty)
        assert complaint.startswith(f"{page} asks 1 times for 1 row, 40 for 40: SELECT ")
        assert f"{page} reads {forty.rows} rows to show " in too_many
        foot = client.get(page).text.partition('<p class="cost">')[2]
        assert 'class="badge bad"' in foot
        assert "N+1: one statement 40 times at " in foot
        assert f"{forty.rows} rows read for 40 shown" in " ".join(foot.split())

    def test_without_a_budget_is_named(self, planted):
        assert rules(planted) - BUDGETS.keys() == {"/admin/planted/"}

    def test_that_only_reads_too_many_rows_fails_too(self, planted):
        read = Ran("SELECT", (), "somewhere.py:1", many=False, rows=90)
        visit = Visit("/admin/planted/", (read,), shown=40)

        (one, forty) = complaints(Budget(1, rows=2, besides=1), visit, visit)

        assert one == forty
        assert "reads 90 rows to show 40, its budget is 81; 90 of them by SELECT" in one
        assert "asked at somewhere.py:1" in one
