"""A list is paged, sorted, searched and filtered without loading the page anew."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from backoffice.models import Product
from tests import stored
from tests.browser.test_pages import grave, violations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("app", ["sqlite"], indirect=True),
]


@pytest.fixture
def page(make, browse) -> Page:
    """The list of 120 products, open; ``stays(page)`` tells whether it is still the same page."""
    make.suppliers(3)
    make.products(110)
    make.products(10, active=False)
    page = browse("editor")
    page.goto("/admin/products/")
    page.evaluate("window.sameThroughout = true")
    return page


def stays(page: Page) -> bool:
    return page.evaluate("window.sameThroughout === true")


def where(page: Page) -> str:
    return page.locator(".pager .where").inner_text()


def held(page: Page, address: str) -> list[Route]:
    """The requests for ``address``, which wait for an answer until the test gives one."""
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route(address, hold)
    return waiting


class TestPaging:
    def test_stays_on_the_page_and_at_its_button(self, page):
        page.get_by_role("link", name="Next").click()

        expect(page.locator(".where")).to_have_text("51–100 of 120")
        expect(page).to_have_url(re.compile("after="))
        expect(page.get_by_role("link", name="Next")).to_be_focused()
        expect(page.locator("[aria-live=polite]")).to_have_text("51–100 of 120")
        expect(page.locator("#list")).not_to_have_attribute("aria-busy", "true")
        assert stays(page)

    def test_goes_to_the_first_row_where_its_button_is_gone(self, page):
        page.get_by_role("link", name="Last", exact=True).press("Enter")

        expect(page.locator(".where")).to_contain_text("of 120")
        expect(page.locator("tbody a").first).to_be_focused()
        assert stays(page)

    def test_begins_at_the_list_s_top(self, page):
        page.mouse.wheel(0, 3_000)
        page.wait_for_function("scrollY > 500")

        page.get_by_role("link", name="Next").click()

        expect(page.locator(".where")).to_have_text("51–100 of 120")
        expect(page.locator("tbody tr").first).to_be_in_viewport()

    def test_is_taken_back_and_forth_by_the_browser(self, page):
        first = page.locator("tbody tr").first.inner_text()
        page.get_by_role("link", name="Next").click()
        expect(page.locator(".where")).to_have_text("51–100 of 120")
        page.get_by_role("link", name="Price").click()
        expect(page.locator("th[aria-sort]")).to_contain_text("Price")

        page.go_back()
        expect(page.locator(".where")).to_have_text("51–100 of 120")
        page.go_back()
        expect(page.locator(".where")).to_have_text("1–50 of 120")
        assert page.locator("tbody tr").first.inner_text() == first
        page.go_forward()
        expect(page.locator(".where")).to_have_text("51–100 of 120")

        assert stays(page)

    def test_comes_back_to_it_from_a_record(self, page):
        page.get_by_role("link", name="Next").click()
        expect(page.locator(".where")).to_have_text("51–100 of 120")

        page.locator("tbody a").first.click()
        expect(page.get_by_role("link", name="Edit product")).to_be_visible()
        page.get_by_role("navigation", name="Breadcrumb").get_by_role("link").click()
        expect(page.locator(".where")).to_have_text("51–100 of 120")
        page.go_back()
        page.go_back()

        expect(page.locator(".where")).to_have_text("51–100 of 120")


class TestSorting:
    def test_keeps_the_focus_on_the_column(self, page):
        page.get_by_role("link", name="Price").press("Enter")

        expect(page.locator("th[aria-sort=ascending]")).to_have_text("Price↑")
        expect(page.get_by_role("link", name="Price")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("th[aria-sort=descending]")).to_have_text("Price↓")
        assert stays(page)


class TestSearching:
    def test_waits_for_enter_and_keeps_the_cursor(self, page):
        page.keyboard.press("/")
        page.keyboard.type("SKU000")
        page.wait_for_timeout(300)
        assert "search" not in page.url
        page.keyboard.press("Enter")

        expect(page.locator(".where")).to_have_text("1–9 of 9")
        expect(page.locator(".page-header .context")).to_contain_text("9 matches")
        expect(page).to_have_url(re.compile(r"/admin/products/\?search=SKU000$"))
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("7")
        page.keyboard.press("Enter")
        expect(page.locator("tbody tr")).to_have_count(1)
        assert stays(page)

    def test_that_finds_nothing_says_so(self, page):
        page.get_by_role("searchbox").fill("nothing at all")
        page.keyboard.press("Enter")

        expect(page.get_by_role("heading", name="No product matches")).to_be_visible()
        expect(page.locator("[aria-live=polite]")).to_have_text("No matches")
        page.get_by_role("link", name="Clear search and filters").click()
        expect(page.locator(".where")).to_have_text("1–50 of 120")
        assert stays(page)

    def test_is_taken_back_by_emptying_the_box(self, page):
        page.get_by_role("searchbox").fill("SKU000")
        page.keyboard.press("Enter")
        expect(page.locator(".where")).to_have_text("1–9 of 9")

        page.get_by_role("searchbox").evaluate(
            "box => { box.value = ''; box.dispatchEvent(new Event('search', { bubbles: true })); }"
        )

        expect(page.locator(".where")).to_have_text("1–50 of 120")
        assert stays(page)


class TestFiltering:
    def test_by_the_panel_and_back_by_its_chip(self, page):
        page.get_by_text("Filters", exact=True).click()
        page.get_by_label("Active", exact=True).select_option("no")
        page.get_by_role("button", name="Apply").click()

        expect(page.locator(".where")).to_have_text("1–10 of 10")
        expect(page).to_have_url(re.compile(r"/admin/products/\?active=no$"))
        expect(page.locator("tbody a").first).to_be_focused()
        page.get_by_role("link", name="Remove the filter Active").click()
        expect(page.locator(".where")).to_have_text("1–50 of 120")
        assert stays(page)

    def test_by_suggestions_again_and_again(self, page):
        page.get_by_text("Filters", exact=True).click()  # and stays open
        for number in ("2", "3"):
            field = page.locator("[name=supplier]").last
            field.press_sequentially(f"supplier {number}")
            expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
            field.press("ArrowDown")
            field.press("Enter")
            expect(page).to_have_url(re.compile(f"supplier=SUP{number}"))
            expect(page.get_by_role("heading", name="No product matches")).to_be_visible()

        expect(page).to_have_url(re.compile("supplier=SUP2&supplier=SUP3"))
        assert stays(page)

    def test_counts_and_adds_up_on_request(self, page):
        page.get_by_role("link", name="Count and add up").click()

        expect(page.locator("tfoot")).to_contain_text("1,200")
        assert stays(page)

    def test_jumps_to_a_value(self, page):
        page.get_by_role("link", name="SKU", exact=True).click()
        expect(page.locator("th[aria-sort]")).to_contain_text("SKU")

        page.get_by_label("SKU from").fill("SKU0100")
        page.keyboard.press("Enter")

        expect(page.locator("tbody a").first).to_have_text("SKU0100")
        expect(page.get_by_label("SKU from")).to_be_focused()
        assert stays(page)

    def test_sets_the_rows_of_a_page(self, page):
        page.get_by_label("Rows a page").focus()
        page.get_by_label("Rows a page").select_option("25")

        expect(page.locator("tbody tr")).to_have_count(25)
        expect(page.get_by_label("Rows a page")).to_be_focused()
        assert stays(page)

    def test_tells_what_was_left_out(self, page):
        page.evaluate(
            "document.querySelector('.pager a[rel=next]').href = '/admin/products/?sort=nonsense'"
        )
        page.get_by_role("link", name="Next").click()

        expect(page.locator(".message")).to_contain_text("cannot be sorted by")
        expect(page.locator("[aria-live=polite]")).to_contain_text("cannot be sorted by")
        page.get_by_role("link", name="Next").click()
        expect(page.locator(".message")).to_have_count(0)
        assert stays(page)


class TestNewerAndOlder:
    def test_the_newer_of_two_wins(self, page):
        waiting = held(page, "**/products/?sort=name*")

        page.get_by_role("link", name="Name", exact=True).click()
        page.wait_for_function("document.getElementById('list').ariaBusy === 'true'")
        page.get_by_role("link", name="Price").click()
        expect(page.locator("th[aria-sort]")).to_contain_text("Price")
        for route in waiting:
            route.abort()
        page.wait_for_timeout(200)

        expect(page.locator("th[aria-sort]")).to_contain_text("Price")
        assert stays(page)

    def test_what_is_typed_meanwhile_is_kept(self, page):
        waiting = held(page, "**/products/?search=*")
        page.get_by_role("searchbox").fill("SKU")
        page.keyboard.press("Enter")
        page.wait_for_function("document.getElementById('list').ariaBusy === 'true'")

        page.keyboard.type("0007")
        waiting[0].continue_()
        expect(page.locator(".context")).to_contain_text("120 matches")

        expect(page.get_by_role("searchbox")).to_have_value("SKU0007")
        expect(page.get_by_role("searchbox")).to_be_focused()


class TestElsewhere:
    def test_signed_out_leads_to_the_sign_in_page(self, page):
        page.context.clear_cookies()
        page.get_by_role("link", name="Next").click()

        expect(page.get_by_label("Password")).to_be_visible()

    def test_an_error_is_shown_as_a_page(self, page):
        page.route("**/products/?after=*", lambda route: route.fulfill(status=503, body="Busy now"))
        page.get_by_role("link", name="Next").click()

        expect(page.get_by_text("Busy now")).to_be_visible()

    def test_a_new_tab_is_a_new_tab(self, page):
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="Next").click(modifiers=["Control"])

        expect(opened.value.locator(".where")).to_have_text("51–100 of 120")
        assert where(page) == "1–50 of 120"

    def test_the_skip_link_loads_nothing(self, page):
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")

        expect(page.get_by_role("main")).to_be_focused()
        assert stays(page)
        assert where(page) == "1–50 of 120"


class TestAfterwards:
    def test_cells_are_edited_and_saved_before_going_on(self, app, page):
        page.get_by_role("link", name="Next").click()
        expect(page.locator(".where")).to_have_text("51–100 of 120")
        row = page.locator("tbody tr").first
        row_id = int(row.get_attribute("data-id"))
        row.locator("[data-field=stock]").click()
        expect(page.locator("form.cell [name=stock]")).to_be_focused()
        page.keyboard.type("77")

        page.get_by_role("link", name="Price").click()

        expect(page.locator("th[aria-sort]")).to_contain_text("Price")
        assert stored.one(app, Product, row_id).stock == 77
        assert stays(page)

    def test_a_refused_cell_keeps_the_list_where_it_is(self, page):
        page.locator("tbody tr").first.locator("[data-field=stock]").click()
        page.locator("form.cell [name=stock]").fill("many")

        page.get_by_role("link", name="Next").click()

        expect(page.locator("form.cell").get_by_role("alert")).to_be_visible()
        expect(page.locator("form.cell [name=stock]")).to_be_focused()
        assert where(page) == "1–50 of 120"

    def test_the_keys_go_on_working(self, page):
        page.get_by_role("link", name="Price").click()
        expect(page.locator("th[aria-sort]")).to_contain_text("Price")

        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("ArrowRight")

        expect(page.locator("tbody tr").nth(1).locator("[data-field=name]")).to_be_focused()
        expect(page.locator("td[tabindex='0']")).to_have_count(1)

    @pytest.mark.parametrize("colours", ["light", "dark"])
    def test_axe_finds_nothing_serious(self, make, browse, colours):
        make.products(60)
        page = browse("admin", color_scheme=colours)
        page.goto("/admin/products/")

        page.get_by_role("link", name="Next").click()
        expect(page.locator(".where")).to_have_text("51–60 of 60")

        assert grave(Axe(), page) == []
        assert violations(page) == []


class TestWithoutScripts:
    def test_every_link_and_form_does_the_same(self, make, browse):
        make.products(60)
        page = browse("viewer", java_script_enabled=False)
        page.goto("/admin/products/")

        page.get_by_role("link", name="Next").click()
        expect(page.locator("tbody tr")).to_have_count(10)
        page.get_by_role("link", name="Price").click()
        expect(page.locator("th[aria-sort]")).to_contain_text("Price")
        page.get_by_label("Rows a page").select_option("25")
        page.get_by_role("button", name="Set").click()
        expect(page.locator("tbody tr")).to_have_count(25)
        page.get_by_role("searchbox").fill("SKU0007")
        page.get_by_role("button", name="Apply").click()

        expect(page.locator("tbody tr")).to_have_count(1)
