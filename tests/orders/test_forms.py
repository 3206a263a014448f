"""The form of an order: its lines added, changed and removed in one go."""

from decimal import Decimal

import pytest
from sqlalchemy import update

from backoffice.database import db
from backoffice.models import Order, OrderLine
from backoffice.orders.forms import MOST_LINES
from tests import stored
from tests.grid.sections import TYPED
from tests.pages import add, filled, post, save, visit


def line(number, product="SKU0001", quantity="1", unit_price="5", discount="0", **more):
    """What the form sends for one line."""
    typed = {"product": product, "quantity": quantity, "unit_price": unit_price}
    typed |= {"discount": discount, "id": "", **more}
    return {f"lines-{number}-{name}": text for name, text in typed.items()}


def held(app, order):
    """``(line_no, quantity, price, discount)`` of an order's lines."""
    return [
        (line.line_no, line.quantity, str(line.unit_price.normalize()), line.discount)
        for line in stored.lines(app, order)
    ]


@pytest.fixture
def order(make):
    """An order of three lines, with quantities 1, 2, 3 at 9.99."""
    make.products(2)
    return make.orders(lines=3)[0]


class TestNewOrder:
    def test_is_saved_with_its_lines(self, app, client, make):
        make.products(2)
        typed = TYPED["orders"] | line(0) | line(1, "SKU0002", "3", "1.25", "0.1")

        page = add(client, "orders", typed)

        assert page.status == 302
        assert held(app, stored.newest(app, Order).id) == [
            (1, 1, "5", Decimal(0)),
            (2, 3, "1.25", Decimal("0.1")),
        ]

    def test_offers_one_blank_line_that_counts_for_nothing(self, app, client):
        form = visit(client, "/admin/orders/new/").form

        add(client, "orders", TYPED["orders"])

        assert {name for name in form if name.startswith("lines-")} == {
            "lines-0-id",
            "lines-0-product",
            "lines-0-quantity",
            "lines-0-unit_price",
            "lines-0-discount",
        }
        assert form["lines-0-discount"] == "0.00"
        assert stored.count(app, OrderLine) == 0

    def test_grows_by_a_line_without_a_script_and_saves_nothing_yet(self, app, client, make):
        make.products()
        typed = TYPED["orders"] | line(0, quantity="7") | {"add_line": "1"}

        page = add(client, "orders", typed)

        assert page.status == 200
        assert page.form["lines-0-quantity"] == "7"
        assert page.form["lines-1-product"] == ""
        assert page.errors == {}
        assert stored.count(app, Order) == 0


