"""Every figure of the dashboard leads to the list that it counts, and that has the same total."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random

import pytest

from backoffice.dashboard.links import Links
from backoffice.dashboard.period import PERIODS, Period, Span
from backoffice.dashboard.summary import compute
from backoffice.database import db
from backoffice.rollups.fold import fold
from tests.dashboard import figures
from tests.dashboard.figures import save
from tests.pages import Page, visit

TODAY = datetime.now(UTC).date()
CUSTOM = f"period=custom&from={TODAY - timedelta(days=450)}&to={TODAY - timedelta(days=20)}"
DAYS = 520
"""How far back there are orders: the year before this one, and the custom period's, lie within."""


@pytest.fixture
def shop(app, make):
    """Random orders of the last months up to tomorrow, and products of every state of stock."""
    random = Random(5)
    products = make.products(12)
    for stock, level, active in ((0, 0, True), (0, 5, True), (5, 5, True), (1, 5, False)):
        make.products(random.randrange(1, 4), stock=stock, reorder_level=level, active=active)
    first = datetime.combine(TODAY - timedelta(days=DAYS), time(), UTC)
    sales = figures.random_sales(random, products, 200, first=first, days=DAYS)
    sales += figures.random_sales(
        random, products, 60, first=first + timedelta(days=DAYS - 14), days=16
    )
    with app.app_context():
        save(db.session, sales)
        fold()


def number(text):
    """The first figure in ``text``, as a number."""
    found = re.search(r"[\d,]*\d(\.\d+)?", text)
    return Decimal(found[0].replace(",", "")) if found else None


class Lists:
    """Lists as the dashboard's links show them: each is asked for once."""

    def __init__(self, client):
        self.client = client
        self.seen = {}

    def __getitem__(self, address):
        """How many match, and what they amount to where the list adds that up."""
        if address not in self.seen:
            page = visit(self.client, address)
            assert page.status == 200, address
            context = next(page.root.all("p", "context")).text
            count = 0 if context.startswith("No match") else number(context)
            assert "about" not in context, context
            sums = [cell.text for foot in page.root.all("tfoot") for cell in foot.all("td")]
            totals = [number(text) for text in sums if number(text) is not None]
            self.seen[address] = count, totals[-1] if totals else Decimal(0)
        return self.seen[address]


def money(amount):
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def section(page, css):
    return next(part for part in page.root.all("section") if part.get("aria-labelledby") == css)


@pytest.mark.parametrize("query", [*(f"period={name}" for name in PERIODS), CUSTOM])
class TestEveryFigure:
    @pytest.fixture
    def page(self, shop, client, query) -> Page:
        return visit(client, f"/admin/?{query}")

    @pytest.fixture
    def lists(self, client):
        return Lists(client)

    def test_on_top_is_that_of_its_list(self, page, lists):
        shown = {
            next(part.all("dt")).text: list(part.all("a"))
            for part in page.root.all("div", "figure")
        }

        assert len(shown) == 5
        for name, links in shown.items():
            for link in links:
                count, total = lists[link.get("href")]
                assert number(link.text) == (money(total) if name == "Revenue" else count), name
        # No list says an average.
        assert [len(links) for links in shown.values()] == [2, 2, 0, 1, 1]
        count, total = lists[shown["Revenue"][0].get("href")]
        average = list(page.root.all("dd", "value"))[2].text
        assert number(average) == (money(total / count) if count else None)

    def test_of_each_bar_is_that_of_its_list(self, page, lists):
        bars = list(page.root.all("a", "slot"))
        rows = [row for row in section(page, "sales-title").all("tr") if list(row.all("a"))]

        assert len(bars) == len(rows) > 0
        for bar, row in zip(bars, rows, strict=True):
            address = next(row.all("a")).get("href")
            assert bar.get("href") == address
            revenue, orders = (number(cell.text) for cell in row.all("td", "num"))
            says = next(bar.all("title")).text.partition(": ")[2]
            assert [number(part) for part in says.split(" from ")] == [revenue, orders]
            count, total = lists[address]
            assert (orders, revenue) == (count, money(total))

    @pytest.mark.parametrize("title", ["status-title", "stock-title"])
    def test_of_a_status_or_state_is_that_of_its_list(self, page, lists, title):
        links = list(section(page, title).all("a"))

        assert len(links) == {"status-title": 6, "stock-title": 4}[title]
        for link in links:
            assert number(link.text) == lists[link.get("href")][0]
        assert sum(number(link.text) for link in links) > 0

    @pytest.mark.parametrize("title", ["best-products", "best-suppliers", "slow-title"])
    def test_of_what_sold_is_that_of_the_lines(self, page, client, title):
        rows = [row for row in section(page, title).all("tr") if list(row.all("td"))]

        assert rows
        for row in rows:
            _, link = row.all("a")
            lines = visit(client, link.get("href"))
            assert lines.status == 200
            sums = [cell.text for foot in lines.root.all("tfoot") for cell in foot.all("td", "num")]
            shown = [number(text) for text in sums if text] or [Decimal(0)] * 2
            told = [number(cell.text) for cell in row.all("td", "num")]
            if title == "slow-title":  # stock, its value, and what was sold
                told = told[2:]
            assert told == shown[: len(told)]


class TestLists:
    def test_leads_nowhere_that_is_not_there(self, shop, client):
        page = visit(client, "/admin/?period=90d")

        addresses = {
            link.get("href") for link in page.root.all("a") if "slot" not in link.get("class")
        }
        found = {
            address: client.get(address, follow_redirects=True).status_code
            for address in addresses
            if address.startswith("/")
        }

        assert set(found.values()) == {200}, found
        assert len(found) > 90

    def test_begin_with_the_order_that_waits_longest(self, shop, client):
        page = visit(client, "/admin/")

        rows = section(page, "overdue-title").all("tr")
        numbers = [next(row.all("a")).text for row in rows if list(row.all("td"))]
        address = next(section(page, "overdue-title").all("header")).all("a")
        assert numbers == visit(client, next(address).get("href")).keys[:10]


class TestStock:
    def test_leads_to_the_product_that_is_short(self, shop, client):
        page = visit(client, "/admin/")

        rows = [row for row in section(page, "short-title").all("tr") if list(row.all("td"))]
        assert rows
        for row in rows:
            name, stock = row.all("a")
            assert stock.get("href") == name.get("href")
            assert number(stock.text) == number(next(row.all("td", "num")).text)

    def test_leads_from_what_does_not_sell_to_all_that_is_there(self, shop, client):
        page = visit(client, "/admin/")

        [link] = next(section(page, "slow-title").all("header")).all("a")
        assert (link.text, link.get("href")) == ("Products in stock", "/admin/products/?stock=in")


class TestBars:
    def test_of_months_are_cut_off_where_the_period_is(self, session):
        span = Span(date(2025, 1, 10), date(2025, 6, 9))
        summary = compute(session, Period("custom", span, span))[1]

        first, second, *_, last = Links("/admin/", summary).bars

        assert "placed_at.from=2025-01-10&placed_at.before=2025-02-01&" in first
        assert "placed_at.from=2025-02-01&placed_at.before=2025-03-01&" in second
        assert "placed_at.from=2025-06-01&placed_at.before=2025-06-10&" in last
