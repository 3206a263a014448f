"""Suggestions of a typeahead, and references typed by key."""

import pytest

from backoffice import references
from backoffice.database import db
from backoffice.grid.reference import MOST_SUGGESTIONS, find
from tests import stored

REFERENCES = {
    "suppliers": references.SUPPLIER,
    "categories": references.CATEGORY,
    "customers": references.CUSTOMER,
    "products": references.PRODUCT,
}


def suggested(client, text, table="suppliers"):
    response = client.get(f"/admin/{table}/lookup/", query_string={"q": text})
    assert response.status_code == 200
    return [row["key"] for row in response.json]


class TestSuggestions:
    @pytest.fixture(autouse=True)
    def companies(self, make):
        for code, name in (
            ("ACME", "Acme Limited"),
            ("NORD", "Nordwind GmbH"),
            ("nw", "new world foods"),
            ("P_C", "100% Pure"),
            ("PXC", "100 Pure"),
        ):
            make.suppliers(code=code, name=name)

    @pytest.mark.parametrize("text", ["nord", "NORD", "Nord", "Nordwind g", "nordwind G"])
    def test_begin_with_what_was_typed_in_any_usual_capitals(self, client, text):
        assert "NORD" in suggested(client, text)

    def test_are_found_by_capitals_where_there_are_none(self, client):
        assert suggested(client, "NW") == suggested(client, "New World") == ["nw"]

    def test_are_of_code_and_name(self, client):
        assert suggested(client, "n") == ["NORD", "nw"]
        assert suggested(client, "ac") == ["ACME"]

    def test_are_not_of_a_middle(self, client):
        assert suggested(client, "wind") == []

    def test_take_signs_literally(self, client):
        assert suggested(client, "100%") == ["P_C"]
        assert suggested(client, "P_") == ["P_C"]
        assert suggested(client, "\\") == []

    @pytest.mark.parametrize("text", ["", "   "])
    def test_of_nothing_are_none_and_cost_only_the_user(self, client, statements, text):
        with statements() as ran:
            assert suggested(client, text) == []

        assert len(ran) == 1

    def test_carry_key_and_label(self, client):
        rows = client.get("/admin/suppliers/lookup/?q=acme").json

        assert rows == [{"key": "ACME", "label": "Acme Limited"}]

    def test_of_a_whole_code_as_long_as_a_code_may_be_find_it(self, client, make):
        make.suppliers(code="L" * 64)

        assert suggested(client, "L" * 64) == ["L" * 64]

    def test_of_more_than_any_text_holds_are_none(self, client):
        assert suggested(client, "n" * 10_000) == []


class TestManySuggestions:
    def test_are_ten_at_most(self, client, make):
        make.suppliers(30)

        assert len(suggested(client, "sup")) == MOST_SUGGESTIONS == 10

    def test_name_a_row_once_that_is_found_by_both(self, client, make):
        make.suppliers(code="SUN", name="Sunshine")

        assert suggested(client, "sun") == ["SUN"]

    def test_of_a_product_carry_its_price(self, client, make):
        make.products(1)

        (row,) = client.get("/admin/products/lookup/?q=sku").json

        assert row["price"] == "1.00"

    def test_are_not_offered_for_orders(self, client, make):
        make.orders(1)

        assert suggested(client, "ORD", "orders") == []


@pytest.mark.parametrize("table", REFERENCES)
class TestCost:
    def test_is_one_statement_that_reads_ranges_of_indexes(self, app, make, table):
        reference = REFERENCES[table]
        getattr(make, table)(200)

        plans = stored.plan(app, lambda: db.session.execute(reference.suggestions("Pro")).all())

        ((statement, lines),) = plans
        plan = "\n".join(lines)
        assert f"SCAN {table}" not in plan, f"{statement}\n{plan}"
        assert "Seq Scan" not in plan, f"{statement}\n{plan}"
        assert "ix_" in plan or "uq_" in plan or "autoindex" in plan, plan


class TestFind:
    def test_answers_for_all_keys_at_once(self, make, session, statements):
        make.suppliers(3)

        with statements() as ran:
            found = find(session, references.SUPPLIER, {"SUP1", "SUP3", "NOBODY"})

        assert len(ran) == 1
        assert {key: row[2] for key, row in found.items()} == {
            "SUP1": "Supplier 1",
            "SUP3": "Supplier 3",
        }

    def test_asks_nothing_for_no_keys(self, session, statements):
        with statements() as ran:
            assert find(session, references.SUPPLIER, set()) == {}

        assert ran == []
