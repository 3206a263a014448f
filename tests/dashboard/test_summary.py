"""The dashboard's figures against the same ones computed in plain Python."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from time import monotonic, sleep

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backoffice import cache
from backoffice.cache.shelf import shelf_of
from backoffice.dashboard import queries
from backoffice.dashboard.period import Period, Span, named_period
from backoffice.dashboard.summary import (
    compute,
    current_summary,
    from_json,
    percent_change,
    to_json,
)
from backoffice.database import db
from backoffice.models import Order, OrderStatus, Product
from backoffice.rollups.catch_up import catch_up
from backoffice.rollups.fold import fold, state
from tests import stored
from tests.dashboard import figures
from tests.dashboard.figures import LAST, PERIOD, Sale, save

NOON = datetime(2025, 11, 20, 12, tzinfo=UTC)
PLACED = OrderStatus.PLACED


def computed(session, period):
    return compute(session, period)[1]


def now(session):
    """The figures without waiting until they may be refreshed again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "SUMMARY_EVERY", 0)
        return current_summary(session, PERIOD).summary


@pytest.mark.parametrize("seed", range(3))
class TestRandomOrders:
    @pytest.fixture
    def sales(self, session, make, seed):
        random = Random(seed)
        sales = figures.random_sales(random, make.products(25), 120)
        save(session, sales)
        return sales

    def test_each_day_has_its_exact_revenue(self, session, sales):
        summary = computed(session, PERIOD)

        shown = {bar.first_day: bar.revenue for bar in summary.bars}
        assert shown == figures.revenue_by_day(sales, PERIOD.span)
        assert list(shown) == sorted(shown)

    def test_totals_are_those_of_the_orders_sold(self, session, sales):
        summary = computed(session, PERIOD)

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
        summary = computed(session, PERIOD)

        placed = [
            sale.status
            for sale in sales
            if PERIOD.span.first <= sale.placed_at.date() <= PERIOD.span.last
        ]
        assert dict(summary.orders_by_status) == {
            status: placed.count(status) for status in OrderStatus
        }

    def test_best_products_are_the_ten_that_sold_for_most(self, session, sales):
        summary = computed(session, PERIOD)

        revenue = figures.revenue_by_product(sales, PERIOD.span)
        best = sorted(revenue, key=lambda product: (-revenue[product], product))[:10]
        assert [(product.id, product.revenue) for product in summary.best_products] == [
            (product, revenue[product]) for product in best
        ]

    def test_survives_the_cache_unchanged(self, session, sales):
        summary = computed(session, PERIOD)

        assert from_json(to_json(summary)) == summary


class TestExactness:
    def test_the_largest_lines_do_not_overflow(self, session, make):
        [product] = make.products(1)
        line = (product, 10, Decimal("99999999.9999"), Decimal("0.0001"))
        sales = [Sale(NOON, PLACED, (line,) * 100) for _ in range(3)]
        save(session, sales)

        summary = computed(session, PERIOD)

        exact = 300 * 10 * Decimal("99999999.9999") * Decimal("0.9999")
        assert summary.sold.revenue == summary.best_products[0].revenue == exact

    def test_no_fraction_is_lost(self, session, make):
        [product] = make.products(1)
        line = (product, 1, Decimal("0.0001"), Decimal("0.9999"))
        save(session, [Sale(NOON, PLACED, (line,) * 3)])

        assert computed(session, PERIOD).sold.revenue == Decimal("0.00000003")

    def test_best_products_differ_by_the_last_place(self, session, make):
        less, more = make.products(2)
        lines = (
            (less, 1, Decimal("70000000.0001"), Decimal("0.0001")),
            (more, 1, Decimal("70000000.0002"), Decimal("0.0001")),
        )
        save(session, [Sale(NOON, PLACED, lines)])

        best = computed(session, PERIOD).best_products

        assert [product.id for product in best] == [more, less]


