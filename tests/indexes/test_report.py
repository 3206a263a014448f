"""What is known of each index."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from backoffice.database import db
from backoffice.indexes.notes import read_note, write_note
from backoffice.indexes.plan import State
from backoffice.indexes.sizes import shown
from backoffice.models import QueryPlan, QueryShape
from tests.indexes.conftest import reported, run

NAME = "ix_products_name_id"
AT = datetime(2026, 11, 27, 10, 5, tzinfo=UTC)


class TestIndexesOf:
    def test_leaves_those_of_constraints_out_unless_asked(self, context):
        assert not any(index.behind for index in reported().values())
        assert {index.behind for index in reported(behind=True).values()} == {
            "",
            "primary key",
            "unique constraint",
        }

    def test_costs_few_statements_on_postgresql(self, postgresql, statements):
        reported()  # the first time in a process it asks how the declared ones are spelled

        with statements() as ran:
            reported()

        assert len(ran) <= 4

    def test_knows_nothing_of_one_that_is_missing(self, context):
        run(f"DROP INDEX {NAME}")

        index = reported()[NAME]

        assert index.state is State.MISSING
        assert index.size.bytes is index.uses is index.built_at is index.never_used is None
        assert index.size_shown == ""


class TestSizes:
    def test_are_those_of_the_database(self, context, make):
        make.products(3)
        run("ANALYZE products")

        index = reported(exact=True)[NAME]

        assert index.size.bytes in {4096, 16384}
        assert not index.size.is_estimate
        assert index.size.rows == 3

    def test_are_estimated_on_sqlite_where_there_is_no_time(self, sqlite, make):
        make.products(4000)
        run("UPDATE products SET stock = id % 90 + 1, reorder_level = 90", "ANALYZE")

        exact, about = reported(exact=True), reported()

        partial = ("ix_products_stock_value", "ix_products_to_reorder")
        for name in (NAME, "ix_products_supplier_id_updated_at_id", *partial):
            ratio = about[name].size.bytes / exact[name].size.bytes
            assert about[name].size.is_estimate
            assert 0.5 < ratio < 1.5, name
        assert about[NAME].size_shown.startswith("about ")

    def test_are_estimated_where_a_condition_compares(self, sqlite, make):
        make.products(400, stock=1, reorder_level=5)
        run("ANALYZE")

        assert reported()["ix_products_to_reorder"].size.bytes > 4096

    def test_are_unknown_before_anybody_analyzed(self, sqlite):
        run("DELETE FROM sqlite_stat1")

        assert reported()[NAME].size_shown == ""

    @pytest.mark.parametrize(
        ("size", "says"),
        [(0, "0 bytes"), (8192, "8.0 kB"), (41_627_648, "40 MB"), (3 << 30, "3.0 GB")],
    )
    def test_are_shown_as_people_read_them(self, size, says):
        assert shown(size) == says


class TestUses:
    def test_are_counted_by_postgresql(self, postgresql, make):
        make.products(3)
        before = reported()[NAME]
        with db.engine.connect() as connection:
            connection.execute(text("SET enable_seqscan = off"))
            connection.execute(text("SELECT id FROM products WHERE name = 'x'")).all()
            connection.execute(text("SELECT pg_stat_force_next_flush()"))
            connection.rollback()

        after = reported()[NAME]

        assert after.uses > before.uses
        assert not after.uses_are_plans
        assert after.counted_since < datetime.now(UTC)

    def test_are_unknown_on_sqlite_without_recorded_plans(self, sqlite):
        index = reported()[NAME]

        assert index.uses is None
        assert index.never_used is None

    @pytest.mark.parametrize(("days", "unused"), [(8, True), (6, None)])
    def test_are_looked_for_in_recorded_plans_on_sqlite(self, sqlite, days, unused):
        plan = f"SEARCH products USING COVERING INDEX {NAME} (name>?)"
        _record(plan, datetime.now(UTC) - timedelta(days=days))

        index, other = reported()[NAME], reported()["ix_products_price_id"]

        assert (index.uses, index.plans, index.uses_are_plans) == (1, 1, True)
        assert index.never_used is False
        assert other.uses == 0
        assert other.never_used is unused


def _record(plan, seen):
    """As the query log keeps it."""
    shape = QueryShape(
        fingerprint="a", shape="b", statement="c", parameters=[], first_seen=seen, last_seen=seen
    )
    db.session.add(shape)
    db.session.flush()
    db.session.add(
        QueryPlan(
            shape_id=shape.id,
            fingerprint="d",
            plan=plan,
            scans=[],
            sorts=False,
            worse=False,
            release="e",
            first_seen=seen,
            last_seen=seen,
        )
    )
    db.session.commit()


class TestNotes:
    @pytest.mark.parametrize("seconds", [None, 3.2])
    def test_are_read_as_they_were_written(self, seconds):
        assert read_note(write_note(AT, seconds)) == (AT, seconds)

    @pytest.mark.parametrize("comment", ["", "for the yearly report", "built by Ann"])
    def test_are_not_what_people_wrote(self, comment):
        assert read_note(comment) == (None, None)
