"""Reports and sold lines against the same figures computed in plain Python."""

import csv
import io
import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from html import unescape
from random import Random
from zipfile import ZipFile

import pytest
from sqlalchemy import insert, text, update

from backoffice.config import ROOT
from backoffice.dashboard import report_views
from backoffice.dashboard.fresh import Freshness, brought_up_to_date
from backoffice.dashboard.period import Period, Span, named_period
from backoffice.dashboard.report import read
from backoffice.dashboard.report_address import PAGE_SIZE, SORTS
from backoffice.dashboard.report_queries import NO_CATEGORY, Page, Sort
from backoffice.dashboard.sold_lines import REPORT_OF, read_lines, subject_of
from backoffice.dashboard.summary import compute
from backoffice.database import db
from backoffice.grid import sheets
from backoffice.models import Order, OrderLine, OrderStatus, Product
from tests import stored
from tests.budgets import BUDGETS, REPORT
from tests.dashboard import figures
from tests.dashboard.figures import PERIOD, Sale, save
from tests.pages import visit

KINDS = ("products", "suppliers", "categories", "countries")
COUNTRIES = ("Norway", "Österreich", "", "norway", "Zaire")
ALL = Page(1_000, 0)
MOST_FIRST = Sort("revenue", True)
NOON = datetime(2025, 11, 20, 12, tzinfo=UTC)
DAYS = "period=custom&from=2025-10-25&to=2025-11-23"
ONE = Decimal(1)


class World:
    """Random sales, and what they come to by product, supplier, category and country."""

    def __init__(self, session, make, seed, orders=150, **when):
        random = Random(seed)
        suppliers, categories = make.suppliers(4), [*make.categories(3), None]
        self.key_of = {}
        for n in range(25):
            its = {
                "supplier_id": random.choice(suppliers),
                "category_id": random.choice(categories),
            }
            [product] = make.products(1, name=f"Product {n % 7}", **its)
            self.key_of[product] = {
                "products": product,
                "suppliers": its["supplier_id"],
                "categories": its["category_id"] or NO_CATEGORY,
            }
        self.sales = [
            replace(sale, country=random.choice(COUNTRIES))
            for sale in figures.random_sales(random, list(self.key_of), orders, **when)
        ]
        save(session, self.sales)

    def sold(self, span):
        """The sales that count in ``span``."""
        return [
            sale for sale in self.sales if sale.is_sold and span.start <= sale.placed_at < span.end
        ]

    def sums(self, kind, span):
        """Key -> units and revenue."""
        sums = defaultdict(lambda: [0, Decimal(0)])
        for sale in self.sold(span):
            if kind == "countries":
                sums[sale.country][0] += 0
            for line in sale.lines:
                key = sale.country if kind == "countries" else self.key_of[line[0]][kind]
                sums[key][0] += line[1]
                sums[key][1] += figures.amount(line)
        return {key: tuple(figures_) for key, figures_ in sums.items()}


def report(session, kind, period=PERIOD, sort=MOST_FIRST, page=ALL, as_of=None):
    fresh = brought_up_to_date(session)
    if as_of:
        fresh = replace(fresh, as_of=as_of)
    return read(session, kind, period, sort=sort, page=page, freshness=fresh)


