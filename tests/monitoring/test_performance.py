"""The performance pages, over a query log that the tests fill."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from backoffice.database import db
from backoffice.models import HistoryEntry
from backoffice.monitoring import queries, shape_queries
from backoffice.monitoring.asked import PAGE_SORTS, SHAPE_SORTS, Order, Skipped, asked
from tests import stored
from tests.dropped import dropped
from tests.pages import visit

SEARCHED = ("SEARCH products USING INDEX ix_products_name_id (name=?)", [], False)
WHOLE = ("SCAN products", ["products"], False)
SORTED = ("SCAN products\nUSE TEMP B-TREE FOR ORDER BY", ["products"], True)
NAMES = "SELECT products.name FROM products WHERE products.name = ?"
UNKNOWN = "0" * 16


@pytest.fixture(autouse=True)
def all_tables_are_large(monkeypatch):
    """What is said of tables that have many rows is tried with few."""
    monkeypatch.setattr("backoffice.monitoring.large.LARGE", -1)


def cells(page, css=""):
    """The rows of the page's tables with such a class, each as its cells' texts."""
    return [
        [cell.text for cell in row.children if getattr(cell, "tag", "") in ("td", "th")]
        for table in page.root.all("table", css)
        for body in table.all("tbody")
        for row in body.all("tr")
    ]


class TestPages:
    def test_are_added_up_over_the_hours_of_the_period(self, client, make):
        make.page_hour("/admin/", requests=1, microseconds=30_000, slowest=30_000)
        make.page_hour(hours_ago=0, requests=3, microseconds=60_000, slowest=40_000)
        make.page_hour(hours_ago=3, requests=1, microseconds=30_000, slowest=25_000)
        make.page_hour(hours_ago=30, requests=100)

        rows = cells(visit(client, "/admin/performance/"))

        assert rows[0][:5] == ["/admin/products/", "4", "22.5", "40.0", "75.0"]
        assert rows[1][:5] == ["/admin/", "1", "30.0", "30.0", "25.0"]

    def test_tell_statements_rows_and_faults_of_a_request(self, client, make):
        make.page_hour(requests=4, statements=10, most_statements=7, rows=60, repeats=2, failed=1)

        rows = cells(visit(client, "/admin/performance/"))

        assert rows[0][5:] == ["2.5", "7", "15", "25.0", "2", "1"]

    def test_are_sorted_by_each_head_in_both_directions(self, client, make):
        make.page_hour("/a", requests=1, repeats=1)
        make.page_hour(
            "/b",
            requests=2,
            microseconds=90_000,
            slowest=70_000,
            failed=1,
            rows=700,
            statements=30,
            most_statements=20,
            in_database=80_000,
        )

        for sort in PAGE_SORTS:
            down, up = (
                [row[0] for row in cells(visit(client, f"/admin/performance/?pages={sign}{sort}"))]
                for sign in ("-", "")
            )

            assert sorted(down) == ["/a", "/b"], sort
            assert down == up[::-1], sort

    def test_are_the_first_ten_unless_all_are_asked_for(self, client, make):
        for number in range(12):
            make.page_hour(f"/{number}", microseconds=1_000 * (12 - number))
        page = visit(client, "/admin/performance/")
        [link] = [a.get("href") for a in page.root.all("a") if a.text == "Show all 12 routes"]

        everything = visit(client, link.split("#")[0])

        routes = [f"/{number}" for number in range(12)]
        assert [row[0] for row in cells(page)] == routes[:10]
        assert [row[0] for row in cells(everything)] == routes
        assert "Show the first only" in everything.text

    def test_are_no_files_and_no_figures_for_programs(self, client, make):
        make.page_hour("/static/<path:filename>")
        make.page_hour("/metrics")
        make.page_hour()

        rows = cells(visit(client, "/admin/performance/"))

        assert [row[0] for row in rows if row[0].startswith("/")] == ["/admin/products/"]

    def test_files_ask_for_no_user(self, client):
        with client.get("/static/css/app.css") as answer:
            assert "0 statements" in answer.headers["Server-Timing"]

    def test_lead_to_the_statements_of_one(self, client, make):
        make.page_hour()
        make.shape()
        make.shape(NAMES, route="/admin/")
        page = visit(client, "/admin/performance/")
        [link] = [a.get("href") for a in page.root.all("a") if a.text == "/admin/products/"]

        shown = visit(client, link.split("#")[0])

        assert len(cells(shown, "shapes")) == 1
        assert "products.sku" in cells(shown, "shapes")[0][0]

    def test_of_an_empty_log_say_what_to_do(self, client):
        page = visit(client, "/admin/performance/")

        assert "Nothing is recorded yet" in page.text
        assert "Open any page, and it stands here within ten seconds" in page.text

    def test_say_what_was_not_understood(self, client, make):
        make.page_hour()

        for query in ("period=x", "pages=x", "sort=x", "page=x", "page=0"):
            page = visit(client, f"/admin/performance/?{query}")

            assert page.status == 200
            assert re.search("not known|numbered from 1", page.text), query

    def test_are_those_of_the_hours_asked_for(self, client, make):
        make.page_hour("/now", hours_ago=0)
        make.page_hour("/day", hours_ago=10)
        make.page_hour("/week", hours_ago=100)
        make.page_hour("/fortnight", hours_ago=300)

        shown = {
            period: len(cells(visit(client, f"/admin/performance/?period={period}")))
            for period in ("1h", "24h", "7d", "14d")
        }

        assert shown == {"1h": 1, "24h": 2, "7d": 3, "14d": 4}


class TestShapes:
    def test_tell_what_calls_cost_and_where_they_come_from(self, client, make):
        make.shape(calls=10, microseconds=3_000, slowest=900, rows=5)
        make.shape(route="/admin/", calls=2, microseconds=1_000, slowest=1_000, rows=7)
        make.shape(NAMES, calls=1, microseconds=4_000, plans=[SEARCHED])

        one, other = cells(visit(client, "/admin/performance/"), "shapes")

        assert "/admin/products/ · backoffice/grid/page.py:12 and 1 more" in one[0]
        assert one[1:] == ["12", "0.33", "1.0", "50.0", "1", "–"]
        assert other[1:3] == ["1", "4.0"]
        assert other[-1] == "index search"

    def test_mark_a_plan_that_got_worse_with_what_it_was(self, client, make):
        make.shape(NAMES, plans=[SEARCHED, WHOLE])
        make.shape(plans=[WHOLE])

        found = cells(visit(client, "/admin/performance/?worse=1"), "shapes")

        assert len(found) == 1
        assert found[0][-1] == "index search → whole read of products, worse than before"
        assert "reads products whole where ix_products_name_id was searched" in found[0][0]

    def test_say_nothing_of_how_small_tables_are_read(self, client, make, monkeypatch):
        monkeypatch.setattr("backoffice.monitoring.large.LARGE", 2)
        make.products(2)
        make.shape(NAMES, plans=[("SCAN products", ["products"], True)])

        small = cells(visit(client, "/admin/performance/"), "shapes")
        make.products(1)
        large = cells(visit(client, "/admin/performance/"), "shapes")

        assert small[0][-1] == "small tables"
        assert large[0][-1] == "whole read of products, sorts"

    def test_are_sorted_by_each_head(self, client, make):
        make.shape(calls=1, microseconds=1_000, slowest=900, rows=1)
        make.shape(NAMES, calls=2, microseconds=9_000, slowest=9_000, rows=20)

        for sort in SHAPE_SORTS:
            down, up = (
                [
                    row[1]
                    for row in cells(
                        visit(client, f"/admin/performance/?sort={sign}{sort}"), "shapes"
                    )
                ]
                for sign in ("-", "")
            )

            assert (down, up) == (["2", "1"], ["1", "2"]), sort

    def test_are_found_by_a_part_or_the_fingerprint(self, client, make):
        fingerprint = make.shape(NAMES)
        make.shape()

        found = {
            search: visit(client, f"/admin/performance/?search={search}")
            for search in ("PRODUCTS.NAME", fingerprint, "5%25")
        }

        assert [len(cells(page, "shapes")) for page in found.values()] == [1, 1, 0]
        assert "No statement matches" in found["5%25"].text

    def test_come_page_by_page(self, client, make):
        for n in range(28):
            make.shape(f"SELECT products.c{n}x FROM products", microseconds=1_000 + n)

        first = visit(client, "/admin/performance/")
        second = visit(client, "/admin/performance/?page=2")
        beyond = visit(client, "/admin/performance/?page=9")

        assert [len(cells(page, "shapes")) for page in (first, second, beyond)] == [25, 3, 0]
        assert "26–28 of 28" in second.text
        assert "There is no page 9" in beyond.text

    def test_keep_search_and_order_in_each_link(self, client, make):
        make.shape()
        make.page_hour()
        state = asked({"search": "sku", "sort": "-calls", "period": "7d"}, datetime.now(UTC))

        page = client.get("/admin/performance/?search=sku&sort=-calls&period=7d").text

        assert state.arguments() == {"search": "sku", "sort": "-calls", "period": "7d"}
        assert "period=7d&amp;sort=-mean&amp;search=sku#shapes" in page
        assert "period=1h&amp;sort=-calls&amp;search=sku" in page


class TestPlansOfTheLog:
    WHOLE = r"SCAN (?:page_hours|query_\w+|slow_queries)(?! USING)|Seq Scan on \w+"

    def test_find_by_a_key_all_but_a_period_s_hours(self, app, make):
        fingerprint = make.shape(plans=[SEARCHED, WHOLE], slow=2)
        make.page_hour()
        since = datetime.now(UTC) - timedelta(hours=2)
        by, first = Order("total", True), Skipped(50, 0)

        def ask():
            shape = db.session.scalars(shape_queries.shape(fingerprint)).one()
            for statement in (
                queries.recorded_since(),
                queries.pages(since, by, 10),
                queries.shapes(since, by, first, search="x", route="/"),
                shape_queries.hours_of(shape.id, since),
                shape_queries.places_of(shape.id, since),
                shape_queries.plans_of(shape.id),
                shape_queries.slow_calls(shape.id, values=True),
                queries.shapes_named([fingerprint], "/admin/"),
            ):
                db.session.execute(statement).all()

        whole = [re.findall(self.WHOLE, "\n".join(lines)) for _, lines in stored.plan(app, ask)]

        is_sqlite = app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite")
        hours = [["SCAN page_hours"], ["SCAN query_hours"]] if is_sqlite else [[], []]
        assert whole == [[], [], *hours, [], [], [], [], []]


class TestShape:
    def test_shows_statement_places_history_and_hours(self, client, make):
        fingerprint = make.shape(NAMES, hours_ago=(0, 2), calls=3, microseconds=9_000)

        page = visit(client, f"/admin/performance/shapes/{fingerprint}/")

        assert page.status == 200
        assert cells(page)[-1][:4] == ["/admin/products/", "backoffice/grid/page.py:12", "6", "3.0"]
        assert "3.0 ms in the mean of 3 calls" in page.text
        assert "SELECT products.name FROM products WHERE products.name = ?" in page.text

    def test_draws_a_bar_for_each_hour_and_of_a_fortnight_for_each_two(self, client, make):
        fingerprint = make.shape()
        address = f"/admin/performance/shapes/{fingerprint}/"

        bars = {
            period: client.get(f"{address}?period={period}").text.count('<g class="slot')
            for period in ("1h", "24h", "7d", "14d")
        }

        assert bars == {"1h": 2, "24h": 25, "7d": 169, "14d": 169}

    def test_tells_its_plans_apart_in_words(self, client, make):
        fingerprint = make.shape(NAMES, plans=[SEARCHED, WHOLE])

        page = visit(client, f"/admin/performance/shapes/{fingerprint}/").text

        assert "Its plan got worse: it reads products whole" in page
        assert f"manage.py indexes advise --shape {fingerprint}" in page
        assert page.index("SCAN products") < page.index("SEARCH products"), "newest first"

    def test_has_no_advice_where_an_index_is_searched(self, client, make):
        fingerprint = make.shape(NAMES, plans=[SEARCHED])

        assert "advise" not in client.get(f"/admin/performance/shapes/{fingerprint}/").text

    def test_says_that_the_index_of_its_plan_is_gone(self, app, client, make):
        fingerprint = make.shape(NAMES, plans=[SEARCHED, WHOLE])

        with dropped(app, "ix_products_name_id"):
            shape = visit(client, f"/admin/performance/shapes/{fingerprint}/").text
            shapes = visit(client, "/admin/performance/").text

        says = (
            "ix_products_name_id is declared and missing: "
            "run manage.py indexes build ix_products_name_id"
        )
        assert says in shape
        assert "advise" not in shape
        assert says in shapes

    def test_shows_values_to_who_asks_and_notes_who_did(self, app, client, make):
        fingerprint = make.shape(
            NAMES, ("Olga's",), plans=[("Filter: (name = 'Olga''s')", [], False)], slow=1
        )
        address = f"/admin/performance/shapes/{fingerprint}/"

        before = client.get(address).text
        shown = client.post(address, follow_redirects=True).text
        again = client.get(address).text

        assert "Olga" not in before
        assert "text of 6" in before
        assert "Filter: (name = ?)" in before
        assert "Olga" in shown
        assert "Olga" not in again, "a reload neither shows nor notes"
        with app.app_context():
            [entry] = db.session.scalars(select(HistoryEntry)).all()
        assert (entry.actor, entry.action, entry.label) == (
            "admin@example.com",
            "looked",
            fingerprint,
        )

    def test_offers_no_values_where_there_are_none(self, client, make):
        with_values, without = make.shape(NAMES, ("x",)), make.shape("SELECT 1", ())

        offers = [
            "Show values" in client.get(f"/admin/performance/shapes/{fingerprint}/").text
            for fingerprint in (with_values, without)
        ]

        assert offers == [True, False]

    def test_says_that_a_plan_is_good_again(self, client, make):
        sql, values = of_products(client.application)
        fingerprint = make.shape(sql, values, plans=[SEARCHED, SORTED])

        page = visit(client, f"/admin/performance/shapes/{fingerprint}/?explain=1").text

        assert "Its plan is good again: it " in page
        assert "got worse" not in page
        assert "advise" not in page

    def test_explains_now_without_running(self, client, make):
        fingerprint = make.shape(*of_products(client.application))

        page = visit(client, f"/admin/performance/shapes/{fingerprint}/?explain=1")

        assert "Plan now" in page.text
        assert re.search("SEARCH products USING|Index|Seq Scan on products", page.text)
        assert "SKU0001" not in page.text

    def test_says_why_there_is_no_plan(self, client, make):
        fingerprint = make.shape("SELECT gone FROM nowhere", ())

        page = visit(client, f"/admin/performance/shapes/{fingerprint}/?explain=1")

        assert page.status == 200
        assert "No plan: the database does not take it" in page.text

    def test_of_nobody_is_not_there(self, client):
        assert client.get(f"/admin/performance/shapes/{UNKNOWN}/").status_code == 404


def of_products(app):
    """A statement and its values as the driver of ``app`` takes them."""
    sql = "SELECT products.id FROM products WHERE products.sku = {}"
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            return sql.format("?"), ("SKU0001",)
        return sql.format("%(sku)s"), {"sku": "SKU0001"}


class TestStatements:
    def test_are_those_of_the_request_with_what_the_log_knows(self, client, make):
        one = make.shape(plans=[SEARCHED])
        other = make.shape(NAMES, plans=[SEARCHED, WHOLE])

        page = visit(
            client,
            f"/admin/performance/statements/?page=/admin/products/&s={one}.1.1500.50"
            f"&s={other}.7.2500.7",
        )

        first, second = cells(page)
        assert first[1:] == ["1", "1.5", "50", "index search"]
        assert "backoffice/grid/page.py:12" in first[0]
        assert "SEARCH products USING INDEX" in first[0]
        assert "Its plan reads products whole where ix_products_name_id was searched" in second[0]
        assert second[1:] == ["N+1: 7", "2.5", "7", "whole read of products, worse than before"]
        assert "8 statements" in page.text
        assert "4.0 ms, 57 rows" in page.text

    def test_that_are_not_written_yet_are_said_so(self, client):
        page = visit(client, f"/admin/performance/statements/?page=/&s={UNKNOWN}.1.1.1")

        assert "Some of them are not written yet" in page.text
        assert UNKNOWN in page.text

    def test_that_no_page_of_ours_counted_are_refused(self, client):
        for args in (
            "s=x",
            f"s={UNKNOWN}.1.1",
            f"s={UNKNOWN}.-1.1.1",
            f"s={UNKNOWN}.1.1.9999999999999",
            "&".join([f"s={UNKNOWN}.1.1.1"] * 41),
        ):
            assert client.get(f"/admin/performance/statements/?{args}").status_code == 400, args

    def test_of_forty_shapes_are_taken(self, client):
        args = "&".join(f"s={n:016x}.1.1.1" for n in range(40))

        assert client.get(f"/admin/performance/statements/?{args}").status_code == 200

    def test_of_nothing_say_where_they_come_from(self, client):
        assert "leads here" in client.get("/admin/performance/statements/").text


class TestIndexes:
    def test_stand_on_a_page_of_their_own_with_their_states(self, client):
        page = visit(client, "/admin/performance/indexes/")

        [row] = [row for row in cells(page) if "ix_products_price_id" in row[0]]
        assert row[1] == "Present"
        assert "products: price, id" in row[0]
