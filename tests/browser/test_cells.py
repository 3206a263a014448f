"""Editing in place, in a real browser and mostly by keyboard."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from backoffice.models import Category, Order, Product, Supplier
from tests import stored
from tests.browser.test_pages import grave, violations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("app", ["sqlite"], indirect=True),
]


@pytest.fixture
def products(make) -> list[int]:
    """Five products of the first of three suppliers; the newest, SKU0005, is the list's first."""
    make.suppliers(3)
    return make.products(5)


@pytest.fixture
def page(products, browse) -> Page:
    """The list of products, open."""
    page = browse("editor")
    page.goto("/admin/products/")
    return page


def cell(page: Page, sku: str, field: str) -> Locator:
    return page.get_by_role("row").filter(has_text=sku).locator(f"[data-field={field}]")


def editor(page: Page) -> Locator:
    return page.locator("form.cell")


def open_cell(page: Page, sku: str, field: str) -> Locator:
    """Start editing a cell; the control in it."""
    cell(page, sku, field).focus()
    page.keyboard.press("F2")
    control = editor(page).locator(f"[name={field}]")
    expect(control).to_be_focused()
    return control


def say(page: Page) -> Locator:
    return page.locator("[aria-live=polite]")


class TestByKeyboard:
    def test_a_price_is_corrected_from_the_first_key_to_the_last(self, app, products, page):
        page.keyboard.press("j")
        page.keyboard.press("ArrowRight")
        expect(cell(page, "SKU0005", "name")).to_be_focused()
        for _ in range(2):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        expect(cell(page, "SKU0004", "price")).to_be_focused()

        page.keyboard.press("Enter")
        expect(page.get_by_label("Price of SKU0004")).to_be_focused()
        page.keyboard.type("1234.5")
        page.keyboard.press("Enter")

        expect(cell(page, "SKU0004", "price")).to_have_text("1,234.50")
        expect(cell(page, "SKU0004", "price")).to_be_focused()
        expect(say(page)).to_have_text("Price of SKU0004 saved")
        assert stored.one(app, Product, products[3]).price == Decimal("1234.5")

    def test_tab_saves_and_edits_the_next_cell(self, app, products, page):
        open_cell(page, "SKU0005", "price")

        page.keyboard.type("7")
        page.keyboard.press("Tab")
        expect(page.get_by_label("Stock of SKU0005")).to_be_focused()
        page.keyboard.type("70")
        page.keyboard.press("Shift+Tab")
        expect(page.get_by_label("Price of SKU0005")).to_be_focused()
        page.keyboard.press("Escape")

        expect(cell(page, "SKU0005", "price")).to_be_focused()
        row = stored.one(app, Product, products[4])
        assert (row.price, row.stock, row.version) == (7, 70, 3)

    def test_escape_leaves_it_as_it_was(self, app, products, page):
        open_cell(page, "SKU0005", "price").fill("7")

        page.keyboard.press("Escape")

        expect(cell(page, "SKU0005", "price")).to_have_text("5.00")
        expect(cell(page, "SKU0005", "price")).to_be_focused()
        assert stored.one(app, Product, products[4]).version == 1

    def test_the_cells_are_one_stop_of_the_tab_key(self, page):
        stops = page.locator("td[tabindex='0']")
        expect(stops).to_have_count(1)

        cell(page, "SKU0003", "stock").focus()
        page.keyboard.press("End")
        expect(cell(page, "SKU0003", "active")).to_be_focused()
        page.keyboard.press("Home")

        expect(cell(page, "SKU0003", "name")).to_be_focused()
        expect(stops).to_have_count(1)

    def test_enter_on_a_row_s_link_still_opens_the_record(self, page):
        page.keyboard.press("j")
        page.keyboard.press("Enter")

        expect(page.get_by_role("heading", name="Product 5")).to_be_visible()

    def test_e_on_a_row_s_link_edits_its_first_cell(self, page):
        page.keyboard.press("j")
        page.keyboard.press("e")

        expect(page.get_by_label("Name of SKU0005")).to_be_focused()

    def test_a_supplier_is_chosen_from_suggestions(self, app, products, page):
        supplier = open_cell(page, "SKU0005", "supplier")

        supplier.fill("")
        page.keyboard.type("supplier 3")
        expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(supplier).to_have_value("SUP3")
        page.keyboard.press("Enter")

        expect(cell(page, "SKU0005", "supplier")).to_have_text("Supplier 3")
        assert stored.one(app, Product, products[4]).version == 2

    def test_a_check_box_is_cleared(self, app, products, page):
        open_cell(page, "SKU0005", "active")

        page.keyboard.press("Space")
        page.keyboard.press("Enter")

        expect(cell(page, "SKU0005", "active")).to_have_text("No")
        assert stored.one(app, Product, products[4]).active is False

    def test_a_status_is_chosen(self, app, make, browse):
        [order] = make.orders()
        page = browse("editor")
        page.goto("/admin/orders/")
        open_cell(page, "ORD0001", "status").select_option("Shipped")

        page.keyboard.press("Enter")

        expect(cell(page, "ORD0001", "status")).to_have_text("shipped")
        assert stored.one(app, Order, order).status.value == "shipped"

    def test_a_description_takes_several_lines(self, app, make, browse):
        [category] = make.categories()
        page = browse("editor")
        page.goto("/admin/categories/")
        open_cell(page, "Category 1", "description")

        page.keyboard.type("one")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("two")
        page.keyboard.press("Enter")

        expect(cell(page, "Category 1", "description")).to_have_text("one two")
        assert stored.one(app, Category, category).description.split() == ["one", "two"]

    def test_is_listed_among_the_shortcuts(self, page):
        page.keyboard.press("?")

        expect(page.get_by_role("dialog", name="Shortcuts")).to_contain_text("Edit the cell")


