"""What staff do all day, in a real browser."""

from __future__ import annotations

import re

import pytest
from flask_security import hash_password
from playwright.sync_api import Page, expect

from backoffice.database import db
from backoffice.models import Order, Product, User

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"
ON_SQLITE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


@pytest.fixture
def ann(app) -> None:
    """A member of staff who can sign in by the form."""
    with app.test_request_context():
        user = User(
            email="ann@example.com",
            password=hash_password(PASSWORD),
            role="manager",
            fs_uniquifier="ann",
        )
        db.session.add(user)
        db.session.commit()


@pytest.fixture
def stock(make) -> list[int]:
    """Three suppliers, and sixty products of the first."""
    make.suppliers(3)
    return make.products(60)


def sign_in_by_form(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("Email").fill("ann@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).last.click()


def choose(page: Page, label: str, start: str) -> None:
    """Type the start of a name and take the first suggestion, by keyboard alone."""
    field = page.get_by_role("combobox", name=label).last
    field.fill("")
    field.press_sequentially(start)
    suggestions = page.get_by_role("listbox", name="Suggestions")
    expect(suggestions.get_by_role("option")).to_have_count(1)
    field.press("ArrowDown")
    field.press("Enter")
    expect(suggestions).to_be_hidden()


class TestProduct:
    def test_is_found_corrected_and_seen_with_its_history(self, ann, stock, browse):
        page = browse("")

        sign_in_by_form(page)
        expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
        page.get_by_role("link", name="Products", exact=True).first.click()
        page.get_by_label("Search").fill("SKU0042")
        page.get_by_label("Search").press("Enter")
        page.get_by_role("link", name="SKU0042").click()
        page.get_by_role("link", name="Edit product").click()
        page.get_by_label("Price").fill("1234.5")
        save(page)

        expect(page.get_by_role("status").filter(has_text="was saved")).to_be_visible()
        expect(page.get_by_text("1,234.50")).to_be_visible()
        history = page.get_by_role("region", name="History")
        expect(history).to_contain_text("Changed by ann@example.com")
        expect(history).to_contain_text("42.00 → 1234.50")

    @ON_SQLITE
    def test_gets_its_supplier_by_keyboard(self, app, stock, browse):
        page = browse("editor")
        page.goto(f"/admin/products/edit/?id={stock[0]}")

        choose(page, "Supplier", "supplier 3")
        expect(page.get_by_label("Supplier")).to_have_value("SUP3")
        save(page)

        expect(page.get_by_role("link", name="Supplier 3")).to_be_visible()
        with app.app_context():
            assert db.session.get(Product, stock[0]).supplier.code == "SUP3"

    @ON_SQLITE
    def test_tells_the_second_of_two_who_edit_it(self, app, stock, browse):
        first, second = browse("editor"), browse("manager")
        for page in (first, second):
            page.goto(f"/admin/products/edit/?id={stock[0]}")

        first.get_by_label("Name").fill("Named by the first")
        save(first)
        expect(first.get_by_role("status").filter(has_text="was saved")).to_be_visible()
        second.get_by_label("Name").fill("Named by the second")
        save(second)

        both = second.get_by_role("alert")
        expect(both).to_be_focused()
        expect(both).to_contain_text("editor@example.com saved this")
        row = both.get_by_role("row", name="Name")
        expect(row).to_contain_text("Named by the first")
        expect(row).to_contain_text("Named by the second")
        expect(second.get_by_label("Name")).to_have_value("Named by the second")
        second.get_by_role("button", name="Save over theirs").click()
        expect(second.get_by_role("heading", name="Named by the second")).to_be_visible()
        with app.app_context():
            assert db.session.get(Product, stock[0]).name == "Named by the second"

    @ON_SQLITE
    def test_shows_a_broken_rule_at_its_field(self, stock, browse):
        page = browse("editor")
        page.goto(f"/admin/products/edit/?id={stock[0]}")

        page.get_by_label("SKU").fill("SKU0002")
        save(page)

        summary = page.get_by_role("alert")
        expect(summary).to_be_focused()
        expect(summary).to_contain_text("Nothing was saved yet")
        summary.get_by_role("link", name="SKU").click()
        field = page.get_by_label("SKU")
        expect(field).to_be_focused()
        expect(field).to_have_value("SKU0002")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description("Another product has this SKU.")


@ON_SQLITE
class TestOrder:
    def test_takes_and_loses_lines(self, app, make, browse):
        [order_id] = make.orders()  # 1 and 2 of the first product, at 9.99
        make.products(3)
        page = browse("editor")
        page.goto(f"/admin/orders/edit/?id={order_id}")

        page.get_by_role("button", name="Add a line").click()
        choose(page, "Product", "product 2")
        page.get_by_label("Quantity").last.fill("3")
        page.get_by_label("Remove line 2").check()
        save(page)

        expect(page.get_by_role("row", name="Total")).to_contain_text("15.99")
        with app.app_context():
            lines = db.session.get(Order, order_id).lines
            assert [(line.quantity, str(line.unit_price)) for line in lines] == [
                (1, "9.9900"),
                (3, "2.0000"),
            ]


@ON_SQLITE
class TestPriceOfALine:
    @pytest.fixture
    def page(self, make, browse):
        """An order at 9.99, and products at 2 and 3."""
        [order_id] = make.orders(lines=1)
        make.products(3)
        page = browse("editor")
        page.goto(f"/admin/orders/edit/?id={order_id}")
        return page

    def test_that_was_agreed_stays_beside_the_list_price(self, page):
        choose(page, "Product", "product 2")

        expect(page.get_by_label("Unit price")).to_have_value("9.99")
        page.get_by_text("List price 2.00").get_by_role("button", name="Take it").click()
        expect(page.get_by_label("Unit price")).to_have_value("2.00")
        expect(page.get_by_text("List price")).to_be_hidden()

    def test_that_nobody_typed_follows_the_product(self, page):
        page.get_by_role("button", name="Add a line").click()

        choose(page, "Product", "product 2")
        expect(page.get_by_label("Unit price").last).to_have_value("2.00")
        choose(page, "Product", "product 3")

        expect(page.get_by_label("Unit price").last).to_have_value("3.00")
        expect(page.get_by_text("List price")).to_be_hidden()

    def test_that_is_wrong_is_told_below_the_line(self, page):
        page.get_by_label("Unit price").fill("1,5")
        save(page)

        field = page.get_by_label("Unit price")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile("^Write decimals with a point"))
        page.get_by_role("button", name="Add a line").click()
        expect(page.get_by_label("Unit price")).to_have_count(2)


@ON_SQLITE
class TestSuggestions:
    def test_that_are_none_say_so(self, stock, browse):
        page = browse("editor")
        page.goto("/admin/products/new/")

        page.get_by_role("combobox", name="Supplier").press_sequentially("zz")

        expect(page.get_by_role("status").filter(has_text="No match for “zz”")).to_be_visible()

    def test_say_that_one_is_signed_out(self, stock, browse):
        page, wrong = browse("editor"), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto("/admin/products/new/")

        page.context.clear_cookies()
        page.get_by_role("combobox", name="Supplier").press_sequentially("sup")

        told = page.get_by_role("status").filter(has_text="You are signed out")
        expect(told).to_be_visible()
        assert wrong == []

    def test_of_a_filter_apply_at_once(self, stock, browse):
        page = browse("viewer")
        page.goto("/admin/products/")
        page.get_by_text("Filters", exact=True).click()

        choose(page, "Supplier", "supplier 2")

        page.wait_for_url("**/products/?supplier=SUP2")
        expect(page.get_by_text("No product matches")).to_be_visible()


@ON_SQLITE
class TestDeleting:
    def test_is_refused_by_what_uses_the_record(self, make, browse):
        [supplier_id] = make.suppliers()
        make.products(3)
        page = browse("manager")

        page.goto(f"/admin/suppliers/details/?id={supplier_id}")
        page.get_by_role("link", name="Delete").click()

        expect(page.get_by_text("This supplier cannot be deleted")).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text("3 products")
        page.get_by_role("link", name="Show the products").click()
        expect(page.locator("tbody tr")).to_have_count(3)

    def test_needs_the_button(self, app, stock, browse):
        page = browse("manager")

        page.goto(f"/admin/products/details/?id={stock[0]}")
        page.get_by_role("link", name="Delete").click()
        with app.app_context():
            assert db.session.get(Product, stock[0]) is not None
        page.get_by_role("button", name="Delete product").click()

        expect(page.get_by_role("status").filter(has_text="was deleted")).to_be_visible()
        with app.app_context():
            assert db.session.get(Product, stock[0]) is None


@ON_SQLITE
class TestWithoutScripts:
    """The core of the work does without JavaScript."""

    def test_a_product_is_found_and_corrected(self, ann, stock, browse):
        page = browse("", java_script_enabled=False)

        sign_in_by_form(page)
        page.get_by_role("link", name="Products", exact=True).first.click()
        expect(page.locator("tbody tr")).to_have_count(50)
        page.get_by_role("link", name="Next").click()
        expect(page.locator("tbody tr")).to_have_count(10)
        page.get_by_text("Filters", exact=True).click()
        page.get_by_label("Active").select_option("no")
        page.get_by_role("button", name="Apply").click()
        expect(page.get_by_text("No product matches")).to_be_visible()
        page.get_by_role("link", name="Clear search and filters").click()
        page.get_by_label("Search").fill("SKU0007")
        page.get_by_role("button", name="Apply").click()
        page.get_by_role("link", name="SKU0007").click()
        page.get_by_role("link", name="Edit product").click()
        page.get_by_label("Supplier").fill("SUP2")
        save(page)

        expect(page.get_by_role("link", name="Supplier 2")).to_be_visible()

    def test_an_order_gets_a_line(self, make, browse):
        [order_id] = make.orders()
        make.products(3)
        page = browse("editor", java_script_enabled=False)
        page.goto(f"/admin/orders/edit/?id={order_id}")

        page.get_by_role("button", name="Add a line").click()
        page.get_by_label("Product", exact=True).last.fill("SKU0002")
        page.get_by_label("Quantity").last.fill("3")
        page.get_by_label("Unit price").last.fill("2")
        page.get_by_label("Remove line 2").check()
        save(page)

        expect(page.get_by_role("row", name="Total")).to_contain_text("15.99")


@ON_SQLITE
class TestExport:
    def test_is_of_the_list_as_it_stands_by_keyboard(self, stock, browse):
        page = browse("viewer")
        page.goto("/admin/products/")
        page.get_by_label("Search", exact=True).fill("SKU0059")
        page.keyboard.press("Enter")
        expect(page.locator(".grid tbody tr")).to_have_count(1)

        menu = page.locator("summary", has_text="Export")
        menu.press("Enter")
        expect(page.get_by_role("link", name="CSV")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="CSV")).to_be_hidden()
        expect(menu).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        with page.expect_download() as download:
            page.keyboard.press("Enter")

        lines = download.value.path().read_text("utf-8-sig").splitlines()
        assert [line.partition(",")[0] for line in lines] == ["sku", "SKU0059"]