@pytest.mark.parametrize("seed", range(2))
class TestRandomOrders:
    @pytest.fixture
    def world(self, session, make, seed):
        return World(session, make, seed)

    @pytest.mark.parametrize("kind", KINDS)
    def test_are_added_up_ranked_and_compared(self, session, world, kind):
        found = report(session, kind)

        now, before = world.sums(kind, PERIOD.span), world.sums(kind, PERIOD.before)
        assert {row.key: (row.quantity, row.revenue) for row in found.rows} == now
        nothing = (0, Decimal(0))
        assert [row.before for row in found.rows] == [
            before.get(row.key, nothing)[1] for row in found.rows
        ]
        revenues = [row.revenue for row in found.rows]
        assert revenues == sorted(revenues, reverse=True)
        assert [row.place for row in found.rows] == [
            1 + sum(other > revenue for other in revenues) for revenue in revenues
        ]
        assert [row.running for row in found.rows] == [
            sum(revenues[: n + 1]) for n in range(len(revenues))
        ]
        assert (found.count, found.compared) == (len(now), PERIOD.before)

    @pytest.mark.parametrize("kind", KINDS)
    def test_so_far_are_compared_with_as_much_of_the_period_before(self, session, world, kind):
        for sale in world.sold(PERIOD.before)[::5]:
            as_of = sale.placed_at + (PERIOD.span.start - PERIOD.before.start)

            found = report(session, kind, as_of=as_of)

            span = PERIOD.comparable(as_of)
            before = world.sums(kind, span)
            assert found.compared == span
            assert [row.before for row in found.rows] == [
                before[row.key][1] if row.key in before else 0 for row in found.rows
            ]
            assert found.before == sum(sale.amount for sale in world.sold(span))

    @pytest.mark.parametrize("kind", [*KINDS, "months"])
    def test_come_to_what_the_dashboard_says(self, session, world, kind):
        found, summary = report(session, kind), compute(session, PERIOD)[1]

        assert found.revenue == summary.sold.revenue
        assert found.before in (None, sum(sale.amount for sale in world.sold(PERIOD.before)))
        if kind in ("countries", "months"):
            assert found.orders == sum(row.orders for row in found.rows) == summary.sold.orders
        if kind != "months":
            assert found.quantity == sum(row.quantity for row in found.rows)

    def test_countries_count_orders_also_of_those_without_lines(self, session, world):
        found = report(session, "countries")

        sold = [sale.country for sale in world.sold(PERIOD.span)]
        assert {row.key: row.orders for row in found.rows} == {
            country: sold.count(country) for country in sold
        }

    @pytest.mark.parametrize("kind", KINDS)
    def test_are_paged_in_every_order_without_a_gap(self, session, world, kind):
        for name in SORTS[kind]:
            for descending in (False, True):
                sort = Sort(name, descending)
                whole = report(session, kind, sort=sort).rows
                paged = [
                    row
                    for skip in range(0, len(whole) + 3, 3)
                    for row in report(session, kind, sort=sort, page=Page(3, skip)).rows
                ]
                assert tuple(paged) == whole
                values = {
                    "revenue": [row.revenue for row in whole],
                    "units": [row.quantity for row in whole],
                    "orders": [row.orders for row in whole],
                    "name": ["" if row.key in (NO_CATEGORY, "") else row.name for row in whole],
                }[name]
                assert values == sorted(values, reverse=descending)

    def test_have_the_same_totals_beyond_the_last_page(self, session, world):
        whole = report(session, "products")

        beyond = report(session, "products", page=Page(50, 10**12))

        assert beyond.rows == ()
        assert (beyond.count, beyond.revenue, beyond.before) == (
            whole.count,
            whole.revenue,
            whole.before,
        )

    @pytest.mark.parametrize("kind", REPORT_OF)
    def test_every_row_is_the_sum_of_its_lines(self, session, world, kind):
        for row in report(session, REPORT_OF[kind]).rows:
            subject = subject_of(session, kind, str(row.key))

            found = read_lines(session, subject, PERIOD.span, ALL)

            assert (found.quantity, found.revenue) == (row.quantity, row.revenue)
            assert sum((line.amount for line in found.lines), Decimal(0)) == row.revenue
            assert found.count == len(found.lines)
            assert subject.name == row.name
            moments = [line.placed_at for line in found.lines]
            assert moments == sorted(moments, reverse=True)

    def test_months_have_each_their_days_of_the_period(self, session, world):
        span = Span(date(2025, 9, 1), date(2026, 1, 10))

        found = report(session, "months", Period("custom", span, span), Sort("name", False)).rows

        months = defaultdict(list)
        for sale in world.sold(span):
            months[sale.placed_at.date().replace(day=1)].append(sale.amount)
        firsts = [date(2025, month, 1) for month in (9, 10, 11, 12)] + [date(2026, 1, 1)]
        assert [row.key for row in found] == firsts
        assert [row.orders for row in found] == [len(months[first]) for first in firsts]
        revenue = [sum(months[first], Decimal(0)) for first in firsts]
        assert [row.revenue for row in found] == revenue
        assert [row.before for row in found] == [Decimal(0), *revenue[:3], None]
        assert found[-1].days == Span(date(2026, 1, 1), date(2026, 1, 10))