class TestLines:
    def test_are_added_changed_and_removed_in_one_go(self, app, client, order):
        typed = line(3, "SKU0002", "4", "2.5") | {"lines-0-remove": "y", "lines-1-quantity": "20"}

        page = save(client, "orders", order, typed)

        assert page.status == 302
        assert held(app, order) == [
            (2, 20, "9.99", Decimal(0)),
            (3, 3, "9.99", Decimal(0)),
            (4, 4, "2.5", Decimal(0)),
        ]

    def test_take_any_product_but_an_unknown_one(self, app, client, order):
        page = save(client, "orders", order, {"lines-1-product": "NOTHING"})

        assert page.status == 422
        assert list(page.errors) == ["lines-1-product"]
        assert "Line 2, product: There is no product 'NOTHING'." in page.messages[0]
        assert page.form["lines-1-product"] == "NOTHING"

    def test_that_are_half_filled_are_no_blank_ones(self, app, client, order):
        page = save(client, "orders", order, line(3, quantity="", unit_price=""))

        assert page.status == 422
        assert set(page.errors) == {"lines-3-quantity", "lines-3-unit_price"}
        assert len(stored.lines(app, order)) == 3

    def test_that_are_emptied_are_refused_and_not_removed(self, app, client, order):
        typed = {"lines-0-product": "", "lines-0-quantity": "", "lines-0-unit_price": ""}

        page = save(client, "orders", order, typed)

        assert page.status == 422
        assert len(stored.lines(app, order)) == 3

    def test_that_are_removed_need_not_make_sense(self, app, client, order):
        page = save(client, "orders", order, {"lines-0-quantity": "x", "lines-0-remove": "y"})

        assert page.status == 302
        assert [number for number, *_ in held(app, order)] == [2, 3]

    def test_that_the_form_does_not_send_are_left_alone(self, app, client, order):
        form = visit(client, "/admin/orders/edit/", id=order).form
        known = {name: text for name, text in form.items() if not name.startswith("lines-")}

        assert post(client, "orders", order, known | {"note": "n"}).status == 302
        assert len(stored.lines(app, order)) == 3

    def test_of_another_order_cannot_be_changed_through_this_one(self, app, client, make, order):
        other = make.orders(lines=1)[0]
        foreign = stored.lines(app, other)[0].id

        save(client, "orders", order, line(3, quantity="66", id=str(foreign)))
        save(client, "orders", order, line(4, id=str(foreign), remove="y"))

        assert held(app, other) == [(1, 1, "9.99", Decimal(0))]
        assert stored.lines(app, other)[0].id == foreign

    def test_keep_what_no_field_is_for(self, app, client, make, order):
        other = make.orders(lines=0)[0]
        more = {"order_id": str(other), "line_no": "77", "product_id": "1"}

        save(client, "orders", order, line(3) | {f"lines-0-{k}": v for k, v in more.items()})

        assert [number for number, *_ in held(app, order)] == [1, 2, 3, 4]
        assert stored.lines(app, other) == []

    def test_find_their_row_by_id_in_whatever_place_they_are_sent(self, app, client, order):
        form = visit(client, "/admin/orders/edit/", id=order).form
        swap = {"lines-0-": "lines-9-", "lines-2-": "lines-0-"}
        moved = {
            swap.get(name[:8], name[:8]) + name[8:]: text
            for name, text in form.items()
            if name.startswith("lines-")
        }
        rest = {name: text for name, text in form.items() if not name.startswith("lines-")}

        post(client, "orders", order, rest | moved | {"lines-9-quantity": "50"})

        assert [quantity for _, quantity, *_ in held(app, order)] == [50, 2, 3]


class TestVersion:
    def test_moves_when_only_a_line_was_changed(self, app, client, order):
        before = stored.one(app, Order, order)

        save(client, "orders", order, {"lines-0-quantity": "9"})

        after = stored.one(app, Order, order)
        assert after.version == before.version + 1
        assert after.updated_at > before.updated_at

    @pytest.mark.parametrize("typed", [line(3), {"lines-0-remove": "y"}])
    def test_moves_when_only_a_line_came_or_went(self, app, client, order, typed):
        save(client, "orders", order, typed)

        assert stored.one(app, Order, order).version == 2

    def test_tells_two_people_who_change_different_lines(self, app, client, sign_in, order):
        form = visit(client, "/admin/orders/edit/", id=order).form
        save(sign_in("editor"), "orders", order, {"lines-0-quantity": "9"})

        page = post(client, "orders", order, filled(form, {"lines-2-quantity": "8"}))

        assert page.status == 409
        assert [quantity for _, quantity, *_ in held(app, order)] == [9, 2, 3]

    def test_stays_when_a_line_is_typed_in_another_way(self, app, client, order):
        save(client, "orders", order, {"lines-0-unit_price": "9.9900", "lines-0-discount": "0.0"})

        assert stored.one(app, Order, order).version == 1
        assert stored.entries(app) == []


class TestManyLines:
    def form_of(self, client, order, count):
        form = visit(client, "/admin/orders/edit/", id=order).form
        for number in range(3, count):
            form |= line(number)
        return form

    def test_up_to_a_thousand_are_saved(self, app, client, order):
        page = post(client, "orders", order, self.form_of(client, order, MOST_LINES))

        assert page.status == 302
        assert len(stored.lines(app, order)) == MOST_LINES == 1_000

    def test_beyond_a_thousand_are_refused_politely(self, app, client, order):
        page = post(client, "orders", order, self.form_of(client, order, MOST_LINES + 1))

        assert page.status == 422
        assert "An order takes 1,000 lines; these are 1,001." in page.messages[0]
        assert page.form["lines-1000-product"] == "SKU0001"
        assert len(stored.lines(app, order)) == 3

    def test_that_an_import_made_can_still_be_changed(self, app, client, make):
        make.products(2)
        order = make.orders(lines=1_002)[0]
        with app.app_context():
            db.session.execute(update(OrderLine).values(quantity=1))
            db.session.commit()

        assert save(client, "orders", order, {"lines-1001-quantity": "5"}).status == 302
        assert stored.lines(app, order)[-1].quantity == 5
