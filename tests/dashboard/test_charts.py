"""Where the marks of a chart go."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from backoffice.dashboard.charts import BASE, TOP, column_chart, compact, share, tick_step
from backoffice.dashboard.period import Grain

FIRST = date(2025, 11, 1)


def days(*amounts: int) -> list[tuple[date, Decimal]]:
    return [(FIRST + timedelta(days=n), Decimal(amount)) for n, amount in enumerate(amounts)]


class TestColumnChart:
    def test_stands_on_zero_and_is_true_to_the_amounts(self):
        low, high, none = column_chart(days(100, 400, 0), Grain.DAY).columns

        assert high.height == pytest.approx(4 * low.height)
        assert low.y + low.height == high.y + high.height == BASE
        assert none.height == 0

    def test_has_a_gridline_at_zero_and_one_at_or_above_the_largest_amount(self):
        chart = column_chart(days(1_730, 20), Grain.DAY)

        assert [tick.text for tick in chart.ticks] == ["0", "500", "1k", "1.5k", "2k"]
        assert (chart.ticks[0].y, chart.ticks[-1].y) == (BASE, TOP)
        assert min(column.y for column in chart.columns) >= TOP

    @pytest.mark.parametrize("count", [1, 2, 7, 30, 92, 300])
    def test_fits_its_width_without_overlap(self, count):
        chart = column_chart(days(*range(count)), Grain.DAY)

        ends = [0.0]
        for column in chart.columns:
            assert column.x >= ends[-1]
            ends.append(column.x + column.width)
        assert ends[-1] <= 100
        assert len(chart.labels) <= 8

    def test_draws_a_period_without_revenue(self):
        chart = column_chart(days(0, 0, 0), Grain.DAY)

        assert {column.height for column in chart.columns} == {0}
        assert [tick.text for tick in chart.ticks] == ["0"]

    @pytest.mark.parametrize(
        ("grain", "says", "label"),
        [
            (Grain.DAY, "1 Nov 2025: 1,234.50", "1 Nov"),
            (Grain.MONTH, "November 2025: 1,234.50", "Nov 2025"),
            (Grain.YEAR, "2025: 1,234.50", "2025"),
        ],
    )
    def test_names_its_bars(self, grain, says, label):
        chart = column_chart([(FIRST, Decimal("1234.5"))], grain)

        assert chart.columns[0].says == says
        assert chart.labels[0].text == label


class TestTickStep:
    @pytest.mark.parametrize(
        ("most", "step"),
        [("0", "1"), ("0.03", "0.01"), ("4", "1"), ("10", "2.5"), ("17", "5"), ("81", "25")],
    )
    def test_is_a_round_number(self, most, step):
        assert tick_step(Decimal(most)) == Decimal(step)

    def test_gives_two_to_five_gridlines_whatever_the_size(self):
        for power in range(-3, 30):
            for digit in range(1, 100):
                most = Decimal(digit).scaleb(power)

                assert 1 < most / tick_step(most) <= 4


class TestCompact:
    @pytest.mark.parametrize(
        ("value", "text"),
        [("0", "0"), ("0.25", "0.25"), ("500", "500"), ("2500", "2.5k"), ("1E+7", "10M")],
    )
    def test_is_short(self, value, text):
        assert compact(Decimal(value)) == text


class TestShare:
    def test_is_percent_of_the_longest(self):
        assert share(Decimal(1), Decimal(3)) == 33.33

    def test_is_nothing_of_nothing(self):
        assert share(0, 0) == 0
