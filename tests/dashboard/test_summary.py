"""The dashboard's figures against the same ones computed in plain Python."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from sqlalchemy import insert, text, update

from backoffice import cache
from backoffice.dashboard import queries
from backoffice.dashboard.period import Period, Span, named_period
from backoffice.dashboard.summary import (
    compute,
    current_summary,
    from_json,
    percent_change,
    to_json,
)
from backoffice.history import add_entry
from backoffice.models import HistoryEntry, Order, OrderStatus, Product
from tests import stored
from tests.dashboard import figures
from tests.dashboard.figures import LAST, PERIOD, Sale, save

NOON = datetime(2025, 11, 20, 12, tzinfo=UTC)
PLACED = OrderStatus.PLACED


@pytest.mark.parametrize("seed", range(3))
class TestRandomOrders:
    @pytest.fixture
    def sales(self, session, make, seed):
        random = Random(seed)
        sales = figures.random_sales(random, make.products(25), 120)
        save(session, sales)
        return sales

    def test_each_day_has_its_exact_revenue(self, session, sales):
        summary = compute(session, PERIOD)

        shown = {bar.first_day: bar.revenue for bar in summary.bars}
        assert shown == figures.revenue_by_day(sales, PERIOD.span)
        assert list(shown) == sorted(shown)

    def test_totals_are_those_of_the_orders_sold(self, session, sales):
        summary = compute(session, PERIOD)

        for span, totals in (
            (PERIOD.span, summary.sold),
            (PERIOD.before, summary.sold_before),
        ):
            sold = [
                sale
                for sale in sales
                if sale.is_sold and span.first <= sale.placed_at.date() <= span.last
            ]
            assert totals.orders == len(sold)
            assert totals.revenue == sum((sale.amount for sale in sold), Decimal(0))

    def test_statuses_count_every_order_of_the_period(self, session, sales):
        summary = compute(session, PERIOD)

        placed = [
            sale.status
            for sale in sales
            if PERIOD.span.first <= sale.placed_at.date() <= PERIOD.span.last
        ]
        assert dict(summary.orders_by_status) == {
            status: placed.count(status) for status in OrderStatus
        }

    def test_best_products_are_the_ten_that_sold_for_most(self, session, sales):
        summary = compute(session, PERIOD)

        revenue = figures.revenue_by_product(sales, PERIOD.span)
        best = sorted(revenue, key=lambda product: (-revenue[product], product))[:10]
        assert [(product.id, product.revenue) for product in summary.best_products] == [
            (product, revenue[product]) for product in best
        ]

    def test_survives_the_cache_unchanged(self, session, sales):
        summary = compute(session, PERIOD)

        assert from_json(to_json(summary), PERIOD) == summary


class TestExactness:
    def test_the_largest_lines_do_not_overflow(self, session, make):
        [product] = make.products(1)
        line = (product, 10, Decimal("99999999.9999"), Decimal("0.0001"))
        sales = [Sale(NOON, PLACED, (line,) * 100) for _ in range(3)]
        save(session, sales)

        summary = compute(session, PERIOD)

        exact = 300 * 10 * Decimal("99999999.9999") * Decimal("0.9999")
        assert summary.sold.revenue == summary.best_products[0].revenue == exact

    def test_no_fraction_is_lost(self, session, make):
        [product] = make.products(1)
        line = (product, 1, Decimal("0.0001"), Decimal("0.9999"))
        save(session, [Sale(NOON, PLACED, (line,) * 3)])

        assert compute(session, PERIOD).sold.revenue == Decimal("0.00000003")

    def test_best_products_differ_by_the_last_place(self, session, make):
        less, more = make.products(2)
        lines = (
            (less, 1, Decimal("70000000.0001"), Decimal("0.0001")),
            (more, 1, Decimal("70000000.0002"), Decimal("0.0001")),
        )
        save(session, [Sale(NOON, PLACED, lines)])

        best = compute(session, PERIOD).best_products

        assert [product.id for product in best] == [more, less]


class TestLongPeriods:
    def test_are_summed_by_month(self, session, make):
        [product] = make.products(1)
        line = (product, 1, Decimal(1), Decimal(0))
        days = (datetime(2025, 1, 31, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC))
        save(session, [Sale(day, PLACED, (line,)) for day in (*days, days[1])])
        span = Span(date(2025, 1, 10), date(2025, 6, 9))

        bars = compute(session, Period("custom", span, span)).bars

        assert [bar.revenue for bar in bars] == [1, 0, 2, 0, 0, 0]
        assert bars[0].first_day == date(2025, 1, 1)


class TestToReorder:
    def test_lists_active_products_at_or_below_their_level_least_stock_first(self, session, make):
        make.products(1, stock=5, reorder_level=4)
        make.products(1, stock=0, reorder_level=9, active=False)
        [at] = make.products(1, stock=4, reorder_level=4)
        [below] = make.products(1, stock=0, reorder_level=4)

        summary = compute(session, PERIOD)

        assert [product.id for product in summary.short_products] == [below, at]
        assert summary.short_count == 2
        assert summary.short_products[0].supplier == "Supplier 1"

    def test_shows_ten_and_counts_all(self, session, make):
        make.products(40, stock=1, reorder_level=1)

        summary = compute(session, PERIOD)

        assert len(summary.short_products) == 10
        assert summary.short_count == 40

    def test_counts_no_further_than_it_says(self, session, make, monkeypatch):
        monkeypatch.setattr(queries, "MOST_COUNTED", 20)
        make.products(40, stock=1, reorder_level=1)

        assert compute(session, PERIOD).short_count == 21

    def test_reads_its_index_alone(self, session):
        statement = str(queries.count_to_reorder())
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SET LOCAL enable_seqscan = off"))
            explain = "EXPLAIN "
        else:
            explain = "EXPLAIN QUERY PLAN "

        plan = session.execute(text(explain + statement), {"limit": 10}).all()

        assert "ix_products_to_reorder" in str(plan)


class TestAnEmptyPeriod:
    def test_knows_nothing_of_an_empty_database(self, session):
        summary = compute(session, PERIOD)

        assert not summary.has_orders
        assert (summary.sold.orders, summary.sold.revenue, summary.sold.average) == (0, 0, None)
        assert (summary.first_order, summary.last_order) == (None, None)
        assert len(summary.bars) == 30

    def test_names_the_first_and_the_last_order(self, session):
        first, last = datetime(1996, 7, 4, tzinfo=UTC), datetime(1998, 5, 6, tzinfo=UTC)
        save(session, [Sale(moment, PLACED, ()) for moment in (last, first)])

        summary = compute(session, PERIOD)

        assert (summary.first_order, summary.last_order) == (first, last)
        assert from_json(to_json(summary), PERIOD) == summary


class TestCurrentSummary:
    def test_is_read_once_and_then_kept(self, session, make, statements):
        make.orders(3, placed_at=NOON)

        with statements() as fresh:
            first = current_summary(session, PERIOD)
        with statements() as kept:
            second = current_summary(session, PERIOD)

        assert second == first
        assert (len(fresh), len(kept)) == (7, 1), "\n".join(fresh + kept)

    def test_shows_a_change_that_was_recorded(self, session, make):
        make.orders(1, placed_at=NOON)
        before = current_summary(session, PERIOD)
        session.rollback()

        make.orders(1, placed_at=NOON)
        add_entry(session, action="import", table="orders", label="june.csv", changes={}, at=NOON)
        session.commit()
        after = current_summary(session, PERIOD)

        assert (before.sold.orders, after.sold.orders) == (1, 2)

    def test_shows_a_change_made_by_staff(self, session, make):
        [product_id] = make.products(1, stock=9, reorder_level=3)
        before = current_summary(session, PERIOD)

        session.get(Product, product_id).stock = 3
        session.commit()
        after = current_summary(session, PERIOD)

        assert (before.short_count, after.short_count) == (0, 1)

    @pytest.mark.parametrize("app", ["postgresql"], indirect=True)
    def test_shows_a_change_that_began_first_and_was_committed_last(self, app, session, make):
        [product] = make.products(1, stock=9, reorder_level=3)
        with stored.elsewhere(app) as slow:
            slow.execute(update(Product).values(stock=3))
            slow.execute(insert(HistoryEntry), entry(product))
            with stored.elsewhere(app) as quick:
                quick.execute(insert(HistoryEntry), entry(product))
            before = current_summary(session, PERIOD)

        after = current_summary(session, PERIOD)

        assert (before.short_count, after.short_count) == (0, 1)

    def test_has_one_stamp_as_long_as_nothing_changes(self, app, session, make):
        [product] = make.products(1)
        session.execute(insert(HistoryEntry), [entry(product)] * 1_100)
        session.commit()

        stamps = []
        for _ in range(2):
            stamps.append(session.scalar(queries.newest_change()))
            session.rollback()
            with stored.elsewhere(app) as other:  # a write that is no change of a record
                other.execute(update(Product).values(stock=Product.stock))

        assert len(set(stamps)) == 1

    def test_keeps_periods_apart(self, session, make):
        make.orders(1, placed_at=NOON)
        other = Period("custom", Span(LAST, LAST), Span(LAST, LAST))

        assert current_summary(session, PERIOD).sold.orders == 1
        assert current_summary(session, other).sold.orders == 0

    def test_does_not_trust_what_the_cache_says(self, session, make):
        make.orders(1, placed_at=NOON)
        stamp = session.scalar(queries.newest_change())

        for text_kept in ("", "{", "[]", '{"as_of": 1}', "null", "NaN"):
            cache.keep(cache.summary_key(stamp, PERIOD.key), text_kept, 60)

            assert current_summary(session, PERIOD).sold.orders == 1

    def test_carries_the_moment_before_it_was_read(self, session):
        start = datetime.now(UTC).replace(microsecond=0)

        as_of = current_summary(session, PERIOD).as_of

        assert start <= as_of <= start + timedelta(seconds=30)


def entry(product):
    return {
        "actor": "ann@example.com",
        "means": "browser",
        "action": "update",
        "table_name": "products",
        "row_id": product,
        "changes": {},
    }


class TestRunningPeriod:
    def test_is_compared_with_as_much_of_the_one_before(self, session, make):
        [product] = make.products(1)
        line = (product, 1, Decimal(1), Decimal(0))
        now, minute = datetime.now(UTC), timedelta(minutes=1)
        week_ago = now - timedelta(days=7)
        moments = (week_ago - minute, week_ago + 5 * minute, now)
        save(session, [Sale(moment, PLACED, (line,)) for moment in moments])

        summary = compute(session, named_period("7d", now.date()))

        assert summary.sold_before.orders == 1
        assert summary.before.end == summary.as_of - timedelta(days=7)

    def test_in_the_future_is_compared_with_nothing(self, session):
        first = datetime.now(UTC).date() + timedelta(days=2)
        span = Span(first, first)

        summary = compute(session, Period("custom", span, span))

        assert summary.sold_before is None
        assert from_json(to_json(summary), summary.period) == summary


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
class TestOneMoment:
    def test_is_what_all_figures_are_of(self, app, session, make, monkeypatch):
        [order] = make.orders(1, placed_at=NOON)
        by_status = queries.orders_by_status

        def after_a_change(span):
            with stored.elsewhere(app) as staff:
                staff.execute(update(Order).values(status=OrderStatus.CANCELLED))
            return by_status(span)

        monkeypatch.setattr(queries, "orders_by_status", after_a_change)

        summary = compute(session, PERIOD)

        assert stored.one(app, Order, order).status is OrderStatus.CANCELLED
        assert dict(summary.orders_by_status)[PLACED] == 1
        assert summary.sold.revenue > 0

    def test_ends_with_them(self, session):
        compute(session, PERIOD)

        assert session.scalar(text("SHOW transaction_isolation")) == "read committed"
        assert session.scalar(text("SHOW transaction_read_only")) == "off"


class TestPercentChange:
    @pytest.mark.parametrize(
        ("now", "before", "percent"),
        [
            (Decimal(150), Decimal(100), Decimal("50.0")),
            (0, 4, Decimal("-100.0")),
            (20001, 20000, Decimal("0.0")),
            (2001, 2000, Decimal("0.1")),
            (5, 0, None),
            (None, Decimal(3), None),
        ],
    )
    def test_is_rounded_half_up_and_needs_something_before(self, now, before, percent):
        assert percent_change(now, before) == percent
