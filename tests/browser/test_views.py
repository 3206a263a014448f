"""Columns and views of a list as people use them: by mouse, by keyboard, without scripts."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.test_pages import DESK, PHONE, grave, violations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("app", ["sqlite"], indirect=True),
]


def heads(page: Page) -> list[str]:
    """The list's heads, once the browser has come to it: a key that sends a form does not wait."""
    page.wait_for_url(re.compile(r"/admin/products/(\?|$)"))
    return [text.rstrip(" ↑↓") for text in page.get_by_role("columnheader").all_inner_texts()]


def tab(page: Page, name: str):
    return page.get_by_role("navigation", name="Views").get_by_role("link", name=name, exact=True)


def save_view(page: Page, name: str) -> None:
    page.locator("summary", has_text="Save view").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Save view").click()


class TestColumns:
    @pytest.mark.parametrize("scripts", [True, False])
    def test_are_chosen_and_put_in_order(self, browse, make, scripts):
        make.products(3)
        page = browse("viewer", java_script_enabled=scripts)
        page.goto("/admin/products/?search=Product")

        page.get_by_role("link", name="Columns").click()
        page.get_by_role("checkbox", name="Supplier").uncheck()
        page.get_by_role("checkbox", name="Reorder level").check()
        page.get_by_role("button", name="Move Stock up").click()
        page.get_by_role("button", name="Move Stock up").click()
        page.get_by_label("Rows a page").select_option("25")
        page.get_by_label("Density").select_option("Compact")
        page.get_by_role("button", name="Save").last.click()

        expect(page).to_have_url("/admin/products/?search=Product")
        assert heads(page)[:4] == ["SKU", "Name", "Stock", "Price"]
        assert "Reorder level" in heads(page)
        assert "Supplier" not in heads(page)
        assert page.locator("tbody tr").first.bounding_box()["height"] <= 29
        expect(page.get_by_label("Rows a page")).to_have_value("25")

    def test_are_moved_by_keyboard_without_losing_the_place(self, browse, make):
        make.products(1)
        page = browse("viewer")
        page.goto("/admin/products/columns/")

        page.get_by_role("button", name="Move Name up").focus()
        page.keyboard.press("Enter")

        expect(page.get_by_role("button", name="Move Name down")).to_be_focused()
        page.get_by_label("Rows a page").focus()
        page.get_by_role("button", name="Save").last.press("Enter")
        assert heads(page)[:2] == ["Name", "SKU"]


class TestViews:
    @pytest.mark.parametrize("scripts", [True, False])
    def test_are_saved_opened_renamed_and_deleted(self, browse, make, scripts):
        make.products(3)
        page = browse("viewer", java_script_enabled=scripts)
        page.goto("/admin/products/?sort=price&desc=1")

        save_view(page, "Dear")
        expect(tab(page, "Dear")).to_have_attribute("aria-current", "page")
        tab(page, "All").click()
        expect(tab(page, "All")).to_have_attribute("aria-current", "page")
        tab(page, "Dear").click()
        expect(tab(page, "Dear")).to_have_attribute("aria-current", "page")
        expect(page.locator("tbody tr").first).to_contain_text("SKU0003")

        page.locator("summary", has_text="Save view").click()
        page.get_by_role("link", name="Change views").click()
        page.locator("summary", has_text="Change").click()
        page.get_by_label("Name").fill("Dearest")
        page.get_by_role("button", name="Rename").click()
        expect(page.get_by_role("status").filter(has_text="is called Dearest now")).to_be_visible()
        page.locator("summary", has_text="Change").click()
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_text("No views yet")).to_be_visible()

    def test_are_saved_by_keyboard(self, browse, make):
        make.products(1)
        page = browse("viewer")
        page.goto("/admin/products/?search=Product")

        page.locator("summary", has_text="Save view").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_label("Name", exact=True)).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_label("Name", exact=True)).to_be_hidden()
        expect(page.locator("summary", has_text="Save view")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_label("Name", exact=True)).to_be_focused()
        page.keyboard.type("Mine")
        page.keyboard.press("Enter")

        expect(tab(page, "Mine")).to_have_attribute("aria-current", "page")
        assert violations(page) == []

    def test_say_at_the_field_what_is_wrong(self, browse, make):
        make.products(1)
        page = browse("viewer", java_script_enabled=False)
        page.goto("/admin/products/?search=Product")

        page.locator("summary", has_text="Save view").click()
        page.get_by_label("Name", exact=True).fill("   ")
        page.get_by_role("button", name="Save view").click()
        expect(page.get_by_role("alert")).to_contain_text("This field is required")
        page.get_by_label("Name", exact=True).fill("Products")
        page.get_by_role("button", name="Save view").click()

        expect(tab(page, "Products")).to_have_attribute("aria-current", "page")

    @pytest.mark.parametrize(("viewport", "colours"), [(DESK, "light"), (PHONE, "dark")])
    def test_are_clean_for_axe_and_fit_where_there_are_many(self, browse, make, colours, viewport):
        make.products(3)
        page = browse("admin", color_scheme=colours, viewport=viewport)
        for number in range(12):
            page.goto(f"/admin/products/?search={number}")
            save_view(page, f"A view with a long name, number {number}")
        axe, found = Axe(), []

        for address in ("/admin/products/?search=11", "/admin/products/views/"):
            page.goto(address)
            page.locator(
                "summary", has_text="view" if "search" in address else "Change"
            ).first.click()
            found += grave(axe, page)
            found += [address] * (
                page.evaluate("document.documentElement.scrollWidth") > viewport["width"]
            )

        assert found == []
        expect(page.get_by_role("link", name="number 11")).to_be_attached()


