"""Which index makes which other one needless."""

import pytest
from sqlalchemy import text

from backoffice.database import db
from backoffice.indexes.report import indexes_of

NAME = "ix_products_name_id"


@pytest.fixture
def overlaps(app):
    """Runs SQL and returns name -> (the same as, covered by); the SQL is undone."""

    def overlaps(*statements):
        with app.app_context(), db.engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
            found = {
                index.name: (index.duplicate_of, index.covered_by)
                for index in indexes_of(connection, behind=True)
                if index.duplicate_of or index.covered_by
            }
            connection.rollback()
        return found

    return overlaps


class TestDeclaredIndexes:
    def test_none_is_needless(self, overlaps):
        assert overlaps() == {}


class TestDuplicates:
    def test_is_the_one_made_by_hand(self, overlaps):
        found = overlaps("CREATE INDEX a_by_hand ON products (name, id)")

        assert found == {"a_by_hand": (NAME, None)}

    def test_is_told_of_expressions_and_conditions(self, overlaps):
        found = overlaps(
            "CREATE INDEX by_hand ON products ((stock * price), id) WHERE active AND stock > 0"
        )

        assert found == {"by_hand": ("ix_products_stock_value", None)}

    def test_is_the_one_that_no_constraint_needs(self, overlaps):
        found = overlaps("CREATE UNIQUE INDEX a_by_hand ON products (sku)")

        assert found["a_by_hand"][0].startswith(("uq_products_sku", "sqlite_autoindex_products"))

    @pytest.mark.parametrize(
        "index",
        [
            "INDEX by_hand ON products (id, name)",
            "INDEX by_hand ON products (name DESC, id)",
            "INDEX by_hand ON products (name, id) WHERE active",
            "UNIQUE INDEX by_hand ON products (name, id)",
        ],
    )
    def test_is_none_with_another_order_condition_or_uniqueness(self, overlaps, index):
        assert "by_hand" not in overlaps(f"CREATE {index}")


class TestCovered:
    def test_by_one_that_begins_with_the_same(self, overlaps):
        found = overlaps("CREATE INDEX by_hand ON products (supplier_id, updated_at)")

        assert found == {"by_hand": (None, "ix_products_supplier_id_updated_at_id")}

    def test_by_the_one_behind_a_constraint(self, overlaps):
        found = overlaps("CREATE INDEX by_hand ON order_lines (order_id)")

        assert found["by_hand"][1].startswith(("uq_order_lines", "sqlite_autoindex_order_lines"))

    @pytest.mark.parametrize(
        "index",
        [
            "UNIQUE INDEX by_hand ON products (name)",
            "INDEX by_hand ON products (name) WHERE stock > 5",
            "INDEX by_hand ON products (updated_at, supplier_id)",
        ],
    )
    def test_not_if_it_forbids_or_holds_other_rows_or_begins_otherwise(self, overlaps, index):
        assert "by_hand" not in overlaps(f"CREATE {index}")