class TestComparison:
    @pytest.mark.parametrize("kind", KINDS)
    def test_is_that_of_the_dashboard(self, session, make, kind):
        now = datetime.now(UTC)
        World(session, make, 3, orders=300, first=now - timedelta(days=14), days=14)

        for name in ("today", "7d"):
            period = named_period(name, now.date())
            summary = compute(session, period)[1]

            found = report(session, kind, period, as_of=summary.as_of)

            assert found.compared == summary.before
            assert found.compared.until
            assert (found.revenue, found.before) == (
                summary.sold.revenue,
                summary.sold_before.revenue,
            )


class TestMonths:
    @pytest.mark.parametrize(("first", "befores"), [(1, [2, 3]), (2, [None, None])])
    def test_are_compared_where_both_are_whole(self, session, make, first, befores):
        [product] = make.products(1)
        line = (product, 1, ONE, Decimal(0))
        for_each = {(2025, 8): 2, (2025, 9): 3, (2025, 10): 4}
        sales = [
            Sale(datetime(*month, 15, tzinfo=UTC), OrderStatus.PAID, (line,))
            for month, count in for_each.items()
            for _ in range(count)
        ]
        save(session, sales)
        span = Span(date(2025, 9, first), date(2025, 10, 31))

        rows = report(session, "months", Period("custom", span, span), Sort("name", False)).rows

        assert [row.revenue for row in rows] == [3, 4]
        assert [row.before for row in rows] == befores

    def test_are_not_compared_before_they_are_over(self, session):
        today = datetime.now(UTC).date()
        span = Span(today.replace(day=1), today)

        [row] = report(session, "months", Period("custom", span, span), Sort("name", False)).rows

        assert row.before is None

    def test_of_centuries_are_paged(self, session):
        span = Span(date(1900, 1, 1), date(2199, 12, 31))
        period = Period("custom", span, span)

        found = report(session, "months", period, Sort("name", True), Page(50, 3_550))

        assert found.count == 3_600
        assert [found.rows[0].key, found.rows[-1].key] == [date(1904, 2, 1), date(1900, 1, 1)]


class TestExactness:
    def test_the_largest_lines_do_not_overflow(self, session, make):
        [product] = make.products(1)
        line = (product, 10, Decimal("99999999.9999"), Decimal("0.0001"))
        save(session, [Sale(NOON, OrderStatus.PAID, (line,) * 100) for _ in range(3)])

        exact = 300 * 10 * Decimal("99999999.9999") * Decimal("0.9999")
        for kind in KINDS:
            found = report(session, kind)
            assert found.revenue == found.rows[0].revenue == found.rows[0].running == exact
        subject = subject_of(session, "product", str(product))
        assert read_lines(session, subject, PERIOD.span, ALL).revenue == exact

    def test_no_fraction_is_lost(self, session, make):
        [product] = make.products(1)
        save(
            session, [Sale(NOON, OrderStatus.PAID, ((product, 1, ONE / 10**4, Decimal("0.9999")),))]
        )

        assert report(session, "suppliers").revenue == Decimal("0.00000001")


@pytest.fixture
def world(app, make):
    """Outside of any request: a request within a context would share its session."""
    with app.app_context():
        return World(db.session, make, 7)


def cents(value):
    return f"{value.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


