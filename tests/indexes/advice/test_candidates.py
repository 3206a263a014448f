"""Indexes that might serve a statement, and those that are needless from the start."""

import pytest

from backoffice.indexes.advice.candidates import (
    LONGEST_NAME,
    Candidate,
    OfferError,
    candidates,
    covered_by,
    offered,
)
from backoffice.indexes.found import Found
from tests.indexes.advice.test_needs import read


def suggested(statement):
    return {str(one) for one in candidates(read(statement).values())}


class TestCandidates:
    def test_have_equal_columns_first_then_the_order(self):
        found = suggested(
            "SELECT * FROM orders WHERE customer_id = ? ORDER BY placed_at, id LIMIT 9"
        )

        assert found == {
            "orders: customer_id",
            "orders: customer_id, placed_at, id",
            "orders: placed_at, id",
        }

    def test_have_equal_columns_first_then_one_span(self):
        found = suggested("SELECT * FROM products WHERE price > ? AND supplier_id = ?")

        assert "products: supplier_id, price" in found

    def test_cover_a_narrow_statement(self):
        found = suggested("SELECT sum(quantity) FROM order_lines WHERE product_id = ?")

        assert found == {"order_lines: product_id", "order_lines: product_id, quantity"}

    def test_index_the_part_that_a_constant_condition_leaves(self):
        found = suggested(
            "SELECT * FROM orders WHERE status IN ('placed', 'paid') ORDER BY placed_at LIMIT 9"
        )

        assert "orders: placed_at WHERE status IN ('placed', 'paid')" in found

    def test_do_not_index_the_part_of_one_value(self):
        found = suggested("SELECT * FROM orders WHERE status = 'paid' ORDER BY placed_at LIMIT 9")

        assert not [one for one in found if "WHERE" in one]

    def test_are_none_for_one_row_by_its_key(self):
        assert suggested("SELECT * FROM orders WHERE id = ?") == set()

    def test_serve_the_inner_side_of_a_join(self):
        found = suggested(
            "SELECT o.number, l.quantity, l.unit_price, l.discount, l.version, l.line_no "
            "FROM orders AS o JOIN order_lines AS l ON l.product_id = o.id"
        )

        assert "order_lines: product_id" in found


class TestName:
    def test_is_that_of_the_convention(self):
        assert Candidate("products", ("price", "id")).name == "ix_products_price_id"

    def test_tells_one_condition_from_another(self):
        one, other = (Candidate("orders", ("id",), where) for where in ("a > 1", "a > 2"))

        assert one.name != other.name

    def test_fits_postgresql(self):
        long = ("ship_postal_code", "ship_country", "ship_region", "ship_street")

        assert len(Candidate("orders", long).name) == LONGEST_NAME


class TestOffered:
    def test_is_read(self):
        found = offered("products: supplier_id, updated_at desc WHERE active")

        assert found == Candidate("products", ("supplier_id", "updated_at DESC"), "active")

    @pytest.mark.parametrize("text", ["products", "nothing: id", "products: colour"])
    def test_is_refused_where_it_is_no_index_of_ours(self, text):
        with pytest.raises(OfferError):
            offered(text)


class TestCoveredBy:
    there = (
        Found("uq_sku", "products", ("sku",), "", unique=True, definition=""),
        Found("ix_price", "products", ("price", "id"), "", unique=False, definition=""),
        Found("ix_part", "products", ("stock",), "(active)", unique=False, definition=""),
        Found("ix_gin", "products", ("sku",), "", unique=False, definition="", method="gin"),
    )

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("products: price, id", "is there already: ix_price"),
            ("products: price", "covered by ix_price (price, id)"),
            ("products: sku, name", "uq_sku finds the one row already"),
            ("products: stock WHERE active", "is there already: ix_part"),
        ],
    )
    def test_says_by_what(self, text, reason):
        assert covered_by(offered(text), self.there, "postgresql") == reason

    @pytest.mark.parametrize("text", ["products: stock", "products: price, name", "orders: price"])
    def test_is_none_where_nothing_is(self, text):
        table, columns = text.split(": ")
        candidate = Candidate(table, tuple(columns.split(", ")))

        assert covered_by(candidate, self.there, "postgresql") is None

    def test_knows_that_sqlite_ends_by_the_key(self):
        there = [Found("ix", "products", ("price",), "", unique=False, definition="")]
        wanted = offered("products: price, id")

        assert covered_by(wanted, there, "sqlite") == "is there already: ix"
        assert covered_by(wanted, there, "postgresql") is None