@ON_SQLITE
class TestKeys:
    def test_lead_to_search_new_and_edit(self, stock, browse):
        page = browse("editor")
        page.goto("/admin/products/")

        page.keyboard.press("/")
        expect(page.get_by_label("Search")).to_be_focused()
        page.keyboard.type("n/e")
        expect(page.get_by_label("Search")).to_have_value("n/e")
        page.goto("/admin/products/")
        page.keyboard.press("n")
        expect(page.get_by_role("heading", name="New product")).to_be_visible()
        page.goto(f"/admin/products/details/?id={stock[0]}")
        page.keyboard.press("e")

        expect(page.get_by_label("Price")).to_be_visible()

    def test_walk_through_a_list_and_its_sections(self, stock, browse):
        page = browse("viewer")
        page.goto("/admin/products/")

        for key in "jjjk":
            page.keyboard.press(key)
        expect(page.get_by_role("link", name="SKU0059")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Product 59")).to_be_visible()
        page.keyboard.press("g")
        page.keyboard.press("s")

        expect(page.get_by_role("heading", name="Suppliers")).to_be_visible()

    def test_are_listed_by_a_question_mark(self, stock, browse):
        page = browse("editor")
        page.goto("/admin/products/")

        page.keyboard.press("?")
        shortcuts = page.get_by_role("dialog", name="Shortcuts")
        expect(shortcuts).to_contain_text("New product")
        page.keyboard.press("n")
        page.keyboard.press("Escape")

        expect(shortcuts).to_be_hidden()
        expect(page.get_by_role("heading", name="Products")).to_be_visible()

    def test_never_reach_what_the_save_bar_hides(self, make, browse):
        [order_id] = make.orders(lines=5)
        page = browse("editor", viewport={"width": 1024, "height": 600})
        page.goto(f"/admin/orders/edit/?id={order_id}")
        bar = page.locator(".savebar")

        page.get_by_label("Number").focus()
        hidden = []
        for _ in range(30):
            page.keyboard.press("Tab")
            field = page.locator("main form :focus:not(.savebar *)")
            if field.count():
                box = field.bounding_box()
                if box["y"] + min(box["height"], 48) > bar.bounding_box()["y"]:  # a note's start
                    hidden.append(field.get_attribute("id"))

        assert hidden == []

    def test_begin_with_a_way_past_the_menu(self, stock, browse):
        page = browse("viewer")
        page.goto("/admin/products/")

        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")

        expect(page.get_by_role("main")).to_be_focused()


@ON_SQLITE
class TestUnsavedChanges:
    def test_are_asked_about_before_they_are_lost(self, stock, browse):
        page, asked = browse("editor"), []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        page.goto(f"/admin/products/edit/?id={stock[0]}")

        page.get_by_label("Name").press_sequentially("x")
        page.get_by_role("link", name="Cancel").click()

        expect(page.get_by_label("Name")).to_be_visible()
        assert asked == ["beforeunload"]

    def test_that_are_none_ask_nothing(self, stock, browse):
        page, asked = browse("editor"), []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        page.goto(f"/admin/products/edit/?id={stock[0]}")

        page.get_by_role("link", name="Cancel").click()
        expect(page.get_by_role("link", name="Edit product")).to_be_visible()
        page.get_by_role("link", name="Edit product").click()
        page.get_by_label("Name").fill("Saved")
        save(page)

        expect(page.get_by_role("status").filter(has_text="was saved")).to_be_visible()
        assert asked == []