class TestWideList:
    WIDE = "/admin/suppliers/?columns=" + ",".join(
        [
            *("code", "name", "contact_name", "email", "phone", "street", "postal_code"),
            *("region", "city", "country", "active", "updated_at", "created_at"),
        ]
    )

    @pytest.fixture
    def page(self, browse, make):
        make.suppliers(60, email="sales@nordwind.example", street="Karl Johans gate 1")
        page = browse("admin", viewport=DESK)
        page.goto(self.WIDE)
        return page

    def test_keeps_its_heads_and_keys_in_view_however_it_is_scrolled(self, page):
        page.mouse.move(DESK["width"] / 2, DESK["height"] / 2)
        page.mouse.wheel(0, 800)
        page.mouse.wheel(200, 0)
        page.wait_for_function("() => document.querySelector('.fit').scrollLeft > 100")

        expect(page.get_by_role("link", name="SUP1", exact=True)).not_to_be_in_viewport()
        for head in ("Code", "Email", "City"):
            expect(page.get_by_role("columnheader", name=head, exact=True)).to_be_in_viewport(
                ratio=1
            )
        # And they lie above the rows.
        for head in ("Code", "Email"):
            assert page.get_by_role("columnheader", name=head, exact=True).evaluate(
                """(head) => {
                  const { left, top, height } = head.getBoundingClientRect();
                  const there = document.elementFromPoint(left + 16, top + height / 2);
                  return there.closest("th") === head;
                }"""
            )

    def test_is_where_it_was_left_when_one_comes_back_from_a_record(self, page):
        page.get_by_role("link", name="SUP40").scroll_into_view_if_needed()
        left = page.evaluate("document.querySelector('.fit').scrollTop")
        page.wait_for_function("() => history.state?.place")

        page.get_by_role("link", name="SUP40").click()
        page.wait_for_url("**/details/**")
        page.go_back()

        page.wait_for_function(f"() => document.querySelector('.fit')?.scrollTop === {left}")
        assert left > 0

    def test_begins_at_its_first_row_on_the_next_page(self, page):
        page.get_by_role("link", name="SUP40").scroll_into_view_if_needed()
        page.wait_for_function("() => history.state?.place")

        page.get_by_role("link", name="Next").click()
        expect(page.get_by_role("link", name="SUP9", exact=True)).to_be_visible()
        there = page.evaluate("document.querySelector('.fit').scrollTop")
        page.go_back()
        expect(page.get_by_role("link", name="SUP40")).to_be_in_viewport()

        assert there == 0

    def test_is_printed_whole(self, page):
        page.emulate_media(media="print")

        assert page.evaluate(
            "document.querySelector('.fit').clientHeight"
            " >= document.querySelector('.fit').scrollHeight"
        )