class TestPage:
    @pytest.mark.parametrize("kind", [*KINDS, "months"])
    def test_costs_few_statements_whatever_the_rows(self, client, world, statements, make, kind):
        client.get(f"/admin/reports/{kind}/?{DAYS}")

        with statements() as for_many:
            page = client.get(f"/admin/reports/{kind}/?{DAYS}")
        with statements() as for_none:
            client.get(f"/admin/reports/{kind}/?from=1990-01-01&to=1990-01-02")

        assert page.status_code == 200
        budget = BUDGETS[REPORT].statements
        assert len(for_many) == len(for_none) == budget, "\n".join(for_many)

    def test_of_lines_costs_four_statements(self, client, world, statements):
        with statements() as ran:
            client.get(f"/admin/reports/lines/?country=Norway&{DAYS}")
        with statements() as named:
            client.get(f"/admin/reports/lines/?product={next(iter(world.key_of))}&{DAYS}")

        budget = BUDGETS["/admin/reports/lines/"].statements
        assert (len(ran), len(named)) == (budget - 1, budget), "\n".join(named)

    @pytest.mark.parametrize("kind", KINDS)
    def test_leads_to_lines_with_the_same_total(self, client, world, kind):
        page = client.get(f"/admin/reports/{kind}/?{DAYS}").text

        links = re.findall(r'<a href="([^"]*/lines/[^"]*)">([\d,.]+)</a>', page)
        assert len(links) == len(world.sums(kind, PERIOD.span))
        for link, revenue in links:
            assert "from=2025-10-25&amp;to=2025-11-23" in link
            foot = client.get(unescape(link)).text.partition("<tfoot>")[2]
            assert revenue == "0.00" or f'data-label="Amount">{revenue}</td>' in foot

    def test_leads_to_the_orders_behind_its_total(self, client, world):
        page = client.get(f"/admin/reports/months/?{DAYS}").text

        links = re.findall(r'<a href="([^"]*/orders/[^"]*)">([\d,.]+)</a>', page)
        total = cents(sum(sale.amount for sale in world.sold(PERIOD.span)))
        orders = str(len(world.sold(PERIOD.span)))
        assert {figure for _, figure in links[-2:]} == {total, orders}
        listed = client.get(unescape(links[-1][0])).text
        assert f"All {orders}" in listed
        assert total in listed.split("<tfoot>")[1]

    @pytest.mark.parametrize("kind", [*KINDS, "months"])
    def test_has_links_that_all_lead_somewhere(self, client, world, kind):
        page = client.get(f"/admin/reports/{kind}/?{DAYS}").text

        links = set(re.findall(r'href="(/admin/[^"#]*)"', page.split('id="content"')[1]))
        for link in links:
            with client.get(unescape(link)) as answer:
                assert answer.status_code == 200, link

    def test_keeps_the_period_in_every_link_of_its_own(self, client, world):
        page = client.get(f"/admin/reports/products/?{DAYS}&sort=name").text
        own = [
            unescape(link)
            for link in re.findall(r'href="([^"]*/admin/reports/[^"]+\?[^"]*)"', page)
        ]

        assert len(own) > 30
        for link in own:
            assert DAYS in link or re.search("period=(today|7d|30d|90d|year)$", link), link
        assert sum("sort=name" in link for link in own) > 5

    def test_is_where_the_readme_says(self, client, make):
        ids = dict(
            zip(REPORT_OF, make.products() + make.suppliers() + make.categories(), strict=False)
        )
        readme = (ROOT / "README.md").read_text(encoding="utf-8")

        addresses = set(re.findall(r"`(/admin/reports/[^`]+)`", readme))

        assert {"category=0", "country="} < {address.partition("?")[2] for address in addresses}
        for address in addresses:
            filled = re.sub(r"(\w+)=N\b", lambda noun: f"{noun[1]}={ids[noun[1]]}", address)
            with client.get(filled) as answer:
                assert answer.status_code == 200, address

    def test_shows_fifty_rows_and_goes_on(self, client, make, app):
        products = make.products(PAGE_SIZE + 1)
        line = [(product, 1, ONE, Decimal(0)) for product in products]
        with app.app_context():
            save(db.session, [Sale(NOON, OrderStatus.PAID, tuple(line))])

        first = visit(client, f"/admin/reports/products/?{DAYS}&sort=-name")
        second = visit(client, first.links["next"])

        assert (len(first.rows), len(second.rows)) == (50, 1)
        assert "51–51 of 51" in second.text
        assert second.rows[0][:2] == ["1", "Product 1 SKU0001"]
        assert "All 51 51 51.00" in second.text

    @pytest.mark.parametrize("period", ["today", "7d", "30d", "90d", "year"])
    def test_takes_the_periods_of_the_dashboard(self, client, make, period):
        make.orders(1, placed_at=datetime.now(UTC))

        page = client.get(f"/admin/reports/suppliers/?period={period}").text

        assert re.findall(r'period=(\w+)" aria-current="true"', page) == [period]
        assert "29.97" in page
        assert re.search(r" so far, days in UTC, compared with [\w –]+ until \d\d:\d\d\.", page)
        assert re.search(r"As of <time [^>]*>\d\d:\d\d:\d\d UTC</time>", page)

    def test_tells_what_is_new_from_what_is_not_compared(self, app, client, make):
        new, known, free = make.products(3)
        with app.app_context():
            lines = {
                product: (product, 1, ONE, Decimal(product == free))
                for product in (new, known, free)
            }
            save(
                db.session,
                [
                    Sale(NOON, OrderStatus.PAID, tuple(lines.values())),
                    Sale(NOON - timedelta(days=30), OrderStatus.PAID, (lines[known],)),
                ],
            )

        def changes(address):
            return [row[-1] for row in visit(client, f"/admin/reports/{address}").rows]

        assert changes(f"products/?{DAYS}&sort=name") == ["new", "unchanged", "unchanged"]
        nothing_before = "products/?from=1900-01-01&to=2025-11-30&sort=name"
        assert changes(nothing_before) == ["–", "–", "–"]
        assert (
            'title="Nothing to compare with"' in client.get(f"/admin/reports/{nothing_before}").text
        )
        assert changes("months/?from=2025-09-01&to=2025-11-10")[-1] == "–"

    def test_says_that_nothing_was_sold(self, client):
        for kind in (*KINDS, "months", "lines"):
            page = client.get(f"/admin/reports/{kind}/?country=x&{DAYS}").text
            assert "Nothing was sold in this period" in page

    @pytest.mark.parametrize(
        ("query", "says"),
        [
            ("period=nonsense", "This period is not known. These are the last 30 days."),
            ("from=2025-02-02&to=2025-02-01", "The first day lies after the last."),
            ("sort=price", "This order of rows is not known"),
            ("sort=orders", "This order of rows is not known"),
            ("page=0", "Pages are numbered from 1"),
            ("page=1e9", "Pages are numbered from 1"),
            ("page=9999999999", "Pages are numbered from 1"),
            ("page=\u0661", "Pages are numbered from 1"),
            (f"page=999999999&{DAYS}", "There is no page 999,999,999"),
        ],
    )
    def test_says_what_it_did_not_understand(self, client, world, query, says):
        answer = client.get(f"/admin/reports/products/?{query}")

        assert answer.status_code == 200
        assert says in answer.text

    @pytest.mark.parametrize(
        ("address", "status"),
        [
            ("lines/", 400),
            ("lines/?product=1&supplier=1", 400),
            ("lines/?product=0", 404),
            ("lines/?product=99999999999999999999", 404),
            ("lines/?supplier=abc", 404),
            ("lines/?category=", 404),
            ("lines/?product=%D9%A1", 404),
            ("lines/?country=%00", 400),
            ("products/?sort=%00", 400),
            ("customers/", 404),
            ("products/export/?format=pdf", 400),
            ("products/export/?sort=price", 400),
            ("lines/export/?country=x&period=y", 400),
        ],
    )
    def test_refuses_what_there_is_not(self, client, address, status):
        assert client.get(f"/admin/reports/{address}").status_code == status

    def test_shows_names_as_text(self, app, client, make):
        evil = '"><script>alert(1)</script>'
        [supplier] = make.suppliers(1, name=evil)
        [category] = make.categories(1, name=evil)
        [customer] = make.customers(1, name=evil)
        [product] = make.products(1, name=evil, supplier_id=supplier, category_id=category)
        make.orders(1, placed_at=NOON, ship_country=evil, customer_id=customer)
        addresses = [*KINDS, f"lines/?supplier={supplier}&", "lines/?country=%22%3E%3Cscript%3E&"]
        addresses.append('lines/?country="><script>alert(1)</script>&')

        for address in addresses:
            path = address if "?" in address else f"{address}/?"
            page = client.get(f"/admin/reports/{path}{DAYS}").text
            assert "<script>" not in page, address
            assert not re.search(r"\sstyle=|\son\w+=|<script(?! [^>]*src=)", page)
        assert "&lt;script&gt;" in page
        assert product