class TestByMouse:
    def test_a_click_beside_the_text_edits_and_one_elsewhere_saves(self, app, products, page):
        cell(page, "SKU0005", "stock").click()
        expect(page.get_by_label("Stock of SKU0005")).to_be_focused()
        page.keyboard.type("12")

        cell(page, "SKU0002", "price").click()

        expect(page.get_by_label("Price of SKU0002")).to_be_focused()
        expect(cell(page, "SKU0005", "stock")).to_have_text("12")
        assert stored.one(app, Product, products[4]).stock == 12

    def test_a_link_in_a_cell_stays_a_link_after_saving(self, page):
        box = cell(page, "SKU0005", "name").bounding_box()
        page.mouse.click(box["x"] + box["width"] - 6, box["y"] + 6)
        page.get_by_label("Name of SKU0005").fill("Green tea")
        page.keyboard.press("Enter")

        page.get_by_role("link", name="Green tea").click()

        expect(page.get_by_role("heading", name="Green tea")).to_be_visible()

    def test_no_row_jumps(self, page):
        def places() -> list[float]:
            return [row.bounding_box()["y"] for row in page.locator("tbody tr").all()]

        before = places()
        for field in ("name", "supplier", "price", "stock", "category", "active"):
            open_cell(page, "SKU0003", field)
            assert places() == before, field
            page.keyboard.press("Escape")


class TestError:
    def test_is_told_at_the_cell_and_keeps_what_was_typed(self, app, products, page):
        price = open_cell(page, "SKU0005", "price")
        price.fill("-3")

        page.keyboard.press("Enter")

        expect(editor(page).get_by_role("alert")).to_have_text("Must be from 0 to 99,999,999.9999.")
        expect(price).to_have_value("-3")
        expect(price).to_be_focused()
        expect(price).to_have_attribute("aria-invalid", "true")
        expect(price).to_have_accessible_description("Must be from 0 to 99,999,999.9999.")
        price.fill("3")
        page.keyboard.press("Enter")
        expect(cell(page, "SKU0005", "price")).to_have_text("3.00")

    def test_keeps_the_next_cell_closed(self, page):
        open_cell(page, "SKU0005", "stock").fill("many")

        cell(page, "SKU0002", "stock").click()

        expect(editor(page)).to_have_count(1)
        expect(page.get_by_label("Stock of SKU0005")).to_be_focused()
        expect(page.get_by_label("Stock of SKU0005")).to_have_value("many")

    def test_says_that_one_was_signed_out_and_saves_after_signing_in(self, app, products, page):
        cookies = page.context.cookies()
        open_cell(page, "SKU0005", "stock").fill("12")
        page.context.clear_cookies()
        page.keyboard.press("Enter")
        expect(editor(page).get_by_role("alert")).to_contain_text("You were signed out")

        page.context.add_cookies(cookies)
        page.keyboard.press("Enter")

        expect(cell(page, "SKU0005", "stock")).to_have_text("12")

    def test_says_that_the_record_is_gone(self, app, make, browse):
        make.categories()
        page = browse("editor")
        page.goto("/admin/categories/")
        with app.app_context(), stored.elsewhere(app) as connection:
            connection.execute(Category.__table__.delete())

        cell(page, "Category 1", "name").focus()
        page.keyboard.press("F2")

        expect(page.get_by_role("alert")).to_have_text("It is not there any more.")
        expect(cell(page, "Category 1", "name")).to_be_focused()

    def test_that_stands_is_asked_about_before_the_page_is_left(self, page):
        asked = []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        open_cell(page, "SKU0005", "stock").fill("many")
        page.keyboard.press("Enter")
        expect(editor(page).get_by_role("alert")).to_be_visible()

        page.get_by_role("link", name="SKU0001").click()

        expect(page.get_by_label("Stock of SKU0005")).to_have_value("many")
        assert asked == ["beforeunload"]


