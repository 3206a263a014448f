"""Statements and plans in words."""

import pytest

from backoffice.monitoring import words
from backoffice.querylog.plans import Plan
from backoffice.querylog.shape import shape_of

SEARCHED = Plan("SEARCH products USING INDEX ix_products_name_id (name=?)", (), (), False)
WHOLE = Plan("SCAN products", ("products",), (), False)
SORTED = Plan("SCAN products\nUSE TEMP B-TREE FOR ORDER BY", ("products",), (), True)
OTHER = Plan("SEARCH products USING COVERING INDEX ix_products_price_id (price>?)", (), (), False)
BOTH = Plan(f"{SEARCHED.text}\nSEARCH products USING INDEX pk_products (id=?)", (), (), False)
HALF = Plan(
    "SCAN products\nSEARCH products USING INDEX pk_products (id=?)", ("products",), (), False
)
POSTGRESQL = Plan(
    "Sort, sort key name  (cost 12.5, rows 3)\n"
    "  Index Scan using ix_products_name_id on products, index cond (name = 'Bolt''s 8')"
    "  (cost 8.4, rows 1)",
    (),
    (),
    True,
)
SEQUENTIAL = Plan(
    "Seq Scan on products, filter ((price > 12.50) AND (name ~~ '%a%'::text))  (cost 9.1, rows 7)",
    ("products",),
    (),
    False,
)


class TestDifference:
    @pytest.mark.parametrize(
        ("before", "after", "says"),
        [
            (SEARCHED, WHOLE, "reads products whole where ix_products_name_id was searched"),
            (WHOLE, SEARCHED, "searches ix_products_name_id where products was read whole"),
            (WHOLE, SORTED, "sorts its rows where they were read in order"),
            (SORTED, WHOLE, "reads its rows in order where it sorted them"),
            (
                SEARCHED,
                OTHER,
                "no longer uses ix_products_name_id; uses ix_products_price_id",
            ),
            (
                POSTGRESQL,
                SEQUENTIAL,
                (
                    "reads products whole where ix_products_name_id was searched; "
                    "reads its rows in order where it sorted them"
                ),
            ),
            (
                BOTH,
                WHOLE,
                "reads products whole where ix_products_name_id and pk_products were searched",
            ),
            (BOTH, HALF, "reads products whole where ix_products_name_id was searched"),
            (SEARCHED, SEARCHED, ""),
        ],
    )
    def test_says_what_is_read_otherwise(self, before, after, says):
        assert words.difference(before, after) == says


class TestPlanInAWord:
    def test_names_tables_and_no_subqueries(self):
        assert words.plan_in_a_word(["page", "products", "orders"], True) == (
            "whole read of products and orders, sorts"
        )
        assert words.plan_in_a_word(["anon_1"], False) == "index search"
        assert words.plan_in_a_word(None, None) == ""


class TestWithoutValues:
    def test_leaves_structure_and_estimates(self):
        assert words.without_values(POSTGRESQL.text) == (
            "Sort, sort key name  (cost 12.5, rows 3)\n"
            "  Index Scan using ix_products_name_id on products, index cond (name = ?)"
            "  (cost 8.4, rows 1)"
        )
        assert words.without_values(SEQUENTIAL.text) == (
            "Seq Scan on products, filter ((price > ?) AND (name ~~ ?))  (cost 9.1, rows 7)"
        )

    def test_leaves_nothing_of_a_text_with_line_breaks(self):
        text = (
            "Seq Scan on customers, filter (name = 'Olga\n  (cost 1, rows 1)\nO''Hara'::text)"
            "  (cost 9.1, rows 7)"
        )

        assert words.without_values(text) == (
            "Seq Scan on customers, filter (name = ?)  (cost 9.1, rows 7)"
        )

    def test_leaves_the_numbers_of_sqlite_s_subqueries(self):
        text = "SCALAR SUBQUERY 3\n  SEARCH t2 USING INDEX ix_t2_9 (a=?)"

        assert words.without_values(text) == text


class TestShortened:
    def test_keeps_tables_and_conditions_rather_than_columns(self):
        shape = shape_of(
            "SELECT products.id, products.sku, products.name, suppliers.name AS supplier, "
            "products.price FROM products JOIN suppliers ON suppliers.id = products.supplier_id "
            "WHERE products.id IN (SELECT order_lines.product_id FROM order_lines WHERE 1 = 1)"
        )

        assert words.shortened(shape) == (
            "SELECT products.id, … FROM products JOIN suppliers ON "
            "suppliers.id = products.supplier_id WHERE products.id IN (…)"
        )

    def test_keeps_the_end_of_what_is_too_long(self):
        joins = " ".join(f"JOIN suppliers AS s{n} ON s{n}.id = products.id" for n in range(9))

        said = words.shortened(f"SELECT a FROM products {joins} WHERE b = ? ORDER BY c")

        assert len(said) <= 180
        assert " … " in said
        assert said.startswith("SELECT a FROM products JOIN")
        assert said.endswith("WHERE b = ? ORDER BY c")

    def test_leaves_of_a_route_s_part_its_name(self):
        route = "/admin/imports/<any('a', 'b'):kind>/<int:id>/<name>"

        assert words.route_in_words(route) == "/admin/imports/<kind>/<id>/<name>"

    def test_takes_no_part_of_a_subquery_for_the_statement_s_own(self):
        shape = "SELECT a, (SELECT n FROM b) AS n, c FROM d WHERE e IN (?, …)"

        assert words.shortened(shape) == "SELECT a, (…) AS n, c FROM d WHERE e IN (?, …)"

    @pytest.mark.parametrize(
        "shape", ["", "SELECT ?", "SELECT (", ")))", "x" * 10_000, "SELECT " + "a, " * 99]
    )
    def test_takes_any_text(self, shape):
        assert len(words.shortened(shape)) <= 180
        assert words.laid_out(shape) is not None


class TestFigures:
    def test_have_as_many_places_as_tell_something(self):
        assert [words.milliseconds(n) for n in (0, 12, 340, 1_234, 1_234_567)] == [
            "0.0",
            "0.01",
            "0.34",
            "1.2",
            "1,234.6",
        ]
        assert [words.per(n, 4) for n in (0, 8, 9, 999)] == ["0", "2", "2.2", "250"]
        assert words.percent(1, 8) == "12.5"
        assert words.percent(1, 0) == ""