class TestLongPeriods:
    def test_are_summed_by_month(self, session, make):
        [product] = make.products(1)
        line = (product, 1, Decimal(1), Decimal(0))
        days = (datetime(2025, 1, 31, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC))
        save(session, [Sale(day, PLACED, (line,)) for day in (*days, days[1])])
        span = Span(date(2025, 1, 10), date(2025, 6, 9))

        bars = computed(session, Period("custom", span, span)).bars

        assert [bar.revenue for bar in bars] == [1, 0, 2, 0, 0, 0]
        assert bars[0].first_day == date(2025, 1, 1)


class TestToReorder:
    def test_lists_active_products_at_or_below_their_level_least_stock_first(self, session, make):
        make.products(1, stock=5, reorder_level=4)
        make.products(1, stock=0, reorder_level=9, active=False)
        [at] = make.products(1, stock=4, reorder_level=4)
        [below] = make.products(1, stock=0, reorder_level=4)

        summary = computed(session, PERIOD)

        assert [product.id for product in summary.short_products] == [below, at]
        assert summary.short_count == 2
        assert summary.short_products[0].supplier == "Supplier 1"

    def test_shows_ten_and_counts_all(self, session, make):
        make.products(40, stock=1, reorder_level=1)

        summary = computed(session, PERIOD)

        assert len(summary.short_products) == 10
        assert summary.short_count == 40


class TestAnEmptyPeriod:
    def test_knows_nothing_of_an_empty_database(self, session):
        summary = computed(session, PERIOD)

        assert not summary.has_orders
        assert (summary.sold.orders, summary.sold.revenue, summary.sold.average) == (0, 0, None)
        assert (summary.first_day, summary.last_day) == (None, None)
        assert len(summary.bars) == 30

    def test_names_the_first_and_the_last_order(self, session):
        first, last = datetime(1996, 7, 4, tzinfo=UTC), datetime(1998, 5, 6, tzinfo=UTC)
        save(session, [Sale(moment, PLACED, ()) for moment in (last, first)])

        summary = computed(session, PERIOD)

        assert (summary.first_day, summary.last_day) == (first.date(), last.date())
        assert from_json(to_json(summary)) == summary


