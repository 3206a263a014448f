"""Where the marks of a chart go."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from backoffice.dashboard.charts import (
    ORDERS,
    REVENUE,
    compact,
    panel,
    sales_chart,
    share,
    tick_step,
)
from backoffice.dashboard.period import Grain, Period, Span
from backoffice.dashboard.summary import Bar

FIRST = date(2025, 11, 1)
LATER = datetime(2026, 6, 1, tzinfo=UTC)


def drawn(count, grain=Grain.DAY, as_of=LATER, orders=1):
    """A chart of so many days from ``FIRST`` on, or of one month or year."""
    days = {Grain.DAY: count, Grain.MONTH: 100, Grain.YEAR: 3_000}[grain]
    span = Span(FIRST, FIRST + timedelta(days=days - 1))
    bars = [Bar(FIRST + timedelta(days=n), orders, Decimal(n)) for n in range(count)]
    return sales_chart(bars, Period("custom", span, span), as_of)


class TestPanel:
    def test_stands_on_zero_and_is_true_to_the_amounts(self):
        low, high, none = panel([Decimal(100), Decimal(400), Decimal(0)], REVENUE).columns

        assert high.height == pytest.approx(4 * low.height)
        assert low.y + low.height == high.y + high.height == REVENUE.base
        assert none.height == 0

    def test_has_a_gridline_at_zero_and_one_at_or_above_the_largest_amount(self):
        drawn = panel([Decimal(1_730), Decimal(20)], REVENUE)

        assert [tick.text for tick in drawn.ticks] == ["0", "500", "1k", "1.5k", "2k"]
        assert (drawn.ticks[0].y, drawn.ticks[-1].y) == (REVENUE.base, REVENUE.top)
        assert min(column.y for column in drawn.columns) >= REVENUE.top

    @pytest.mark.parametrize("most", [1, 2, 3, 5, 10, 49, 51, 999])
    def test_of_counts_has_whole_gridlines(self, most):
        drawn = panel([Decimal(most)], ORDERS, whole=True)

        assert all("." not in tick.text for tick in drawn.ticks)
        assert 2 <= len(drawn.ticks) <= 3

    def test_is_drawn_of_nothing(self):
        drawn = panel([Decimal(0)] * 3, REVENUE)

        assert {column.height for column in drawn.columns} == {0}
        assert [tick.text for tick in drawn.ticks] == ["0"]


class TestSalesChart:
    @pytest.mark.parametrize("count", [1, 2, 7, 30, 92])
    def test_fits_its_width_without_overlap(self, count):
        chart = drawn(count)

        ends = [0.0]
        for slot in chart.slots:
            assert slot.x >= ends[-1] - 0.01
            assert slot.x < slot.mark_x < slot.mark_x + slot.mark_width < slot.x + slot.width
            ends.append(slot.x + slot.width)
        assert ends[-1] <= 100.1
        assert len(chart.labels) <= 8
        assert len(chart.revenue.columns) == len(chart.orders.columns) == count

    @pytest.mark.parametrize(
        ("grain", "name", "label"),
        [
            (Grain.DAY, "1 Nov 2025", "1 Nov"),
            (Grain.MONTH, "November 2025", "Nov 2025"),
            (Grain.YEAR, "2025", "2025"),
        ],
    )
    def test_names_its_bars(self, grain, name, label):
        chart = drawn(1, grain)

        assert chart.slots[0].name == name
        assert chart.labels[0].text == label

    def test_marks_the_day_that_is_not_over(self):
        running = drawn(3, as_of=datetime(2025, 11, 2, 9, tzinfo=UTC))
        over = drawn(3, as_of=datetime(2025, 11, 4, 9, tzinfo=UTC))

        assert [slot.is_running for slot in running.slots] == [False, True, False]
        assert not any(slot.is_running for slot in over.slots)
        assert (running.is_outlined, over.is_outlined) == (True, False)

    def test_outlines_nothing_of_a_day_without_orders(self):
        assert not drawn(3, as_of=datetime(2025, 11, 2, 9, tzinfo=UTC), orders=0).is_outlined

    @pytest.mark.parametrize("count", [1, 7, 8, 9, 30, 92])
    def test_labels_its_last_bar_within_its_width(self, count):
        *_, slot = (chart := drawn(count)).slots
        *_, label = chart.labels

        assert slot.name.startswith(label.text)
        assert not label.minor
        assert label.anchor == ("middle" if count < 10 else "end")
        assert slot.x < label.x <= slot.x + slot.width


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
