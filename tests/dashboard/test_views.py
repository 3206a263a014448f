"""The dashboard page."""

import csv
import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from backoffice import cache
from backoffice.dashboard import fresh, summary, views
from backoffice.dashboard.period import day_text, named_period
from backoffice.database import db
from backoffice.models import ROLES, Order, OrderStatus
from backoffice.rollups.steps import SomebodyElseError
from tests.conftest import shared
from tests.dashboard.figures import Sale, save
from tests.pages import visit
from tests.redis_server import redis

__all__ = ["redis"]


@pytest.fixture
def keep(app):
    """Writes sales outside of any request: a request within a context would share its session."""

    def keep(sales):
        with app.app_context():
            save(db.session, list(sales))

    return keep


@pytest.fixture
def sold(keep, make):
    """One product sold today for 1,265,793.035, and a draft that does not count."""
    [product] = make.products(1, name="Chai <b>", stock=0, reorder_level=5)
    line = (product, 1, Decimal("1265793.035"), Decimal(0))
    now = datetime.now(UTC)
    keep([Sale(now, OrderStatus.PAID, (line,)), Sale(now, OrderStatus.DRAFT, (line,))])
    return product


class TestDashboard:
    def test_shows_the_figures_with_their_moment(self, client, sold):
        page = client.get("/admin/").text

        assert ">1,265,793.04</a></dd>" in page
        assert re.search(r"As of <time [^>]*>\d\d:\d\d:\d\d UTC</time>", page)
        record = f'href="/admin/products/details/?id={sold}"'
        assert f'<a {record} title="Chai &lt;b&gt;">Chai &lt;b&gt;</a>' in page
        assert 'title="Out of stock">0<' in page

    def test_leads_to_the_product(self, client, sold):
        page = client.get("/admin/").text

        links = set(re.findall(r'href="([^"]*products/details[^"]*)"', page))
        assert [client.get(link).status_code for link in links] == [200]

    def test_has_a_table_behind_its_chart(self, client, sold):
        page = client.get("/admin/?period=7d").text

        assert page.count('<a class="slot') == 7
        details = page[page.index("<details>") : page.index("</details>")]
        assert details.count("<tr>") == 8
        assert '<td class="num">1,265,793.04</td><td class="num">1</td>' in details

    def test_names_each_bar_and_marks_that_of_today(self, client, sold):
        page = client.get("/admin/?period=7d").text

        today = day_text(datetime.now(UTC).date())
        assert f"<title>{today} so far: 1,265,793.04 from 1 order</title>" in page
        assert page.count('<a class="slot running"') == 1

    @pytest.mark.parametrize("period", ["today", "7d", "30d", "90d", "year"])
    def test_marks_the_period_that_is_shown(self, client, sold, period):
        page = client.get(f"/admin/?period={period}").text

        assert re.findall(r'period=(\w+)" aria-current="true"', page) == [period]
        assert "1,265,793.04" in page

    def test_takes_dates_of_its_own(self, client, sold):
        today = datetime.now(UTC).date()

        page = client.get(f"/admin/?period=custom&from={today}&to={today}").text

        assert "1,265,793.04" in page
        assert 'aria-current="true"' not in page

    def test_draws_of_centuries_the_years_that_sold_something(self, client, keep, make):
        [product] = make.products(1)
        line = (product, 1, Decimal(1), Decimal(0))
        days = [datetime(year, 5, 6, tzinfo=UTC) for year in (1996, 1998)]
        drafts = [Sale(datetime(1990, 5, 6, tzinfo=UTC), OrderStatus.DRAFT, ())]
        keep([*(Sale(day, OrderStatus.PAID, (line,)) for day in days), *drafts])

        clipped = client.get("/admin/?from=1900-01-01&to=2199-12-31").text
        late = client.get("/admin/?from=1996-05-06&to=2002-12-31").text
        short = client.get("/admin/?from=1996-05-06&to=1996-05-09").text
        unsold = client.get("/admin/?from=1900-01-01&to=1995-12-31").text

        for page in (clipped, late):
            years = re.findall(r'<a class="slot.*?<title>(\d+):', page)
            assert years == ["1996", "1997", "1998"]
            assert "1996 – 1998: the other years of this period sold nothing" in page
        assert "placed_at.from=1998-01-01&amp;placed_at.before=1999-01-01&" in clipped
        assert short.count('<a class="slot') == 4
        assert "sold nothing" not in short
        assert "slot" not in unsold
        assert "Nothing was sold in this period" in unsold

    @pytest.mark.parametrize(
        ("query", "says"),
        [
            ("period=nonsense", "This period is not known."),
            ("period=custom&from=soon&to=later", "needs two dates such as 2025-01-31"),
            ("from=2025-02-02&to=2025-02-01", "The first day lies after the last."),
            ("from=0000-00-00&to=99999-01-01", "needs two dates"),
        ],
    )
    def test_says_what_is_wrong_with_a_period_and_shows_the_usual_one(self, client, query, says):
        answer = client.get(f"/admin/?{query}")

        assert answer.status_code == 200
        assert says in answer.text
        assert "These are the last 30 days." in answer.text

    def test_leaves_wrong_dates_in_the_form_to_be_mended(self, client):
        backwards = client.get("/admin/?period=custom&from=2025-02-02&to=2025-02-01").text
        unreadable = client.get("/admin/?period=custom&from=1.2.2025&to=").text

        assert re.findall(r'type="(\w+)" required value="(.*?)" aria-invalid', backwards) == [
            ("date", "2025-02-02"),
            ("date", "2025-02-01"),
        ]
        assert re.findall(r'type="(\w+)" required value="(.*?)" aria-invalid', unreadable) == [
            ("text", "1.2.2025"),
            ("date", ""),
        ]

    def test_says_up_to_when_the_period_before_counts(self, client, sold):
        running = client.get("/admin/?period=today").text
        to_come = client.get("/admin/?from=2190-01-01&to=2190-01-02").text

        assert re.search(r"so far, days in UTC, compared with [\w ]+ until \d\d:\d\d\.", running)
        assert "2 Jan 2190, days in UTC." in to_come

    def test_repeats_what_was_typed_as_text(self, client):
        page = client.get('/admin/?period=custom&from="><script>&to=x').text

        assert "><script>&" not in page
        assert "&#34;&gt;&lt;script&gt;" in page

    def test_draws_without_inline_style_or_script(self, client, sold):
        page = client.get("/admin/").text

        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! [^>]*src=)", page)

    def test_shows_the_same_figures_until_something_changes(self, client, sold, statements):
        with statements() as fresh:
            first = client.get("/admin/").text
        with statements() as kept:
            second = client.get("/admin/").text

        shown = [
            page[page.index('class="figures"') : page.index('class="cost"')]
            for page in (first, second)
        ]
        assert shown[0] == shown[1]
        assert (len(fresh), len(kept)) == (16, 2), "\n".join(fresh + kept)


