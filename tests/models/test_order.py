"""Orders: what they come to."""

from decimal import Decimal

from backoffice.models import REVENUE_STATUSES, Order, OrderLine, OrderStatus


def line(quantity, price, discount="0"):
    return OrderLine(
        quantity=quantity, unit_price=Decimal(price), discount=Decimal(discount), line_no=1
    )


class TestTotal:
    def test_of_no_lines_is_nothing(self):
        assert Order().total == 0

    def test_rounds_nothing(self):
        order = Order(lines=[line(1, "0.0001", "0.9999"), line(3, "9.99", "0.15")])

        assert order.total == Decimal("25.47450001")


class TestStatus:
    def test_counts_as_revenue_unless_draft_or_cancelled(self):
        others = set(OrderStatus) - set(REVENUE_STATUSES)

        assert others == {OrderStatus.DRAFT, OrderStatus.CANCELLED}
