"""What the database is asked: by the log, or by a file."""

from datetime import UTC, datetime, timedelta

import pytest

from backoffice.database import db
from backoffice.indexes.advice.advise import schema
from backoffice.indexes.advice.workload import Asked, in_file, recorded, workload
from backoffice.indexes.advice.writes import Cost
from tests.planted import PLANTED, SELDOM, plant

WEEK = timedelta(days=7)


class TestInFile:
    def test_separates_and_counts(self):
        found = list(
            in_file("-- calls: 1_200\nSELECT 1 FROM a WHERE b = ';'\n;\nSELECT 2;\n-- the end\n")
        )

        assert found == [
            Asked("SELECT 1 FROM a WHERE b = ';'", (), 1_200, 1_200),
            Asked("SELECT 2", (), 1, 1),
        ]


class TestRecorded:
    def test_is_the_period_with_its_values(self, session, make):
        make.orders(600, lines=1)
        with db.engine.begin() as connection:
            plant(connection)
            found = list(recorded(connection, datetime.now(UTC) - WEEK))
            later = list(recorded(connection, datetime.now(UTC) + WEEK))
            connection.rollback()

        assert later == []
        asked = {one.statement: one for one in found}
        customers = asked[PLANTED[0].asked(db.engine.dialect.name)]
        assert customers.calls == 900
        assert len(customers.parameters) == 1
        assert SELDOM in asked

    def test_may_be_one_shape(self, session, make):
        make.products(1)
        with db.engine.begin() as connection:
            (first, *_) = plant(connection)
            found = list(recorded(connection, datetime.now(UTC) - WEEK, first))
            connection.rollback()

        assert [one.statement for one in found] == [PLANTED[0].asked(db.engine.dialect.name)]


class TestWorkload:
    def test_counts_writes_by_what_they_set(self):
        found = workload(
            [
                Asked("UPDATE orders SET note=?, version=? WHERE id = ?", (), 7),
                Asked("INSERT INTO orders (number) VALUES (?)", (), 2, 90),
                Asked("DELETE FROM orders WHERE id = ?", (), 3),
            ],
            "sqlite",
            schema(),
        )

        writes = found.writes_to("orders", 10)
        assert (writes.inserts, writes.deletes, writes.assumed) == (90, 3, False)
        assert writes.updates == {frozenset({"note", "version"}): 7}

    def test_assumes_writes_where_none_is_recorded(self):
        found = workload([Asked("SELECT id FROM orders", (), 200)], "sqlite", schema())

        writes = found.writes_to("orders", 10)

        assert writes.assumed
        assert (writes.inserts, sum(writes.updates.values())) == (10, 10)

    def test_may_be_of_one_table(self):
        asked = [Asked("SELECT id FROM orders", (), 1), Asked("SELECT id FROM products", (), 1)]

        found = workload(asked, "sqlite", schema(), table="orders")

        assert [question.statement for question in found.questions] == ["SELECT id FROM orders"]


class TestCost:
    @pytest.mark.parametrize(("column", "seconds"), [("note", 7 * 5), ("number", 7 * 2)])
    def test_is_of_the_columns_that_an_update_sets(self, column, seconds):
        asked = [
            Asked("UPDATE orders SET note=? WHERE id = ?", (), 7),
            Asked("INSERT INTO orders (number) VALUES (?)", (), 3),
        ]
        writes = workload(asked, "sqlite", schema()).writes_to("orders", 10)

        cost = Cost(insert=1e6, update=5e6, other=2e6, delete=0, bare={"insert": 4e6})

        assert cost.of(writes, frozenset({column})) == 3 + seconds
        assert cost.share("insert") == 0.25
        assert cost.share("delete") == 0
