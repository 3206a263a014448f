"""Where the marks of a chart go."""

from decimal import Decimal

import pytest

from backoffice.charts import LOWER, UPPER, compact, panel, share, tick_step


class TestPanel:
    def test_stands_on_zero_and_is_true_to_the_amounts(self):
        low, high, none = panel([Decimal(100), Decimal(400), Decimal(0)], UPPER).columns

        assert high.height == pytest.approx(4 * low.height)
        assert low.y + low.height == high.y + high.height == UPPER.base
        assert none.height == 0

    def test_has_a_gridline_at_zero_and_one_at_or_above_the_largest_amount(self):
        drawn = panel([Decimal(1_730), Decimal(20)], UPPER)

        assert [tick.text for tick in drawn.ticks] == ["0", "500", "1k", "1.5k", "2k"]
        assert (drawn.ticks[0].y, drawn.ticks[-1].y) == (UPPER.base, UPPER.top)
        assert min(column.y for column in drawn.columns) >= UPPER.top

    @pytest.mark.parametrize("most", [1, 2, 3, 5, 10, 49, 51, 999])
    def test_of_counts_has_whole_gridlines(self, most):
        drawn = panel([Decimal(most)], LOWER, whole=True)

        assert all("." not in tick.text for tick in drawn.ticks)
        assert 2 <= len(drawn.ticks) <= 3

    def test_is_drawn_of_nothing(self):
        drawn = panel([Decimal(0)] * 3, UPPER)

        assert {column.height for column in drawn.columns} == {0}
        assert [tick.text for tick in drawn.ticks] == ["0"]


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
