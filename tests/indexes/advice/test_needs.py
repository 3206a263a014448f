"""What a statement asks of each table, read from its text."""

import pytest

from backoffice.indexes.advice.advise import schema
from backoffice.indexes.advice.needs import needs, parsed, write_of
from tests.conftest import BOTH


def read(statement, dialect="sqlite"):
    """Table -> what is asked of it."""
    tree = parsed(statement, dialect)
    assert tree is not None
    return {need.table: need for need in needs(tree, dialect, schema())}


class TestNeeds:
    def test_tell_values_from_joins_and_spans(self):
        found = read(
            "SELECT p.id, s.name FROM products AS p JOIN suppliers AS s ON s.id = p.supplier_id "
            "WHERE p.category_id = ? AND p.stock > ? AND p.sku IN (?, ?)"
        )

        assert found["products"].equal == ["category_id", "sku"]
        assert found["products"].joined == ["supplier_id"]
        assert found["products"].spans == ["stock"]
        assert found["suppliers"].joined == ["id"]

    def test_read_the_driver_of_postgresql(self):
        found = read(
            "SELECT orders.id FROM orders WHERE orders.customer_id = %(c_1)s::BIGINT "
            "AND (orders.placed_at, orders.id) < (%(p)s::TIMESTAMP WITH TIME ZONE, %(q)s::BIGINT) "
            "ORDER BY orders.placed_at DESC, orders.id DESC LIMIT %(param_1)s::INTEGER",
            "postgresql",
        )["orders"]

        assert found.equal == ["customer_id"]
        assert found.spans == ["placed_at"]
        assert found.order == ("placed_at", "id")
        assert found.limited

    def test_mark_the_columns_that_run_against_the_first(self):
        found = read("SELECT id FROM products ORDER BY price DESC, name, id DESC LIMIT 9")

        assert found["products"].order == ("price", "name DESC", "id")

    def test_take_the_outer_row_of_exists_for_a_value(self):
        found = read(
            "SELECT id FROM products WHERE NOT EXISTS "
            "(SELECT 1 FROM order_lines WHERE order_lines.product_id = products.id)"
        )

        assert found["order_lines"].joined == ["product_id"]
        assert found["products"].equal == []

    def test_keep_conditions_that_stand_in_the_text(self):
        found = read(
            "SELECT id FROM orders WHERE orders.status IN ('placed', 'paid') "
            "AND orders.shipped_at IS NULL AND orders.customer_id = ?"
        )["orders"]

        assert found.conditions == {
            "status": "status IN ('placed', 'paid')",
            "shipped_at": "shipped_at IS NULL",
        }

    def test_look_into_each_branch_of_or(self):
        tree = parsed("SELECT id FROM orders WHERE number = ? OR ship_name = ?", "sqlite")

        found = [need.equal for need in needs(tree, "sqlite", schema()) if need.equal]

        assert found == [["number"], ["ship_name"]]

    @pytest.mark.parametrize("dialect", BOTH)
    def test_of_an_update_are_what_it_writes(self, dialect):
        value = "?" if dialect == "sqlite" else "%(a)s"
        tree = parsed(f"UPDATE products SET stock={value}, name={value} WHERE id = 3", dialect)

        write = write_of(tree)

        assert (write.kind, write.table) == ("update", "products")
        assert write.columns == {"stock", "name"}

    def test_of_what_is_no_sql_are_none(self):
        assert parsed("SELECT FROM WHERE (", "sqlite") is None
