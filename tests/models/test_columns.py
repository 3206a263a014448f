"""Column types: money and moments exact and alike on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from backoffice.database import db
from backoffice.models import Customer, Order, OrderLine, Product, Supplier
from tests import stored
from tests.pages import save, visit

BOUNDED = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
MONEY = st.decimals("0", "99999999.9999", places=4)


def products_at(make, session, prices):
    """Products at these prices, not committed; their ids."""
    supplier_id = make.suppliers(code=f"S{stored.count(make.app, Supplier)}")[0]
    rows = [
        {"sku": f"{supplier_id}-{n}", "name": "P", "supplier_id": supplier_id, "price": price}
        for n, price in enumerate(prices)
    ]
    return list(session.scalars(insert(Product).returning(Product.id), rows))


class TestMoney:
    @BOUNDED
    @given(st.lists(MONEY, min_size=1, max_size=20))
    def test_comes_back_as_it_was_in_order_and_in_sum(self, make, session, prices):
        ids = products_at(make, session, prices)
        mine = Product.id.in_(ids)

        stored_prices = session.scalars(select(Product.price).where(mine).order_by(Product.id))
        in_order = session.scalars(select(Product.price).where(mine).order_by(Product.price))
        total = session.scalar(select(db.func.sum(Product.price)).where(mine))
        same = session.scalars(select(Product.price).where(mine, Product.price == prices[0]))

        assert stored_prices.all() == prices
        assert in_order.all() == sorted(prices)
        assert total == sum(prices)
        assert prices[0] in same.all()
        session.rollback()

    @BOUNDED
    @given(MONEY)
    def test_goes_from_form_to_form_unharmed(self, client, make, price):
        product = make.products()[0]

        saved = save(client, "products", product, {"price": str(price)})
        shown = visit(client, "/admin/products/edit/", id=product).form["price"]

        assert saved.status == 302
        assert Decimal(shown) == price
        assert stored.one(make.app, Product, product).price == price

    @pytest.mark.parametrize(
        "price", ["NaN", "Infinity", "-Infinity", "0.00001", "1.23456", "sNaN"]
    )
    def test_is_refused_where_it_could_not_be_kept(self, make, session, price):
        with pytest.raises((StatementError, ValueError)):
            products_at(make, session, [Decimal(price)])
        session.rollback()

    @pytest.mark.parametrize(
        "price", ["'NaN'", "'Infinity'", "'-Infinity'", "100000000", "-0.0001"]
    )
    def test_is_refused_by_the_database_itself(self, make, session, price):
        make.products()
        if session.get_bind().dialect.name == "sqlite":
            # There the column counts ten-thousandths, and has neither NaN nor infinity.
            price = {"100000000": "1000000000000", "-0.0001": "-1"}.get(price, "9e999")

        with pytest.raises(DBAPIError):
            session.execute(text(f"UPDATE products SET price = {price}"))
        session.rollback()

    def test_takes_no_text_for_a_number(self, make, session):
        make.products()

        with pytest.raises(DBAPIError):
            session.execute(text("UPDATE products SET price = 'cheap'"))
        session.rollback()

    def test_keeps_nothing_where_there_is_nothing(self, session):
        column = Product.__table__.c.price.type

        assert column.process_bind_param(None, session.get_bind().dialect) is None
        assert column.process_result_value(None, session.get_bind().dialect) is None


class TestLineAmount:
    @BOUNDED
    @given(
        st.integers(1, 1_000_000),
        st.decimals("0", "999.9999", places=4),
        st.decimals("0", "1", places=4),
    )
    def test_is_exact(self, make, quantity, price, discount):
        order = make.orders(lines=1)[0]
        with make.app.app_context():
            line = db.session.scalar(select(OrderLine).where(OrderLine.order_id == order))
            line.quantity, line.unit_price, line.discount = quantity, price, discount
            db.session.commit()

        (line,) = stored.lines(make.app, order)
        assert line.amount == quantity * price * (1 - discount)


MOMENTS = st.datetimes(
    datetime.fromisoformat("1900-01-01"),
    datetime.fromisoformat("9999-12-30"),
    timezones=st.timezones() | st.just(UTC),
)


class TestMoment:
    @BOUNDED
    @given(st.lists(MOMENTS, min_size=1, max_size=10))
    def test_comes_back_in_utc_and_in_order(self, session, moments):
        rows = [{"number": f"N{n}", "placed_at": moment} for n, moment in enumerate(moments)]
        session.execute(insert(Order), rows)

        kept = session.scalars(select(Order.placed_at).order_by(Order.id)).all()
        in_order = session.scalars(select(Order.placed_at).order_by(Order.placed_at)).all()

        assert kept == moments
        assert {moment.utcoffset() for moment in kept} == {timedelta(0)}
        assert in_order == sorted(moments)
        session.rollback()

    def test_without_a_time_zone_is_refused(self, session):
        row = {"number": "N", "placed_at": datetime(2026, 1, 1)}  # noqa: DTZ001

        with pytest.raises(StatementError, match="has no time zone"):
            session.execute(insert(Order), row)

    def test_of_another_zone_is_the_same_moment(self, session):
        there = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
        session.execute(insert(Order), {"number": "N", "placed_at": there})

        kept = session.scalar(select(Order.placed_at))

        assert kept == there
        assert kept.isoformat() == "2025-12-31T23:00:00+00:00"

    def test_of_the_database_clock_is_now(self, make):
        before = datetime.now(UTC)
        customer = stored.one(make.app, Customer, make.customers()[0])

        assert abs(customer.created_at - before) < timedelta(seconds=5)
        assert customer.created_at.tzinfo is not None


class TestText:
    def test_sorts_by_code_point_on_both_databases(self, make, session):
        names = ["b", "A", "a", "Z", "ä", "_", "1", "É"]
        for number, name in enumerate(names):
            make.customers(code=f"C{number}", name=name)

        found = session.scalars(select(Customer.name).order_by(Customer.name)).all()

        assert found == sorted(names)


class TestStatus:
    def test_is_one_of_the_known_ones(self, make, session):
        make.orders()

        with pytest.raises(IntegrityError, match="status_known"):
            session.execute(text("UPDATE orders SET status = 'lost'"))
        session.rollback()
