"""Filters, and what a list makes of an address that says nonsense."""

from datetime import UTC, datetime

import pytest

from tests.grid.sections import TABLES
from tests.pages import visit


def keys(client, table, **arguments):
    return sorted(visit(client, f"/admin/{table}/", **arguments).keys)


class TestChoice:
    def test_narrows_to_one_value(self, client, make):
        make.suppliers(code="ON")
        make.suppliers(code="OFF", active=False)

        assert keys(client, "suppliers", active="yes") == ["ON"]
        assert keys(client, "suppliers", active="no") == ["OFF"]
        assert keys(client, "suppliers", active="") == ["OFF", "ON"]

    def test_knows_every_status_of_an_order(self, client, make):
        for status in ("draft", "placed", "paid", "shipped", "delivered", "cancelled"):
            make.orders(number=status, status=status)

        for status in ("draft", "placed", "paid", "shipped", "delivered", "cancelled"):
            page = visit(client, "/admin/orders/", status=status)
            assert page.keys == [status]
            assert page.chips == [f"Status: {status.capitalize()}"]

    def test_complains_of_an_unknown_value_and_leaves_it_out(self, client, make):
        make.orders(2)

        page = visit(client, "/admin/orders/", status="lost")

        assert page.status == 400
        assert "Status cannot be 'lost'" in page.messages[0]
        assert "The filter was left out" in page.messages[0]
        assert len(page.rows) == 2
        assert page.chips == []


class TestText:
    def test_is_exactly_what_the_column_holds(self, client, make):
        make.customers(code="SE", country="Sweden")
        make.customers(code="SEN", country="Sweden North")

        assert keys(client, "customers", country="Sweden") == ["SE"]
        assert keys(client, "customers", country="Swed%") == []

    def test_longer_than_the_column_finds_nothing(self, client, make):
        make.customers(country="x" * 200)

        assert keys(client, "customers", country="x" * 201) == []

    def test_begins_or_contains(self, client, make):
        make.customers(code="A", name="Northwind", country="Sweden")
        make.customers(code="B", name="Nord Sea", country="Norway")

        assert keys(client, "customers", **{"name.begins": "Nor"}) == ["A", "B"]
        assert keys(client, "customers", **{"name.begins": "North"}) == ["A"]
        assert keys(client, "customers", **{"name.contains": "WIND"}) == ["A"]
        assert keys(client, "customers", **{"country.begins": "S", "name.contains": "nor"}) == ["A"]


class TestSeveralValues:
    def test_of_one_filter_mean_any_of_them(self, client, make):
        for status in ("draft", "placed", "paid"):
            make.orders(number=status, status=status)

        page = visit(client, "/admin/orders/?status=draft&status=paid")

        assert sorted(page.keys) == ["draft", "paid"]
        assert page.chips == ["Status: Draft", "Status: Paid"]

    def test_come_off_one_by_one(self, client, make):
        make.orders(1)

        page = visit(client, "/admin/orders/?status=draft&status=paid")
        removals = [a.get("href") for a in page.root.all("a") if a.text == "×"]

        assert removals == ["/admin/orders/?status=paid", "/admin/orders/?status=draft"]

    def test_are_bounded_in_number(self, client, make):
        make.orders(1)

        page = visit(client, "/admin/products/?" + "&".join(f"name=x{n}" for n in range(60)))

        assert page.status == 400
        assert "A filter takes 50 values" in page.messages[0]

    def test_are_kept_by_pages_and_forms(self, client, make):
        make.orders(60, status="paid")

        page = visit(client, "/admin/orders/?status=draft&status=paid&page_size=25")
        following = visit(client, page.links["next"])
        hidden = [f.get("value") for f in page.root.all("input") if f.get("name") == "status"]

        assert following.chips == ["Status: Draft", "Status: Paid"]
        assert hidden.count("paid") >= 2  # of the jump, and of the page size


class TestSpan:
    def test_of_amounts_holds_both_ends(self, client, make):
        make.products(5)

        between = {"price.from": "2", "price.to": "4.00"}
        assert keys(client, "products", **between) == ["SKU0002", "SKU0003", "SKU0004"]
        page = visit(client, "/admin/products/", **between)
        assert page.chips == ["Price from: 2", "Price to: 4.00"]

    def test_of_moments_ends_before_its_end(self, client, make):
        make.orders(3)  # at 13, 14 and 15 o'clock

        span = {"placed_at.from": "2026-01-01 14:00", "placed_at.before": "2026-01-01 15:00"}

        assert keys(client, "orders", **span) == ["ORD0002"]
        assert keys(client, "orders", **{"placed_at.before": "2026-01-02"})[-1] == "ORD0003"

    @pytest.mark.parametrize(
        ("name", "text", "says"),
        [
            ("price.from", "cheap", "'cheap' is not an amount"),
            ("price.to", "1,5", "Write decimals with a point"),
            ("price.to", "1e9", "is not an amount"),
            ("updated_at.from", "yesterday", "is not a date and time"),
            ("reorder", "maybe", "'maybe' is not 'yes'"),
            ("name.contains", "ab", "three characters or more"),
        ],
    )
    def test_complains_of_what_is_no_value(self, client, make, name, text, says):
        make.products(2)

        page = visit(client, "/admin/products/", **{name: text})

        assert page.status == 400
        assert says in page.messages[0]
        assert len(page.rows) == 2