class TestCurrentSummary:
    def test_is_read_once_and_then_kept(self, session, make, statements):
        make.orders(3, placed_at=NOON)

        fold()
        with statements() as fresh:
            first = current_summary(session, PERIOD)
        with statements() as kept:
            second = current_summary(session, PERIOD)

        assert second.summary == first.summary
        assert not first.summary.is_behind
        assert len(kept) == 1, "\n".join(kept)
        assert [of for of in fresh if re.search(r"\b(orders AS o|order_lines)\b", of)] == [], fresh

    def test_shows_what_staff_change(self, session, make):
        [product_id] = make.products(1, stock=9, reorder_level=3)
        before = now(session)

        session.get(Product, product_id).stock = 3
        session.commit()
        after = now(session)

        assert (before.short_count, after.short_count) == (0, 1)

    def test_shows_what_plain_sql_changes(self, app, session, make):
        make.orders(2, placed_at=NOON)
        before = now(session)
        session.rollback()

        with stored.elsewhere(app) as psql:
            psql.execute(text("UPDATE orders SET status = 'cancelled' WHERE number = 'ORD0001'"))
        after = now(session)

        assert (before.sold.orders, after.sold.orders) == (2, 1)
        assert not after.is_behind

    def test_shows_a_new_name(self, app, session, make):
        make.orders(1, placed_at=NOON)
        now(session)
        session.rollback()

        with stored.elsewhere(app) as psql:
            psql.execute(text("UPDATE products SET name = 'Renamed'"))
            psql.execute(text("UPDATE suppliers SET name = 'Also renamed'"))
            psql.execute(text("UPDATE customers SET name = 'Renamed as well'"))
        after = now(session)

        assert after.best_products[0].name == "Renamed"
        assert after.best_suppliers[0].name == "Also renamed"
        assert after.overdue_orders[0].customer == "Renamed as well"

    def test_shows_a_new_number(self, app, session, make):
        make.orders(1, placed_at=NOON)
        now(session)
        session.rollback()

        with stored.elsewhere(app) as psql:
            psql.execute(text("UPDATE orders SET number = 'X-1'"))

        assert now(session).overdue_orders[0].number == "X-1"

    def test_leaves_the_session_usable_when_a_statement_fails(self, session, make, monkeypatch):
        make.orders(1, placed_at=NOON)
        wrong = text("SELECT nothing FROM nowhere")
        monkeypatch.setattr("backoffice.dashboard.queries.stock_states", lambda: wrong)

        with pytest.raises(DBAPIError):
            compute(session, PERIOD)

        assert session.scalar(text("SELECT 1")) == 1

    @pytest.mark.parametrize("app", ["postgresql"], indirect=True)
    def test_shows_a_change_that_began_first_and_was_committed_last(self, app, session, make):
        make.products(1, stock=9, reorder_level=3)
        with stored.elsewhere(app) as slow:
            slow.execute(update(Product).values(stock=3))
            with stored.elsewhere(app) as quick:
                quick.execute(text("UPDATE suppliers SET name = 'Renamed'"))
            before = now(session)

        after = now(session)

        assert (before.short_count, after.short_count) == (0, 1)

    def test_has_one_stamp_as_long_as_nothing_changes(self, app, session, make):
        make.orders(1, placed_at=NOON)
        now(session)
        session.rollback()
        number = state(session.connection()).number
        session.rollback()

        with stored.elsewhere(app) as other:  # a write that no figure shows
            other.execute(text("UPDATE orders SET note = 'seen', version = version + 1"))
            other.execute(text("UPDATE customers SET city = 'Elsewhere'"))
        now(session)
        session.rollback()

        after = state(session.connection())
        # PostgreSQL's triggers are told of a statement, and not which columns it changes.
        assert after.number - number <= (session.get_bind().dialect.name == "postgresql")

    def test_keeps_periods_apart(self, session, make):
        make.orders(1, placed_at=NOON)
        other = Period("custom", Span(LAST, LAST), Span(LAST, LAST))

        assert current_summary(session, PERIOD).summary.sold.orders == 1
        assert current_summary(session, other).summary.sold.orders == 0

    def test_does_not_trust_what_the_cache_says(self, app, session, make):
        make.orders(1, placed_at=NOON)
        current_summary(session, PERIOD)
        shelf, key = shelf_of(app), cache.summary_key(PERIOD.key)
        entry = shelf.read(key)

        for garbled in ("", "{", "[]", '{"as_of": 1}', "null", "NaN"):
            shelf.keep(key, replace(entry, text=garbled), 60)

            assert current_summary(session, PERIOD).summary.sold.orders == 1

    def test_keeps_the_old_figures_and_says_so_when_a_refresh_fails(
        self, app, session, make, monkeypatch
    ):
        make.orders(1, placed_at=NOON)
        now(session)
        session.rollback()
        make.orders(1, placed_at=NOON)

        def busy(*_):
            raise PoolTimeout("no connection to be had")

        monkeypatch.setattr(cache, "SUMMARY_EVERY", 0)
        monkeypatch.setattr("backoffice.dashboard.queries.stock_states", busy)
        summary, trouble, as_of = current_summary(session, PERIOD)

        assert summary.sold.orders == 1
        assert trouble.startswith("The figures could not be refreshed at ")
        assert as_of == summary.as_of

    def test_carries_the_moment_before_it_was_read(self, session):
        start = datetime.now(UTC).replace(microsecond=0)

        as_of = current_summary(session, PERIOD).summary.as_of

        assert start <= as_of <= start + timedelta(seconds=30)

    def test_of_kept_figures_is_of_now_as_long_as_nothing_changes(self, app, session, make):
        make.orders(1, placed_at=NOON)
        now(session)
        read = kept_for(app, timedelta(seconds=40))
        start = datetime.now(UTC).replace(microsecond=0)

        confirmed = current_summary(session, PERIOD)
        session.rollback()
        make.orders(1, placed_at=NOON)
        changed = current_summary(session, PERIOD)

        assert confirmed.summary.as_of == changed.summary.as_of == read
        assert start <= confirmed.as_of <= start + timedelta(seconds=30)
        assert changed.as_of == read  # too soon to be read again

    @pytest.mark.parametrize("app", ["sqlite"], indirect=True)
    def test_is_not_confirmed_by_what_a_page_read_before(self, app, session, make):
        make.orders(1, placed_at=NOON)
        now(session)
        read = kept_for(app, timedelta(seconds=40))
        session.rollback()

        with app.test_request_context():
            db.session.execute(text("SELECT email FROM users"))  # the page's own user
            with stored.elsewhere(app) as other:
                other.execute(text("UPDATE orders SET status = 'cancelled'"))
            shown = current_summary(db.session(), PERIOD)

        assert shown.as_of == read