class TestDrawn:
    def test_is_of_the_summary_alone(self, app, sold):
        """Kept for all who look: without a request there is no user whose page it could be."""
        with app.app_context():
            shown = summary.compute(db.session(), named_period("30d", datetime.now(UTC).date()))[1]
            other = replace(shown, overdue_count=41)

            first, second = (views.drawn(summary.to_json(each), "/a/") for each in (shown, other))

        assert 'href="/a/orders/?status=placed' in first
        assert ">41</a></dd>" in second
        assert ">41</a></dd>" not in first


def somebody_else_is_at_it(*_):
    raise SomebodyElseError


class TestFreshness:
    def test_shows_when_the_figures_were_found_to_be_current(self, client, sold, monkeypatch):
        found = datetime.now(UTC) + timedelta(seconds=70)
        current = views.current_summary
        monkeypatch.setattr(
            views, "current_summary", lambda *of: current(*of)._replace(as_of=found)
        )

        page = client.get("/admin/").text

        assert re.findall(r"As of <time [^>]*>([\d:]+) UTC", page) == [f"{found:%H:%M:%S}"]

    def test_says_that_later_changes_are_being_added(self, client, sold, monkeypatch):
        monkeypatch.setattr(cache, "SUMMARY_EVERY", 0)
        client.get("/admin/")
        with client.application.app_context():
            db.session.execute(update(Order).values(placed_at=datetime(2026, 1, 1, tzinfo=UTC)))
            db.session.commit()

        monkeypatch.setattr(fresh, "fold", somebody_else_is_at_it)
        page = visit(client, "/admin/").text

        assert re.search(r"Changes made after [\d-]+ [\d:]+ UTC are still being added", page)

    def test_says_that_the_figures_could_not_be_refreshed(self, client, sold, monkeypatch):
        with client.application.app_context():
            shown = summary.compute(db.session(), named_period("30d", datetime.now(UTC).date()))[1]
        trouble = "The figures could not be refreshed at 08:00:00 UTC."
        monkeypatch.setattr(
            views, "current_summary", lambda *_: summary.Shown(shown, trouble, shown.as_of)
        )

        page = visit(client, "/admin/").text

        said = f"{trouble} Those below are of {shown.as_of:%Y-%m-%d %H:%M:%S} UTC"
        assert said in page


