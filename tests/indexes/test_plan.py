"""Declared indexes against those of the database."""

import pytest
from sqlalchemy import text

from backoffice.database import db
from backoffice.indexes.plan import State, compare

NAME = "ix_products_name_id"


@pytest.fixture
def states(app):
    """Runs SQL and returns name -> state of every index; the SQL is undone."""

    def states(*statements):
        with app.app_context(), db.engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
            found = {index.name: index.state for index in compare(connection)}
            connection.rollback()
        return found

    return states


class TestCompare:
    def test_finds_all_present_where_all_were_built(self, states):
        assert set(states().values()) == {State.PRESENT}

    def test_finds_the_missing_one(self, states):
        found = states(f"DROP INDEX {NAME}")

        assert found.pop(NAME) is State.MISSING
        assert set(found.values()) == {State.PRESENT}

    def test_finds_one_over_other_columns(self, states):
        found = states(f"DROP INDEX {NAME}", f"CREATE INDEX {NAME} ON products (name)")

        assert found[NAME] is State.DIFFERENT

    def test_finds_one_over_other_rows(self, states):
        found = states(
            f"DROP INDEX {NAME}", f"CREATE INDEX {NAME} ON products (name, id) WHERE active"
        )

        assert found[NAME] is State.DIFFERENT

    @pytest.mark.parametrize(
        ("name", "made"),
        [
            ("ix_products_to_reorder", "INDEX {} ON products (stock, id) WHERE active"),
            ("ix_products_stock_value", "INDEX {} ON products ((stock + price), id) WHERE {rows}"),
            (NAME, "INDEX {} ON products (name DESC, id)"),
            (NAME, "UNIQUE INDEX {} ON products (name, id)"),
        ],
    )
    def test_finds_other_conditions_expressions_directions_and_uniqueness(self, states, name, made):
        made = made.format(name, rows="active AND stock > 0")

        found = states(f"DROP INDEX {name}", f"CREATE {made}")

        assert found.pop(name) is State.DIFFERENT
        assert set(found.values()) == {State.PRESENT}

    def test_takes_one_that_is_only_written_otherwise(self, states):
        found = states(
            "DROP INDEX ix_products_stock_value",
            "create index ix_products_stock_value\n  on products( ( stock*price ) , id asc)\n"
            "  where  active  and stock>0",
        )

        assert set(found.values()) == {State.PRESENT}

    def test_finds_what_nobody_declared(self, states):
        found = states("CREATE INDEX by_hand ON products (lower(name), stock)")

        assert found["by_hand"] is State.UNDECLARED

    def test_leaves_out_the_indexes_of_constraints(self, states):
        assert not [name for name in states() if name.startswith(("uq_", "pk_", "sqlite_"))]

    def test_tells_an_invalid_one(self, apps, states, request):
        if "sqlite" in request.node.name:
            pytest.skip("SQLite builds whole or not at all")

        found = states(
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{NAME}'::regclass"
        )

        assert found[NAME] is State.INVALID