def kept_for(app, age):
    """Lets the kept figures be read so long ago; returns when that was."""
    shelf, key = shelf_of(app), cache.summary_key(PERIOD.key)
    entry = shelf.read(key)
    summary = from_json(entry.text)
    summary = replace(summary, as_of=summary.as_of - age)
    shelf.keep(key, replace(entry, text=to_json(summary)), 60)
    return summary.as_of


class TestRunningPeriod:
    def test_is_compared_with_as_much_of_the_one_before(self, session, make):
        [product] = make.products(1)
        line = (product, 1, Decimal(1), Decimal(0))
        now, minute = datetime.now(UTC), timedelta(minutes=1)
        week_ago = now - timedelta(days=7)
        moments = (week_ago - minute, week_ago + 5 * minute, now)
        save(session, [Sale(moment, PLACED, (line,)) for moment in moments])

        summary = computed(session, named_period("7d", now.date()))

        assert summary.sold_before.orders == 1
        assert summary.before.end == summary.as_of - timedelta(days=7)

    def test_in_the_future_is_compared_with_nothing(self, session):
        first = datetime.now(UTC).date() + timedelta(days=2)
        span = Span(first, first)

        summary = computed(session, Period("custom", span, span))

        assert summary.sold_before is None
        assert from_json(to_json(summary)) == summary


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

        summary = computed(session, PERIOD)

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


class TestMuchAtOnce:
    def test_is_said_to_be_missing_and_added_in_the_background(self, session, make, monkeypatch):
        for days in range(120):
            make.orders(1, lines=1, placed_at=NOON - timedelta(days=days))
        monkeypatch.setattr("backoffice.dashboard.fresh.SECONDS_TO_FOLD", 0)
        begun = []
        monkeypatch.setattr("backoffice.dashboard.fresh.catch_up", begun.append)

        first = now(session)
        session.rollback()
        catch_up(*begun)  # by hand, or it might be done before the page is read
        until = monotonic() + 20
        while now(session).is_behind and monotonic() < until:
            session.rollback()
            sleep(0.05)
        then = now(session)

        assert first.is_behind
        assert first.sold.orders < 27
        assert not then.is_behind
        assert then.sold.orders == 27  # of 120, so many lie in the period

    @pytest.mark.parametrize("app", ["sqlite"], indirect=True)
    def test_shows_what_there_is_while_somebody_else_writes(self, app, session, make, monkeypatch):
        make.orders(1, placed_at=NOON)
        then = now(session).as_of
        session.rollback()
        make.orders(1, placed_at=NOON)
        monkeypatch.setattr("backoffice.dashboard.fresh.SECONDS_TO_WAIT", 0)

        with stored.elsewhere(app) as importing:
            importing.execute(text("UPDATE suppliers SET name = 'Held'"))
            with app.test_request_context():  # a page begins by reading
                meanwhile = now(db.session())
        session.rollback()

        assert meanwhile.is_behind
        assert meanwhile.sold.orders == 1
        assert meanwhile.as_of >= then.replace(microsecond=0)
        assert now(session).sold.orders == 2
