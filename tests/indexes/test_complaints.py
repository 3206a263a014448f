"""What `indexes check` says, one line a difference."""

import pytest
from sqlalchemy import text

from backoffice.database import db
from backoffice.indexes.complaints import complaints
from backoffice.indexes.report import indexes_of

NAME = "ix_products_name_id"


@pytest.fixture
def said(app):
    """Runs SQL and returns the complaints as (name, problem, is a warning); the SQL is undone."""

    def said(*statements):
        with app.app_context(), db.engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
            found = list(complaints(connection, indexes_of(connection)))
            connection.rollback()
        assert all(complaint.remedy for complaint in found)
        return [(one.name, one.problem, one.is_warning) for one in found]

    return said


class TestComplaints:
    def test_none_where_all_is_as_declared(self, said):
        assert said() == []

    def test_of_a_missing_one(self, said):
        assert said(f"DROP INDEX {NAME}") == [(NAME, "missing", False)]

    def test_of_a_different_one_says_how(self, said):
        found = said(f"DROP INDEX {NAME}", f"CREATE INDEX {NAME} ON products (name, stock)")

        assert found == [(NAME, "over name, stock, declared over name, id", False)]

    def test_of_one_for_other_rows(self, said):
        found = said(
            f"DROP INDEX {NAME}", f"CREATE INDEX {NAME} ON products (name, id) WHERE active"
        )

        assert [(name, "for other rows" in problem) for name, problem, _ in found] == [(NAME, True)]

    def test_of_one_that_nobody_declared(self, said):
        found = said("CREATE INDEX by_hand ON products (stock, name)")

        assert found == [("by_hand", "not declared", False)]

    def test_of_a_doubled_one_once(self, said):
        found = said("CREATE INDEX by_hand ON products (name, id)")

        assert found == [("by_hand", f"the same as {NAME}", False)]

    def test_of_a_covered_one_is_a_warning_beside(self, said):
        found = said("CREATE INDEX by_hand ON products (name)")

        assert [(name, is_warning) for name, _, is_warning in found] == [
            ("by_hand", False),
            ("by_hand", True),
        ]

    def test_of_what_an_interrupted_build_left(self, said, request):
        if "sqlite" in request.node.name:
            pytest.skip("SQLite builds whole or not at all")

        found = said(
            "CREATE INDEX by_hand_ccnew ON products (name, stock)",
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN "
            f"('{NAME}'::regclass, 'by_hand_ccnew'::regclass)",
        )

        assert found == [
            ("by_hand_ccnew", "invalid and not declared", False),
            (NAME, "invalid, left by an interrupted build", False),
        ]

    def test_of_the_search_of_sqlite(self, said, request):
        if "postgresql" in request.node.name:
            pytest.skip("PostgreSQL's search is an index")

        ((name, problem, _),) = said("DROP TRIGGER categories_search_insert")

        assert name == "categories_search"
        assert "trigger is gone" in problem
