"""No page reads a large table whole, or sorts what an index could give in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import pytest

from backoffice import cache
from backoffice.database import analyze, db
from backoffice.indexes.plan import online_indexes
from tests.gate.allowed import ALLOWED, Allowed
from tests.gate.conftest import Catalog
from tests.gate.judge import Verdict, judge_of
from tests.gate.visits import addresses
from tests.test_budgets import rules
from tests.watch import Ran, watched


def statements(catalog: Catalog, pages: Iterable[str]) -> Iterator[tuple[str, Ran]]:
    """What each page asks, the statements that only read."""
    for page in pages:
        with catalog.app.app_context():
            cache.clear()
        with watched(catalog.app) as ran:
            response = catalog.client.get(page)
            next(response.iter_encoded(), None)  # a file begins with its first line
            response.close()
        assert response.status_code < 400, f"{page}: {response.status_code}"
        for each in ran:
            if each.statement.lstrip("( \n").startswith(("SELECT", "WITH")) and not each.many:
                yield page, each


def judged(catalog: Catalog, pages: Iterable[str]) -> list[tuple[str, Verdict]]:
    """Page and verdict of every statement that has a fault."""
    asked = list(statements(catalog, pages))
    with catalog.app.app_context(), db.engine.connect() as connection:
        judge = judge_of(connection)
        return [
            (page, verdict) for page, ran in asked for verdict in [judge(ran)] if verdict.faults
        ]


def complaints(
    dialect: str, found: list[tuple[str, Verdict]], used: set[Allowed] | None = None
) -> list[str]:
    """What is not allowed, each with page, table, statement and plan."""
    told: dict[object, str] = {}
    for page, verdict in found:
        for fault in verdict.faults:
            allowed = [each for each in ALLOWED if each.covers(dialect, page, fault)]
            if used is not None:
                used.update(allowed)
            if not allowed:
                key = verdict.ran.line, fault.kind, fault.table
                told.setdefault(key, f"{page} {fault.says}:\n{verdict.ran}\n{verdict.plan}")
    return list(told.values())


class TestGate:
    def test_is_passed_by_every_page(self, catalog):
        used: set[Allowed] = set()

        found = judged(catalog, addresses(catalog.app, catalog.records))

        wrong = complaints(catalog.dialect, found, used)
        assert not wrong, f"{len(wrong)} faults\n\n" + "\n\n".join(wrong)
        wanted = {allowed for allowed in ALLOWED if catalog.dialect in allowed.on}
        assert wanted - used == set(), "allowed, but no longer needed"

    def test_visits_every_route(self, catalog):
        adapter = catalog.app.url_map.bind("localhost")

        visited = {
            adapter.match(urlsplit(page).path, return_rule=True)[0].rule
            for page in addresses(catalog.app, catalog.records)
        }

        assert rules(catalog.app) - visited == {"/login"}  # it reads nothing

    @pytest.mark.parametrize(
        ("name", "table", "page"),
        [
            ("ix_products_name_id", "products", "/admin/products/?sort=name&page_size=25"),
            ("ix_orders_status_placed_at_id", "orders", "/admin/orders/?status=draft"),
            ("ix_order_lines_product_id_order_id", "order_lines", "/admin/products/delete/?id=9"),
        ],
    )
    def test_stops_at_a_page_whose_index_is_gone(self, catalog, name, table, page):
        (index,) = (index for index in online_indexes() if index.name == name)
        with catalog.app.app_context(), db.engine.begin() as connection:
            index.drop(connection)
        try:
            wrong = complaints(catalog.dialect, judged(catalog, [page]))
        finally:
            with catalog.app.app_context(), db.engine.begin() as connection:
                index.create(connection)
                analyze(connection, [table])

        assert wrong
        assert re.match(rf"{re.escape(page)} (reads|sorts) ", wrong[0])
        first, rest = wrong[0].split("\n", 1)
        assert table in first
        assert "SELECT" in rest
        assert "asked at backoffice/" in rest
        assert re.search(rf"SCAN {table}|Seq Scan on {table}", rest)
