"""The table of indexes on the pages about performance."""

import pytest
from flask import render_template
from sqlalchemy import text

from backoffice.database import db
from backoffice.indexes.report import indexes_of


@pytest.fixture
def shown(app):
    """Runs SQL and returns the table; the SQL is undone."""

    def shown(*statements):
        with app.test_request_context("/"), db.engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
            table = render_template("monitoring/indexes.html", indexes=indexes_of(connection))
            connection.rollback()
        return table

    return shown


class TestTable:
    def test_has_no_warning_where_all_is_as_declared(self, shown):
        page = shown()

        assert "ix_products_name_id" in page
        assert "badge" not in page
        assert "indexes check" not in page

    def test_begins_with_what_is_wrong(self, shown):
        page = shown(
            "DROP INDEX ix_products_name_id", "CREATE INDEX by_hand ON products (price, id)"
        )

        assert page.index("ix_products_name_id") < page.index("ix_customers_name_id")
        assert "The same as ix_products_price_id" in page
        assert "indexes check" in page
