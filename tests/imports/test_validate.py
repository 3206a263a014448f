"""Cells to values: what is taken, and the reason where it is not."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice.imports.cells import parser
from backoffice.models import Order, OrderLine, Product
from backoffice.models.columns import exact_to_database

PRICE = Product.__table__.c.price.type
STOCK = Product.__table__.c.stock.type
ACTIVE = Product.__table__.c.active.type
SKU = Product.__table__.c.sku.type
PLACED = Order.__table__.c.placed_at.type
STATUS = Order.__table__.c.status.type
DISCOUNT = OrderLine.__table__.c.discount.type


class TestMoney:
    @given(st.decimals(min_value=-(10**8), max_value=10**8, places=4))
    def test_is_what_the_column_type_makes_of_it(self, amount):
        text = f"{amount:f}"

        assert parser(PRICE, "sqlite")(text) == exact_to_database(amount, "sqlite")
        assert Decimal(parser(PRICE, "postgresql")(text)) == amount

    @pytest.mark.parametrize(
        "cell", ["NaN", "Infinity", "1e5000", "1e2", "1,23", "1.23456", "$1", "1_000", "٣", "--1"]
    )
    @pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
    def test_is_never_guessed(self, cell, dialect):
        with pytest.raises(ValueError, match="is not a number: write digits"):
            parser(PRICE, dialect)(cell)

    def test_is_bounded_by_its_column(self):
        assert parser(DISCOUNT, "sqlite")("0.15") == 1500
        with pytest.raises(ValueError, match="is too large: at most 1 digits"):
            parser(DISCOUNT, "sqlite")("10")
        with pytest.raises(ValueError, match="is too large"):
            parser(PRICE, "sqlite")("9" * 5000)


class TestOtherTypes:
    @pytest.mark.parametrize(
        ("cell", "moment"),
        [
            ("1996-07-04 00:00:00.000", datetime(1996, 7, 4, tzinfo=UTC)),
            ("1996-07-04", datetime(1996, 7, 4, tzinfo=UTC)),
            ("1996-07-04T10:30", datetime(1996, 7, 4, 10, 30, tzinfo=UTC)),
            ("1996-07-04T10:30:00+02:00", datetime(1996, 7, 4, 8, 30, tzinfo=UTC)),
            ("1996-07-04T10:30:00Z", datetime(1996, 7, 4, 10, 30, tzinfo=UTC)),
        ],
    )
    def test_moments_are_utc_unless_they_say_otherwise(self, cell, moment):
        assert datetime.fromisoformat(parser(PLACED, "postgresql")(cell)) == moment
        assert parser(PLACED, "sqlite")(cell) == f"{moment:%Y-%m-%d %H:%M:%S.%f}"

    @pytest.mark.parametrize(
        ("kind", "cell", "says"),
        [
            (PLACED, "1996x-01-01", "is not a date"),
            (PLACED, "04/07/1996", "is not a date"),
            (PLACED, "1996-02-30", "is not a date"),
            (PLACED, "0001-01-01T00:00+14:00", "is not a date"),
            (STOCK, "1.0", "is not a whole number"),
            (STOCK, "2147483648", "is too large"),
            (STOCK, "9" * 5000, "is too large"),
            (ACTIVE, "maybe", "is not yes or no"),
            (STATUS, "lost", "is not known here: write one of draft"),
            (SKU, "x" * 65, "has 65 characters: shorten it to 64"),
            (SKU, "a\0b", "holds a NUL character"),
        ],
    )
    def test_say_what_is_wrong(self, kind, cell, says):
        with pytest.raises(ValueError, match=says):
            parser(kind, "sqlite")(cell)

    @pytest.mark.parametrize("kind", [PRICE, STOCK, ACTIVE, SKU, PLACED, STATUS])
    def test_take_a_blank_cell_for_nothing(self, kind):
        assert parser(kind, "sqlite")(" \t") is None

    def test_trim_edges_and_keep_what_is_inside(self):
        assert parser(SKU, "sqlite")(" Val2 \n x ") == "Val2 \n x"
        assert [parser(ACTIVE, "sqlite")(cell) for cell in ("1", "No", "TRUE")] == [1, 0, 1]