class TestNorthwind:
    def test_has_its_known_net_revenue(self, client, keep, make):
        products = make.products(77)
        lines = defaultdict(list)
        for row in read("order_details.csv"):
            product = products[int(row["ProductID"]) - 1]
            price, discount = Decimal(row["UnitPrice"]), Decimal(row["Discount"])
            lines[row["OrderID"]].append((product, int(row["Quantity"]), price, discount))
        keep(
            Sale(
                datetime.fromisoformat(row["OrderDate"]).replace(tzinfo=UTC),
                OrderStatus.SHIPPED,
                tuple(lines[row["OrderID"]]),
            )
            for row in read("orders.csv")
        )

        page = client.get("/admin/?period=custom&from=1996-07-04&to=1998-05-06").text

        assert ">1,265,793.04</a></dd>" in page
        assert ">830</a></dd>" in page


def read(name):
    with shared("northwind", name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


class TestWithoutItsCache:
    @pytest.fixture
    def redis_app(self, app, redis):
        """The same application with its cache in Redis."""
        cache.init_app(app, redis.url)
        yield app
        cache.init_app(app, None)

    def test_keeps_its_figures_in_redis(self, redis_app, redis, client, sold):
        client.get("/admin/")

        [key] = redis.client.keys("*:summary:*")
        assert key.startswith(b"backoffice:")

    @pytest.mark.parametrize("fails", ["stop", "freeze"])
    def test_shows_fresh_figures_when_redis_fails(self, redis_app, redis, client, sold, fails):
        client.get("/admin/")

        getattr(redis, fails)()
        page = client.get("/admin/")

        assert page.status_code == 200
        assert "1,265,793.04" in page.text


class TestNothingToDo:
    def test_is_said_where_a_list_would_be(self, client, keep, make):
        make.products(1, stock=9, reorder_level=5)
        keep([Sale(datetime.now(UTC), OrderStatus.CANCELLED, ())])

        page = client.get("/admin/").text

        assert "Nothing is overdue" in page
        assert "Nothing to reorder" in page
        assert page.count("Nothing was sold in this period.") == 2


class TestAnEmptyDashboard:
    def test_says_to_each_role_how_to_fill_it(self, sign_in):
        """Whoever looked at the same figures before: an admin first here."""
        says = ("/admin/imports/new/", "Ask a manager to import orders", "manage.py")
        pages = {role: sign_in(role).get("/admin/").text for role in reversed(ROLES)}

        assert all("No orders yet" in page for page in pages.values())
        assert not any('class="figures"' in page for page in pages.values())
        assert {role: [words in page for words in says] for role, page in pages.items()} == {
            "admin": [True, False, True],
            "manager": [True, False, False],
            "editor": [False, True, False],
            "viewer": [False, True, False],
        }

    def test_shows_the_stock_of_products_that_nobody_ordered_yet(self, client, make):
        make.products(1, name="Chai", stock=1, reorder_level=5)

        page = client.get("/admin/").text

        assert "No orders yet" in page
        assert ">Chai</a>" in page

    def test_leads_to_the_orders_there_are(self, client, keep):
        old = datetime(1996, 7, 4, tzinfo=UTC)
        keep([Sale(old + timedelta(days=n), OrderStatus.PLACED, ()) for n in (0, 671)])

        page = client.get("/admin/").text

        assert "period=custom&amp;from=1996-07-04&amp;to=1998-05-06" in page
        assert "No orders in this period." in page
        assert ">Show the dashboard of 4 Jul 1996 – 6 May 1998</a>" in page

    def test_takes_a_day_before_its_first_order_for_nothing_odd(self, client, keep):
        keep([Sale(datetime.now(UTC) - timedelta(days=2), OrderStatus.PLACED, ())])
        today = datetime.now(UTC).date()

        pages = [
            client.get(f"/admin/?{query}").text
            for query in (
                "period=today",
                f"from={today}&to={today}",
                "from=2020-01-01&to=2020-01-01",
            )
        ]

        assert ["No orders yet today." in page for page in pages] == [True, True, False]