class TestConflict:
    @pytest.fixture
    def told(self, page, browse) -> Page:
        """A page whose price of 8 was refused: somebody else has saved 7 since."""
        price, other = open_cell(page, "SKU0005", "price"), browse("manager")
        other.goto("/admin/products/")
        open_cell(other, "SKU0005", "price").fill("7")
        other.keyboard.press("Enter")
        expect(cell(other, "SKU0005", "price")).to_have_text("7.00")
        price.fill("8")
        page.keyboard.press("Enter")
        alert = editor(page).get_by_role("alert")
        expect(alert).to_have_text(
            re.compile(r"manager@example.com changed it to 7\.00 at \d\d:\d\d UTC while")
        )
        return page

    def test_is_decided_for_mine_by_keyboard(self, app, products, told):
        told.keyboard.press("Tab")
        expect(told.get_by_role("button", name="Save mine")).to_be_focused()
        told.keyboard.press("Enter")

        expect(cell(told, "SKU0005", "price")).to_have_text("8.00")
        assert stored.one(app, Product, products[4]).price == 8

    def test_is_decided_for_theirs(self, app, products, told):
        told.get_by_role("button", name="Keep theirs").click()

        expect(cell(told, "SKU0005", "price")).to_have_text("7.00")
        expect(cell(told, "SKU0005", "price")).to_be_focused()
        assert stored.one(app, Product, products[4]).price == 7

    def test_is_not_decided_by_going_elsewhere(self, app, products, told):
        told.get_by_role("searchbox").focus()
        told.wait_for_timeout(200)

        expect(editor(told)).to_be_visible()
        assert stored.one(app, Product, products[4]).price == 7


class TestWhoMayNot:
    def test_sees_a_plain_table(self, products, browse):
        page = browse("viewer")
        page.goto("/admin/products/")

        page.locator("tbody tr").first.locator("td.num").first.click()

        expect(page.get_by_role("table")).to_be_visible()
        expect(editor(page)).to_have_count(0)
        expect(page.locator("[tabindex='0']")).to_have_count(0)


class TestPhone:
    def test_opens_the_record_instead(self, products, browse):
        page = browse("editor", viewport={"width": 390, "height": 844}, has_touch=True)
        page.goto("/admin/products/")

        box = page.locator("tbody tr").first.locator("[data-field=price]").bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

        expect(page.get_by_role("heading", name="Product 5")).to_be_visible()


class TestWithoutScripts:
    def test_the_record_s_form_edits_the_same(self, app, products, browse):
        page = browse("editor", java_script_enabled=False)
        page.goto("/admin/products/")

        page.get_by_role("link", name="SKU0005").click()
        page.get_by_role("link", name="Edit product").click()
        page.get_by_label("Price").fill("3.50")
        page.get_by_role("button", name="Save", exact=True).last.click()

        expect(page.get_by_text("3.50").first).to_be_visible()


class TestAxe:
    @pytest.mark.parametrize("colours", ["light", "dark"])
    def test_finds_nothing_serious_in_an_open_editor(self, make, products, browse, colours):
        make.orders()
        make.categories()
        page, axe, found = browse("admin", color_scheme=colours), Axe(), {}

        for table, key, fields in (
            ("products", "SKU0005", ("name", "supplier", "price", "active")),
            ("orders", "ORD0001", ("status", "shipped_at")),
            ("categories", "Category 1", ("description",)),
        ):
            page.goto(f"/admin/{table}/")
            for field in fields:
                open_cell(page, key, field)
                found[table, field] = grave(axe, page)
                if field == "price":
                    page.keyboard.type("x")
                    page.keyboard.press("Enter")
                    expect(editor(page).get_by_role("alert")).to_be_visible()
                    found[table, "error"] = grave(axe, page)
                page.keyboard.press("Escape")

        assert {where: what for where, what in found.items() if what} == {}
        assert violations(page) == []


class TestStored:
    def test_text_is_shown_and_not_run(self, app, make, browse):
        [supplier] = make.suppliers()
        page = browse("editor")
        page.goto("/admin/suppliers/")
        harm = "<img src=x onerror=window.harmed=1>"

        open_cell(page, "SUP1", "city").fill(harm)
        page.keyboard.press("Enter")

        expect(cell(page, "SUP1", "city")).to_have_text(harm)
        assert page.evaluate("window.harmed") is None
        assert stored.one(app, Supplier, supplier).city == harm
