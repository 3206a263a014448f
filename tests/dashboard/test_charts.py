"""Where the marks of the dashboard's chart go."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from backoffice.dashboard.charts import sales_chart
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
