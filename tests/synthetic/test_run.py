"""Synthetic rows: plausible, repeatable, on top of what is there."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select, text

from backoffice.database import db
from backoffice.models import Category, Customer, HistoryEntry, Order, OrderLine, Product, Supplier
from backoffice.synthetic import run, words
from backoffice.synthetic.run import UnsuitableError, Wanted, generate
from tests import stored

SMALL = Wanted(suppliers=20, products=200, customers=50, orders=300)
UNTIL = date(2026, 6, 1)
TABLES = (Supplier, Category, Product, Customer, Order, OrderLine)


def everything():
    """The rows of all tables, as both databases give them to Python."""
    return {
        model.__tablename__: [
            tuple(
                value
                for name, value in row.items()
                # Stamped by the clock.
                if not (model is Category and name in {"created_at", "updated_at"})
            )
            for row in db.session.execute(
                select(*model.__table__.columns).order_by(model.id)
            ).mappings()
        ]
        for model in TABLES
    }


def count(model, *conditions):
    return db.session.scalar(select(func.count()).select_from(model).where(*conditions))


class TestGenerate:
    def test_adds_what_is_wanted(self, session):
        added = {result.table: result.rows for result in generate(SMALL, until=UNTIL)}

        assert added == {
            "suppliers": 20,
            "products": 200,
            "customers": 50,
            "orders": 300,
            "order_lines": count(OrderLine),
        }
        assert count(Product) == 200
        assert 800 < count(OrderLine) < 1000
        assert count(Category) == len(words.CATEGORIES)

    def test_gives_the_same_rows_for_the_same_seed_on_both_databases(self, new_app):
        seen = []
        for kind, seed in (("sqlite", 7), ("postgresql", 7), ("sqlite", 8)):
            with new_app(kind).app_context():
                generate(SMALL, seed=seed, until=UNTIL)
                seen.append(everything())

        assert seen[0] == seen[1]
        assert seen[0]["products"] != seen[2]["products"]

    def test_goes_on_from_the_rows_that_are_there(self, session, make):
        make.products(3)
        generate(SMALL)

        generate(SMALL)

        assert count(Product) == 403
        assert count(Supplier) == 41
        assert count(Category) == len(words.CATEGORIES)

    def test_leaves_the_keys_to_people_who_add_rows_meanwhile(self, session, make):
        generate(SMALL)

        (supplier,) = make.suppliers(1, code="by hand")

        assert supplier > session.scalar(
            select(func.max(Supplier.id)).where(Supplier.code != "by hand")
        )

    def test_refers_to_rows_with_gaps_between_their_keys(self, session):
        generate(SMALL)
        used = "SELECT product_id FROM order_lines"
        session.execute(text(f"DELETE FROM products WHERE id % 3 = 0 AND id NOT IN ({used})"))
        session.commit()

        generate(Wanted(products=100, orders=50))

        assert count(Order) == 350

    def test_writes_in_chunks_each_on_its_own(self, session, monkeypatch):
        monkeypatch.setattr(run, "ROWS_A_CHUNK", 60)
        steps = []

        generate(Wanted(suppliers=5, products=130), progress=steps.append)

        assert steps == [5, 60, 60, 10]
        assert count(Product) == 130

    def test_keeps_and_records_what_came_before_an_interruption(self, session, monkeypatch):
        monkeypatch.setattr(run, "ROWS_A_CHUNK", 60)

        def interrupt(rows):
            if rows == 60:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            generate(Wanted(suppliers=5, products=130), progress=interrupt)

        assert count(Product) == 60
        assert session.scalar(select(HistoryEntry.changes))["products"] == [None, 60]

    def test_is_in_the_history_as_far_as_it_has_come(self, app, session, monkeypatch):
        monkeypatch.setattr(run, "ROWS_A_CHUNK", 60)
        seen = []

        def look(_rows):  # as somebody else sees it, who may kill the run at any moment
            with stored.elsewhere(app) as other:
                entries = select(HistoryEntry.id, HistoryEntry.changes)
                products = select(func.count()).select_from(Product)
                seen.append((other.execute(entries).all(), other.scalar(products)))

        generate(Wanted(suppliers=5, products=130), progress=look)

        assert [len(entries) for entries, _ in seen] == [1, 1, 1, 1]
        told = [entries[0].changes.get("products", [None, 0])[1] for entries, _ in seen]
        assert told == [products for _, products in seen] == [0, 60, 120, 130]
        # The dashboard knows by the id that there is more.
        assert sorted({entries[0].id for entries, _ in seen}) == [e[0].id for e, _ in seen]

    def test_records_one_entry_a_run(self, session):
        generate(SMALL, until=UNTIL)

        (entry,) = session.scalars(select(HistoryEntry))
        assert entry.action == "generate"
        assert entry.label == "synthetic data, seed 1, until 2026-06-01"
        assert entry.changes["orders"] == [None, 300]

    @pytest.mark.parametrize(
        ("wanted", "missing"),
        [
            (Wanted(products=1), "suppliers"),
            (Wanted(orders=1), "customers"),
            (Wanted(orders=1, customers=1), "products"),
        ],
    )
    def test_refuses_rows_that_have_nothing_to_refer_to(self, session, wanted, missing):
        with pytest.raises(UnsuitableError, match=missing):
            generate(wanted)

        assert count(Customer) == count(HistoryEntry) == 0

    @pytest.mark.parametrize("until", [date(1902, 1, 1), date(2200, 1, 1)])
    def test_refuses_years_that_no_page_shows(self, session, until):
        with pytest.raises(UnsuitableError, match=f"{until} is too far away"):
            generate(SMALL, until=until)

        assert count(Supplier) == 0

    @pytest.mark.parametrize("until", [run.EARLIEST_END, run.LATEST_END])
    def test_stays_within_the_years_that_pages_show(self, session, until):
        generate(SMALL, until=until)

        for column in (Order.placed_at, Order.updated_at, Order.shipped_at, Product.created_at):
            least, most = session.execute(select(func.min(column), func.max(column))).one()
            assert 1900 <= least.year <= most.year <= 2199

    def test_is_under_none_of_the_limits_of_the_web(self, app, session, monkeypatch):
        limits = []

        def note(connection, tables):
            if connection.dialect.name == "postgresql":
                limits.append(connection.scalar(text("SHOW statement_timeout")))
                limits.append(connection.scalar(text("SHOW idle_in_transaction_session_timeout")))

        monkeypatch.setattr(run, "analyze", note)

        generate(Wanted(suppliers=1))

        assert set(limits) <= {"0"}


class TestRows:
    @pytest.fixture(autouse=True)
    def rows(self, session):
        generate(SMALL, until=UNTIL)
        self.session = session

    def test_have_plausible_names(self):
        names = self.session.scalars(select(Product.name)).all()
        kinds = {kind for kinds in words.CATEGORIES.values() for kind in kinds}

        assert all(any(kind in name for kind in kinds) for name in names)
        assert len(set(names)) > 190

    def test_stand_in_the_category_of_their_kind(self):
        for name, category in self.session.execute(
            select(Product.name, Category.name).join(Product.category)
        ):
            assert any(kind in name for kind in words.CATEGORIES[category])

    def test_have_prices_of_two_decimals(self):
        prices = self.session.scalars(select(Product.price)).all()

        assert all(price == price.quantize(Decimal("0.01")) for price in prices)
        assert min(prices) > 0
        assert len(set(prices)) > 50

    def test_run_short_now_and_then(self):
        short = count(Product, Product.stock <= Product.reorder_level)

        assert 0 < short < 40

    def test_lie_in_the_two_years_before_the_end(self):
        end = datetime(2026, 6, 1, tzinfo=UTC)
        for column in (Order.placed_at, Order.updated_at, Product.created_at, Product.updated_at):
            least, most = self.session.execute(select(func.min(column), func.max(column))).one()
            assert datetime(2024, 5, 31, tzinfo=UTC) < least < most < end

    def test_become_more_towards_the_end(self):
        late = count(Order, Order.placed_at > datetime(2025, 6, 1, tzinfo=UTC))

        assert late > 180

    def test_have_the_status_of_their_age(self):
        young = datetime(2026, 5, 15, tzinfo=UTC)

        old = set(self.session.scalars(select(Order.status).where(Order.placed_at < young)))
        assert old <= {"delivered", "cancelled", "shipped"}
        assert count(Order, Order.status == "delivered", Order.shipped_at.is_(None)) == 0
        assert count(Order, Order.status != "cancelled", Order.placed_at > young) > 0

    def test_few_customers_place_most_orders(self):
        counts = sorted(
            self.session.scalars(
                select(func.count()).select_from(Order).group_by(Order.customer_id)
            ),
            reverse=True,
        )

        assert sum(counts[:10]) > 300 * 0.4

    def test_keep_the_rules_between_tables(self):
        assert count(OrderLine, OrderLine.line_no > 5) == 0
        assert (
            self.session.scalar(
                select(func.count())
                .select_from(OrderLine)
                .join(OrderLine.product)
                .where(OrderLine.unit_price != Product.price)
            )
            == 0
        )