class TestEmpty:
    def test_finds_rows_without_a_value(self, client, make):
        category = make.categories()[0]
        make.products(sku="IN", category_id=category)
        make.products(sku="OUT")

        page = visit(client, "/admin/products/", **{"category.empty": "yes"})

        assert page.keys == ["OUT"]
        assert page.chips == ["Category none"]

    def test_finds_orders_that_wait(self, client, make):
        make.orders(number="SENT", shipped_at=datetime(2027, 1, 1, tzinfo=UTC))
        make.orders(number="WAITS")

        assert keys(client, "orders", **{"shipped_at.empty": "yes"}) == ["WAITS"]


class TestFlag:
    def test_finds_the_rows_of_a_partial_index(self, client, make):
        make.products(sku="SHORT", stock=1, reorder_level=5)
        make.products(sku="OFF", stock=1, reorder_level=5, active=False)
        make.products(sku="FULL", stock=9, reorder_level=5)

        assert keys(client, "products", reorder="yes") == ["SHORT"]


class TestState:
    def test_finds_products_on_sale_by_their_stock(self, client, make):
        make.products(sku="OUT", stock=0, reorder_level=0)
        make.products(sku="LOW", stock=5, reorder_level=5)
        make.products(sku="IN", stock=6, reorder_level=5)
        make.products(sku="OFF", stock=0, reorder_level=5, active=False)

        assert keys(client, "products", stock="out") == ["OUT"]
        assert keys(client, "products", stock="low") == ["LOW"]
        assert keys(client, "products", stock="in") == ["IN"]
        assert keys(client, "products", stock=["out", "low"]) == ["LOW", "OUT"]
        assert visit(client, "/admin/products/", stock="out").chips == ["Stock: Out of stock"]


class TestReferred:
    @pytest.fixture(autouse=True)
    def goods(self, make):
        for code in ("ACME", "NORD"):
            supplier = make.suppliers(code=code, name=f"{code} Ltd")[0]
            make.products(sku=f"OF-{code}", supplier_id=supplier)

    def test_narrows_by_natural_key(self, client):
        page = visit(client, "/admin/products/", supplier="NORD")

        assert page.keys == ["OF-NORD"]
        assert page.chips == ["Supplier: NORD"]

    def test_of_an_unknown_key_is_an_empty_list_with_a_way_on(self, client):
        page = visit(client, "/admin/products/", supplier="NOBODY")

        assert page.status == 200
        assert page.rows == []
        assert "No product matches" in page.text
        assert "Clear search and filters" in page.text

    def test_of_an_endless_key_is_an_empty_list(self, client):
        assert keys(client, "products", supplier="N" * 5000) == []

    def test_costs_no_statement_of_its_own(self, client, statements):
        with statements() as ran:
            visit(client, "/admin/products/", supplier="NORD")

        assert len(ran) == 3, "\n".join(ran)

    def test_go_together_with_others_and_come_off_one_by_one(self, client, make):
        make.categories(name="Tea")
        page = visit(client, "/admin/products/", supplier="NORD", active="yes", search="of")
        removals = [chip.get("href") for chip in page.root.all("a") if chip.text == "×"]

        assert page.keys == ["OF-NORD"]
        assert page.chips == ["Search: of", "Supplier: NORD", "Active: Yes"]
        assert removals == [
            "/admin/products/?supplier=NORD&active=yes",
            "/admin/products/?search=of&active=yes",
            "/admin/products/?search=of&supplier=NORD",
        ]


@pytest.mark.parametrize("table", TABLES)
class TestEveryList:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"sort": "password"}, "cannot be sorted by 'password'"),
            ({"sort": "id; DROP TABLE users"}, "cannot be sorted by"),
            ({"page_size": "1000000"}, "A page has 25, 50, 100, 200 rows, not '1000000'"),
            ({"page_size": "-1"}, "not '-1'"),
        ],
    )
    def test_complains_of_what_it_does_not_know(self, client, make, table, arguments, says):
        getattr(make, table)(2)

        page = visit(client, f"/admin/{table}/", **arguments)

        assert page.status == 400
        assert says in page.messages[0]
        assert len(page.rows) == 2

    def test_ignores_arguments_of_others(self, client, make, table):
        getattr(make, table)(1)

        page = visit(client, f"/admin/{table}/", utm_source="mail", id="7", page="3")

        assert page.status == 200
        assert len(page.rows) == 1

    def test_invites_to_add_the_first_where_there_is_none(self, client, table):
        page = visit(client, f"/admin/{table}/")

        assert page.status == 200
        assert f"No {table} yet" in page.text
