"""No page reads a large table whole, or sorts what an index could give in order."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest

from backoffice import cache
from backoffice.database import analyze, db
from backoffice.indexes.plan import online_indexes
from tests.conftest import BOTH
from tests.gate.allowed import ALLOWED, Allowed
from tests.gate.conftest import Catalog
from tests.gate.judge import Fault, Verdict, judge_of
from tests.gate.visits import addresses
from tests.test_budgets import rules
from tests.watch import Ran, watched

NO_FILTERS = {"page_size", "sort", "desc", "after", "before", "at", "search", "columns", "totals"}


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


def uses(pages: Iterable[str]) -> dict[tuple[str, str], set[str]]:
    """(list, filter) -> the orders it is seen in; (list, order) -> the filters seen in it."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for page in map(urlsplit, pages):
        arguments = dict(parse_qsl(page.query))
        tests = {f"{name}={value}" for name, value in arguments.items() if name not in NO_FILTERS}
        if len(tests) == 1 and "sort" in arguments and "/reports/" not in page.path:
            (test,) = tests
            found[page.path, test].add(arguments["sort"])
            found[page.path, arguments["sort"]].add(test)
    return found


class TestGate:
    def test_is_passed_by_every_page(self, catalog):
        found = judged(catalog, addresses(catalog.app, catalog.records))

        wrong = complaints(catalog.dialect, found)
        assert not wrong, f"{len(wrong)} faults\n\n" + "\n\n".join(wrong)

    @pytest.mark.slow
    def test_is_passed_by_every_filter_in_every_order(self, catalog):
        used: set[Allowed] = set()

        found = judged(catalog, addresses(catalog.app, catalog.records, every_pair=True))

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

    def test_visits_every_filter_and_every_order(self, catalog):
        usual = uses(addresses(catalog.app, catalog.records))
        whole = uses(addresses(catalog.app, catalog.records, every_pair=True))

        assert usual.keys() == whole.keys()
        assert {key for key, seen in usual.items() if len(seen) < min(2, len(whole[key]))} == set()

    @pytest.mark.parametrize(
        "page",
        [
            "/admin/products/?page_size=25&price.from=9&sort=price&desc=0",
            "/admin/products/?page_size=25&updated_at.from=2026-01-01&sort=name&desc=0",
            "/admin/orders/?page_size=25&placed_at.from=2026-01-01&sort=placed_at&desc=1",
            "/admin/orders/?page_size=25&placed_at.before=2026-01-01&sort=number&desc=0",
        ],
    )
    def test_excuses_no_range_that_an_index_serves(self, page):
        faults = [Fault(kind, page.split("/")[2], "") for kind in ("reads", "sorts")]

        excused = [
            allowed
            for allowed in ALLOWED
            for fault in faults
            for dialect in BOTH
            if allowed.covers(dialect, page, fault)
        ]

        assert excused == []

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