class TestWhoSees:
    def test_anybody_with_an_account(self, sign_in, make):
        [product] = make.products(1)
        client = sign_in("viewer")

        for address in ("", "months/", f"lines/?product={product}", "products/export/"):
            with client.get(f"/admin/reports/{address}") as answer:
                assert answer.status_code in (200, 302), address
        assert 'href="/admin/reports/"' in client.get("/admin/").text

    def test_nobody_without(self, app):
        for address in ("", "products/", "lines/?product=1", "lines/export/", "months/export/"):
            answer = app.test_client().get(f"/admin/reports/{address}")
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/login")

    def test_reports_begin_with_the_products(self, client):
        answer = client.get("/admin/reports/?period=7d")

        assert answer.headers["Location"] == "/admin/reports/products/?period=7d"


class TestBehind:
    def test_says_that_changes_are_being_added(self, app, client, world, monkeypatch):
        client.get("/admin/reports/products/")
        with stored.elsewhere(app) as other:
            other.execute(update(Order).values(status=OrderStatus.PAID))

        # Somebody else folds, or on SQLite writes, for longer than the page waits.
        with stored.elsewhere(app) as other:
            if other.dialect.name == "postgresql":
                other.execute(text("LOCK TABLE rollup_state IN SHARE ROW EXCLUSIVE MODE"))
            else:
                other.execute(text("UPDATE rollup_state SET number = number"))
            page = client.get(f"/admin/reports/products/?{DAYS}")
            monkeypatch.setattr(report_views, "FILE_SECONDS", 0.1)
            file = client.get(f"/admin/reports/products/export/?{DAYS}")
        after = client.get(f"/admin/reports/products/?{DAYS}").text

        assert page.status_code == 200
        assert "Changes are still being added" in page.text
        assert (file.status_code, file.headers["Retry-After"]) == (503, "10")
        assert "still being added" not in after

    def test_says_how_many_days_are_left(self, client, world, monkeypatch):
        left = Freshness(datetime.now(UTC), is_behind=True, left=3)
        monkeypatch.setattr(report_views, "brought_up_to_date", lambda *_: left)

        page = client.get("/admin/reports/products/").text

        assert "Changes of 3 days are still being added" in page

    def test_shows_what_plain_sql_changed_a_moment_ago(self, app, client, world):
        before = client.get(f"/admin/reports/countries/?{DAYS}").text
        with stored.elsewhere(app) as other:
            other.execute(update(Order).values(status=OrderStatus.CANCELLED))

        for kind in KINDS:
            assert "Nothing was sold" in client.get(f"/admin/reports/{kind}/?{DAYS}").text
        assert "Nothing was sold" not in before


