"""What is read from the plans of both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, func, select, text

from backoffice.database import db
from backoffice.models import Product, Supplier
from backoffice.querylog.plans import Plan, explain


@pytest.fixture
def plan_of(app, make):
    """Explains a statement over a few products, without the planner's way with small tables."""

    def plan_of(statement, connection: Connection | None = None) -> Plan:
        with app.app_context(), db.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                for way in ("seqscan", "bitmapscan"):
                    connection.execute(text(f"SET LOCAL enable_{way} = off"))
            compiled = statement.compile(connection)
            values = compiled.params
            if connection.dialect.positional:
                values = tuple(values[name] for name in compiled.positiontup)
            return explain(connection, str(compiled), values)

    make.products(3)
    return plan_of


class TestPlan:
    def test_names_the_index_that_is_searched(self, plan_of):
        plan = plan_of(select(Product.name).where(Product.sku == "x"))

        assert plan.scans == ()
        assert not plan.sorts
        assert plan.indexes

    def test_names_the_table_that_is_read_whole_and_not_its_alias(self, plan_of):
        other = Product.__table__.alias("p")

        plan = plan_of(select(other.c.name).where(other.c.description == "x"))

        assert plan.scans == ("products",)

    def test_says_that_rows_are_sorted(self, plan_of):
        plan = plan_of(select(Product.name).order_by(Product.description))

        assert plan.sorts

    def test_takes_no_count_up_to_a_limit_for_a_whole_read(self, plan_of):
        some = select(Product.description).limit(10).subquery()

        plan = plan_of(select(func.count()).select_from(some))

        assert "products" not in plan.scans

    def test_takes_a_search_for_what_is_rare_for_one_in_spite_of_its_limit(self, plan_of):
        some = select(Product.id).where(Product.description == "x").limit(10).subquery()

        plan = plan_of(select(func.count()).select_from(some))

        assert "products" in plan.scans

    def test_says_nothing_of_sorting_the_rows_of_a_page(self, plan_of):
        page = select(Product.id).order_by(Product.price, Product.id).limit(10).subquery("page")
        # By what no index orders: else PostgreSQL may keep the page's own order.
        of_page = select(Product.name).join(page, page.c.id == Product.id)
        rows = of_page.order_by(Product.description)

        plan = plan_of(rows)

        assert plan.sorted
        assert not plan.sorts

    def test_has_a_line_a_step(self, plan_of):
        joined = select(Product.name, Supplier.name.label("supplier")).join(Product.supplier)

        plan = plan_of(joined.where(Product.sku == "x"))

        assert len(plan.text.splitlines()) >= 2
        assert "products" in plan.text


class TestFingerprint:
    def test_is_the_same_whatever_the_values(self, plan_of):
        one, two = (plan_of(select(Product.name).where(Product.sku == sku)) for sku in ("a", "bb"))

        assert one.fingerprint == two.fingerprint

    def test_is_the_same_whatever_is_expected(self):
        one, two = (
            Plan(
                f"Seq Scan on products, filter (name = '{name}')  (cost {cost}, rows 7)",
                (),
                (),
                False,
            )
            for name, cost in (("a\nb  (cost 3)", 1.25), ("c", 900))
        )

        assert one.fingerprint == two.fingerprint

    def test_differs_when_the_way_does(self, plan_of):
        one = plan_of(select(Product.name).where(Product.sku == "a"))
        two = plan_of(select(Product.name).where(Product.description == "a"))

        assert one.fingerprint != two.fingerprint
        assert two.worse_than(one)
        assert not one.worse_than(two)
