"""Fields: what they accept, what they say, and that nothing typed is lost."""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import Form

from backoffice.grid.fields import (
    ExactField,
    MomentField,
    WholeField,
    check_field,
    long_text_field,
    text_field,
)
from backoffice.models import OrderLine, Product, Supplier

BOUNDED = settings(max_examples=80, derandomize=True, deadline=None, database=None)


class Sample(Form):
    code = text_field("Code", Supplier.code)
    city = text_field("City", Supplier.city)
    note = long_text_field("Note")
    stock = WholeField("Stock")
    price = ExactField("Price", Product.price)
    rate = ExactField("Rate", OrderLine.discount)
    placed = MomentField("Placed", required=True)
    shipped = MomentField("Shipped")
    active = check_field("Active")


WHOLE = {"code": "A", "stock": "1", "price": "1", "rate": "0", "placed": "2026-01-31"}


def typed(**fields):
    form = Sample(MultiDict(WHOLE | fields))
    form.validate()
    return form


def problem(**fields):
    """What the form says of the one field that is wrong."""
    form = typed(**fields)
    ((name, errors),) = form.errors.items()
    assert name in fields
    assert form[name]._value() == fields[name], "what was typed is lost"
    return " ".join(errors)


class TestEveryField:
    def test_takes_what_is_right(self):
        assert typed().errors == {}

    @pytest.mark.parametrize("name", sorted(WHOLE))
    @pytest.mark.parametrize("blank", ["", "   ", "\t"])
    def test_that_is_required_does_not_take_blanks(self, name, blank):
        form = typed(**{name: blank})

        assert form.errors == {name: ["This field is required."]}

    @pytest.mark.parametrize("name", ["city", "note", "shipped"])
    def test_that_is_not_required_takes_blanks(self, name):
        assert typed(**{name: "  "}).errors == {}


class TestText:
    def test_is_trimmed(self):
        assert typed(code="  A 1  ").code.data == "A 1"

    def test_may_be_as_long_as_its_column(self):
        assert typed(code="x" * 64).errors == {}
        assert "longer than 64" in problem(code="x" * 65)
        assert "longer than 200" in problem(city="x" * 201)
        assert "longer than 20000" in problem(note="x" * 20_001)


class TestWhole:
    @pytest.mark.parametrize("text", ["0", "7", " 12 ", "2147483647"])
    def test_takes_integers_that_a_column_holds(self, text):
        assert typed(stock=text).stock.data == int(text)

    @pytest.mark.parametrize("text", ["1.5", "1e3", "abc", "--5", "1 000", "9" * 21, "0x10", "NaN"])
    def test_says_that_it_is_no_whole_number(self, text):
        assert "is not a whole number." in problem(stock=text)

    @pytest.mark.parametrize("text", ["-1", "2147483648", "99999999999999999999"])
    def test_says_its_range(self, text):
        assert problem(stock=text) == "Must be from 0 to 2,147,483,647."


class TestExact:
    @BOUNDED
    @given(st.decimals("0", "99999999.9999", places=4))
    def test_shows_a_number_so_that_it_reads_the_same_again(self, number):
        shown = Sample(obj=SimpleNamespace(price=number)).price._value()

        assert typed(price=shown).price.data == number

    @pytest.mark.parametrize(
        "text",
        ["NaN", "Infinity", "-inf", "1e5", "1e5000", "abc", "-", "1-2", "..", "1.2.3", "0x1", "½"],
    )
    def test_says_that_it_is_no_amount(self, text):
        assert "is not an amount: write digits" in problem(price=text)

    @pytest.mark.parametrize("text", ["1,23", "1,234.50"])
    def test_explains_the_comma(self, text):
        assert "Write decimals with a point" in problem(price=text)

    @pytest.mark.parametrize("text", ["0.00001", "1.23456", f"0.{'0' * 5000}1"])
    def test_keeps_four_decimals_and_rounds_nobodys_money(self, text):
        assert problem(price=text) == "At most four decimals are kept."

    def test_takes_zeros_behind_four_decimals(self):
        assert typed(price="1.230000").price.data == Decimal("1.23")

    @pytest.mark.parametrize("text", ["1000000000", "9" * 400, "-1000000000"])
    def test_says_what_it_must_stay_below(self, text):
        assert problem(price=text) == "Must be from 0 to 99,999,999.9999."


class TestMoment:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-01-31 08:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
            ("2026-01-31 08:00:09", datetime(2026, 1, 31, 8, 0, 9, tzinfo=UTC)),
            ("2026-01-31T08:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
            (" 2026-01-31 ", datetime(2026, 1, 31, tzinfo=UTC)),
        ],
    )
    def test_takes_the_usual_ways_of_writing(self, text, moment):
        assert typed(placed=text).placed.data == moment

    @pytest.mark.parametrize("text", ["31.01.2026", "2026-02-30", "tomorrow", "2026-01-31 25:00"])
    def test_says_how_to_write_it(self, text):
        assert "is not a date and time such as 2026-01-31 08:00." in problem(placed=text)

    @BOUNDED
    @given(st.datetimes(timezones=st.just(UTC)))
    def test_that_was_not_edited_is_left_alone(self, moment):
        record = SimpleNamespace(placed=moment)
        shown = Sample(obj=record).placed._value()

        form = typed(placed=shown)
        form.placed.populate_obj(record, "placed")

        assert form.errors == {}
        assert record.placed == moment

    def test_that_was_cleared_is_none(self):
        record = SimpleNamespace(shipped=datetime(2026, 1, 1, tzinfo=UTC))

        typed(shipped="").shipped.populate_obj(record, "shipped")

        assert record.shipped is None
