"""Cells to values: what is taken, and the reason where it is not."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice.imports.cells import DATES, THOUSANDS, Formats, column_parser, parser
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
            ("1996-07-04 05:30:00 -0500", datetime(1996, 7, 4, 10, 30, tzinfo=UTC)),
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


GERMAN = Formats(decimal=",", thousands="point", dates="dmy")
KINDS = [PRICE, STOCK, ACTIVE, SKU, PLACED, STATUS, DISCOUNT]
WRITTEN = st.one_of(
    st.text(max_size=4),
    st.text("0123456789.,-+ '\n\0/:", max_size=8),
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str),
    st.integers().map(str),
    st.datetimes(timezones=st.none() | st.just(UTC)).map(str),
    st.sampled_from(["yes", "NO", "placed", " paid ", "31.1.2026", "31/01/2026 8:30 PM"]),
)


class TestFormats:
    @pytest.mark.parametrize(
        ("cell", "decimal", "thousands", "amount"),
        [
            ("1,5", ",", "", "1.5"),
            ("-0,0001", ",", "", "-0.0001"),
            ("1.234,50", ",", "point", "1234.50"),
            ("1234,50", ",", "point", "1234.50"),
            ("1,234,567.8", ".", "comma", "1234567.8"),
            ("1 234\u202f567,8", ",", "space", "1234567.8"),
            ("1\u00a0234", ".", "space", "1234"),
            ("1'234\u2019567.25", ".", "apostrophe", "1234567.25"),
            ("+1,234", ".", "comma", "+1234"),
        ],
    )
    def test_of_numbers_are_taken_as_named(self, cell, decimal, thousands, amount):
        formats = Formats(decimal, thousands)

        assert Decimal(parser(PRICE, "postgresql", formats)(cell)) == Decimal(amount)
        assert parser(PRICE, "sqlite", formats)(cell) == int(Decimal(amount) * 10_000)

    @pytest.mark.parametrize(
        ("cell", "decimal", "thousands"),
        [
            ("1.5", ",", ""),
            ("1.5", ",", "point"),
            ("1,23", ".", "comma"),
            ("1,2345", ".", "comma"),
            ("12,34,567", ".", "comma"),
            ("1234,567", ".", "comma"),
            ("1,234", ".", ""),
            ("1.234,5.6", ",", "point"),
            (",5", ",", ""),
            ("1 234", ".", ""),
        ],
    )
    def test_of_numbers_are_never_guessed(self, cell, decimal, thousands):
        formats = Formats(decimal, thousands)

        with pytest.raises(ValueError, match=f"is not a number: .*as in 1234{decimal}50"):
            parser(PRICE, "sqlite", formats)(cell)

    def test_of_thousands_hold_for_whole_numbers(self):
        assert parser(STOCK, "sqlite", GERMAN)("1.234") == 1234
        with pytest.raises(ValueError, match="is not a whole number"):
            parser(STOCK, "sqlite", GERMAN)("1,0")

    @pytest.mark.parametrize(
        ("dates", "cell"),
        [
            ("dmy", "31.01.2026"),
            ("dmy", "31/1/2026"),
            ("dmy", "31-01-2026 00:00"),
            ("mdy", "1/31/2026"),
            ("mdy", "01/31/2026 12:00 AM"),
            ("ymd", "2026/1/31 0:00:00"),
            ("dmy", "2026-01-31"),
            ("mdy", "2026-01-31T00:00Z"),
        ],
    )
    def test_of_dates_are_taken_as_named(self, dates, cell):
        assert parser(PLACED, "sqlite", Formats(dates=dates))(cell) == "2026-01-31 00:00:00.000000"

    @pytest.mark.parametrize(
        ("dates", "cell"),
        [
            ("iso", "31.01.2026"),
            ("dmy", "01/31/2026"),
            ("mdy", "31/01/2026"),
            ("dmy", "31.01.26"),
            ("dmy", "31.02.2026"),
            ("mdy", "01/31/2026 13:00 PM"),
            ("dmy", "31.01.2026 24:00"),
            ("ymd", "46053"),
        ],
    )
    def test_of_dates_are_never_guessed(self, dates, cell):
        says, example = DATES[dates]

        with pytest.raises(ValueError, match=f"is not a date: write {says}, as in {example}"):
            parser(PLACED, "sqlite", Formats(dates=dates))(cell)

    def test_takes_noon_for_noon(self):
        parse = parser(PLACED, "sqlite", Formats(dates="mdy"))

        for hour, is_at in (("12:30 pm", "12:30"), ("1:30PM", "13:30"), ("12:05 AM", "00:05")):
            assert parse(f"1/2/2026 {hour}") == f"2026-01-02 {is_at}:00.000000"

    def test_of_texts_may_be_undisguised(self):
        assert parser(SKU, "sqlite")("'=1") == "=1"
        assert parser(SKU, "sqlite", Formats(guarded=False))("'=1") == "'=1"


class TestColumn:
    @given(
        st.sampled_from(KINDS),
        st.sampled_from(["sqlite", "postgresql"]),
        st.builds(
            Formats,
            st.just(","),
            st.sampled_from(["", *THOUSANDS.keys() - {"comma"}]),
            st.sampled_from([*DATES]),
        )
        | st.just(Formats()),
        st.lists(WRITTEN, min_size=1, max_size=5),
    )
    def test_is_parsed_as_its_cells_are_one_by_one(self, kind, dialect, formats, cells):
        one, every = parser(kind, dialect, formats), column_parser(kind, dialect, formats)

        def outcome(parse):
            try:
                return parse()
            except ValueError:
                return "refused"

        alone = outcome(lambda: [one(cell) for cell in cells])
        assert outcome(lambda: every(cells)) == outcome(lambda: every(cells)) == alone

    @given(st.lists(st.decimals(min_value=-(10**9) + 1, max_value=10**9 - 1, places=4), min_size=1))
    def test_of_amounts_is_exact(self, amounts):
        cells = [f"{amount:f}" for amount in amounts]

        assert column_parser(PRICE, "sqlite")(cells) == [
            exact_to_database(amount, "sqlite") for amount in amounts
        ]