def as_csv(client, address):
    with client.get(address) as answer:
        assert answer.status_code == 200, answer.text
        rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
        return rows, answer.headers["Content-Disposition"]


class TestFiles:
    @pytest.mark.parametrize("kind", KINDS)
    def test_have_every_row_with_exact_figures(self, client, world, kind):
        rows, name = as_csv(client, f"/admin/reports/{kind}/export/?{DAYS}&sort=-units")

        expected = world.sums(kind, PERIOD.span).values()
        assert sorted((int(row["units"]), Decimal(row["revenue"])) for row in rows) == sorted(
            expected
        )
        units = [int(row["units"]) for row in rows]
        assert units == sorted(units, reverse=True)
        total = sum(revenue for _, revenue in expected)
        for row in rows:
            share = 100 * Decimal(row["revenue"]) / total
            assert Decimal(row["share"]) == share.quantize(ONE / 10, ROUND_HALF_UP)
        assert re.search(r"sales-by-\w+-2025-10-25-to-2025-11-23\.csv", name)

    def test_of_months_name_their_days(self, client, world):
        rows, name = as_csv(client, f"/admin/reports/months/export/?{DAYS}")

        assert [(row["month"], row["from"], row["to"]) for row in rows] == [
            ("October 2025", "2025-10-25", "2025-10-31"),
            ("November 2025", "2025-11-01", "2025-11-23"),
        ]
        for row in rows:
            sold = world.sold(Span(*(date.fromisoformat(row[end]) for end in ("from", "to"))))
            average = sum(sale.amount for sale in sold) / len(sold)
            assert Decimal(row["average_order"]) == average.quantize(ONE / 10**8)
        assert "sales-by-month" in name

    def test_of_lines_sum_to_the_figure(self, client, world):
        for product, (units, revenue) in world.sums("products", PERIOD.span).items():
            rows, name = as_csv(client, f"/admin/reports/lines/export/?product={product}&{DAYS}")

            assert sum(int(row["quantity"]) for row in rows) == units
            assert sum(Decimal(row["amount"]) for row in rows) == revenue
            assert "sold-lines-product-SKU" in name

    def test_disguise_formulas(self, app, client, make):
        [supplier] = make.suppliers(1, name="=1+1", code="@x")
        [product] = make.products(1, name="=cmd()", sku="+1", supplier_id=supplier)
        make.orders(1, placed_at=NOON, ship_country="-2+3")

        products, _ = as_csv(client, f"/admin/reports/products/export/?{DAYS}")
        suppliers, _ = as_csv(client, f"/admin/reports/suppliers/export/?{DAYS}")
        countries, _ = as_csv(client, f"/admin/reports/countries/export/?{DAYS}")
        lines, _ = as_csv(client, f"/admin/reports/lines/export/?product={product}&{DAYS}")

        assert (products[0]["sku"], products[0]["product"]) == ("'+1", "'=cmd()")
        assert (suppliers[0]["code"], suppliers[0]["supplier"]) == ("'@x", "'=1+1")
        assert countries[0]["country"] == "'-2+3"
        assert lines[0]["product"] == "'=cmd()"

    @pytest.mark.parametrize("kind", [*KINDS, "months", "lines"])
    def test_are_sheets_as_well(self, client, world, kind):
        address = f"/admin/reports/{kind}/export/?format=xlsx&country=Norway&{DAYS}"

        with client.get(address) as answer, ZipFile(io.BytesIO(answer.data)) as book:
            sheet = book.read("xl/worksheets/sheet1.xml").decode()

        assert sheet.count("<row ") > 2
        assert "<f>" not in sheet
        for number in re.findall("<v>([^<]*)</v>", sheet):
            Decimal(number)

    def test_have_heads_when_nothing_was_sold(self, client):
        with client.get(f"/admin/reports/products/export/?{DAYS}") as answer:
            assert answer.data.decode("utf-8-sig").splitlines() == [
                "rank,sku,product,units,revenue,share,running_share,revenue_before,change"
            ]

    def test_are_refused_when_no_sheet_holds_them(self, client, world, monkeypatch):
        monkeypatch.setattr(sheets, "MOST_ROWS", 3)

        answer = client.get(f"/admin/reports/products/export/?format=xlsx&{DAYS}")

        assert answer.status_code == 413
        assert "as CSV" in answer.text


class TestPlans:
    """Read an index by the days or keys asked for, and no table from end to end."""

    ORDERS = 3_000

    @pytest.fixture
    def crowded(self, app, make):
        suppliers, categories = make.suppliers(20), make.categories(20)
        with app.app_context():
            products = db.session.scalars(
                insert(Product).returning(Product.id),
                [
                    {
                        "sku": f"P{n}",
                        "name": f"Name {n}",
                        "price": ONE,
                        "supplier_id": suppliers[n % 20],
                        "category_id": categories[n % 20],
                    }
                    for n in range(1_000)
                ],
            ).all()
            orders = db.session.scalars(
                insert(Order).returning(Order.id, sort_by_parameter_order=True),
                [
                    {
                        "number": f"O{n}",
                        "status": list(OrderStatus)[n % 6],
                        "placed_at": NOON - timedelta(hours=6 * n),
                        "ship_country": COUNTRIES[n % 5],
                    }
                    for n in range(self.ORDERS)
                ],
            ).all()
            db.session.execute(
                insert(OrderLine),
                [
                    {
                        "order_id": order,
                        "line_no": 1,
                        "product_id": products[n % 1_000],
                        "quantity": 1,
                        "unit_price": ONE,
                    }
                    for n, order in enumerate(orders)
                ],
            )
            db.session.commit()
            brought_up_to_date(db.session, 60, 60)
            with db.engine.begin() as connection:
                connection.execute(text("ANALYZE"))
        yield app, products[5], suppliers[5]
        if stored.engine(app).dialect.name == "sqlite":
            with app.app_context():
                with db.engine.begin() as connection:
                    connection.execute(text("DELETE FROM sqlite_stat1"))
                db.engine.dispose()  # each connection remembers what it had read there

    WHOLE = r"(Seq Scan on|^ *SCAN) ({})\b(?! USING)"

    def plans(self, app, work):
        def run():
            work(db.session)

        return ["\n".join(lines) for _, lines in stored.plan(app, run)]

    def test_of_reports_read_days_by_the_key_of_the_rollup(self, crowded):
        app, *_ = crowded
        fresh = Freshness(datetime.now(UTC))

        for kind in ("products", "suppliers", "categories"):
            for name in SORTS[kind]:
                [plan] = self.plans(
                    app,
                    lambda session, kind=kind, name=name: read(
                        session, kind, PERIOD, sort=Sort(name, True), page=ALL, freshness=fresh
                    ),
                )
                assert len(
                    re.findall(r"SEARCH product_days USING PRIMARY KEY \(day>", plan)
                ) == 2 or (len(re.findall(r"product_days_pkey|pk_product_days", plan)) == 2), plan
                assert not re.search(self.WHOLE.format("product_days|orders"), plan, re.M)

    def test_of_reports_so_far_read_the_last_day_s_orders_by_an_index(self, crowded):
        app, *_ = crowded
        fresh = Freshness(PERIOD.span.end - timedelta(hours=7))

        for kind in ("products", "suppliers", "categories"):
            [plan] = self.plans(
                app,
                lambda session, kind=kind: read(
                    session, kind, PERIOD, sort=MOST_FIRST, page=ALL, freshness=fresh
                ),
            )
            assert re.search(r"ix_orders_(status_)?placed_at_id", plan), plan
            assert re.search("order_lines_order_id|sqlite_autoindex_order_lines", plan), plan
            assert not re.search(
                self.WHOLE.format("o|l|product_days|orders|order_lines"), plan, re.M
            ), plan

    def test_of_months_read_days_by_the_key_of_the_rollup(self, crowded):
        app, *_ = crowded

        [plan] = self.plans(
            app,
            lambda session: read(
                session,
                "months",
                PERIOD,
                sort=Sort("name", False),
                page=ALL,
                freshness=Freshness(datetime.now(UTC)),
            ),
        )

        assert re.search(r"SEARCH sales_days USING PRIMARY KEY \(day>|pk_sales_days", plan), plan

    def test_of_countries_read_the_orders_of_the_days_by_an_index(self, crowded):
        app, *_ = crowded

        [plan] = self.plans(
            app,
            lambda session: read(
                session,
                "countries",
                PERIOD,
                sort=MOST_FIRST,
                page=ALL,
                freshness=Freshness(datetime.now(UTC)),
            ),
        )

        indexes = r"ix_orders_(status_)?placed_at_id"
        assert len(re.findall(indexes, plan)) >= 3, plan
        assert re.search("order_lines_order_id|sqlite_autoindex_order_lines", plan), plan
        assert not re.search(self.WHOLE.format("o|l|orders|order_lines"), plan, re.M), plan

    def test_of_a_product_s_lines_go_from_its_lines_to_their_orders(self, crowded):
        app, product, _ = crowded

        def work(session):
            subject = subject_of(session, "product", str(product))
            read_lines(session, subject, PERIOD.span, Page(50, 0))

        _, *plans = self.plans(app, work)

        assert len(plans) == 2
        for plan in plans:
            assert "ix_order_lines_product_id_order_id" in plan, plan
            assert re.search(r"SEARCH o USING INTEGER PRIMARY KEY|pk_orders", plan), plan
            assert not re.search(self.WHOLE.format("o|l|orders|order_lines"), plan, re.M), plan

    def test_of_other_lines_read_indexes(self, crowded):
        app, _, supplier = crowded

        for kind, key in (("supplier", supplier), ("category", 0), ("country", "Norway")):

            def work(session, kind=kind, key=key):
                subject = subject_of(session, kind, str(key))
                read_lines(session, subject, PERIOD.span, Page(50, 0))

            for plan in self.plans(app, work)[-2:]:
                assert not re.search(self.WHOLE.format("o|l|orders|order_lines"), plan, re.M), plan
