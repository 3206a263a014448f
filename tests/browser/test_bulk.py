"""Selecting rows and acting on them, in a real browser."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from backoffice.database import db
from backoffice.models import Product
from tests.browser.test_pages import DESK, PHONE, grave, violations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("app", ["sqlite"], indirect=True),
]


@pytest.fixture
def stock(make) -> list[int]:
    """Sixty products of one supplier: ten more than a page shows."""
    make.suppliers(2)
    return make.products(60)


def inactive(app) -> list[str]:
    with app.app_context():
        chosen = select(Product.sku).where(~Product.active).order_by(Product.sku)
        return list(db.session.scalars(chosen))


def box(page: Page, sku: str):
    return page.get_by_role("checkbox", name=f"Select {sku}", exact=True)


def selected(page: Page, words: str) -> None:
    expect(page.locator("[data-count]")).to_have_text(words)


class TestSelection:
    def test_survives_paging_sorting_and_a_look_at_a_record(self, app, stock, browse):
        page = browse("editor")
        page.goto("/admin/products/")

        box(page, "SKU0060").check()
        page.get_by_role("link", name="Next").click()
        selected(page, "1 selected")
        box(page, "SKU0001").check()
        page.get_by_role("link", name="SKU0002").click()
        page.get_by_role("link", name="Products", exact=True).last.click()
        page.get_by_role("link", name="SKU", exact=True).click()
        selected(page, "2 selected")
        expect(box(page, "SKU0001")).to_be_checked()
        page.get_by_role("button", name="Deactivate").click()
        page.get_by_role("button", name="Deactivate 2 products").click()

        expect(page.get_by_role("status").first).to_contain_text("2 products: deactivated.")
        assert inactive(app) == ["SKU0001", "SKU0060"]
        expect(page.get_by_role("button", name="Deactivate")).to_be_hidden()
        expect(page).to_have_url(re.compile(r"/admin/products/\?sort=sku&desc=0$"))
        page.reload()
        expect(box(page, "SKU0001")).not_to_be_checked()

    def test_belongs_to_its_filter(self, stock, browse):
        page = browse("editor")
        page.goto("/admin/products/")
        box(page, "SKU0060").check()

        page.goto("/admin/products/?search=SKU006")
        expect(box(page, "SKU0060")).not_to_be_checked()
        page.goto("/admin/products/?search=")

        selected(page, "1 selected")

    def test_takes_a_page_a_range_and_all_that_match(self, app, stock, browse):
        page, sent = browse("manager"), []
        page.goto("/admin/products/?search=SKU00")
        of_page = page.get_by_role("checkbox", name="Select all on this page")

        of_page.check()
        selected(page, "50 selected")
        page.get_by_role("button", name="Clear").click()
        expect(of_page).not_to_be_checked()
        box(page, "SKU0060").click()
        box(page, "SKU0056").click(modifiers=["Shift"])
        selected(page, "5 selected")
        assert of_page.evaluate("each => each.indeterminate")
        page.get_by_role("button", name="Select all 60 matching").click()
        selected(page, "All 60 matching selected")
        expect(of_page).to_be_checked()
        page.on("request", lambda request: sent.append(request.post_data))
        page.get_by_role("button", name="Deactivate").click()
        page.get_by_role("button", name="Deactivate 60 products").click()

        expect(page.get_by_role("status").first).to_contain_text("60 products: deactivated.")
        assert len(inactive(app)) == 60
        bodies = [body for body in sent if body]
        assert max(map(len, bodies)) < 2_000
        assert not any("ids" in parse_qs(body) for body in bodies)

    def test_of_all_becomes_one_of_rows_when_a_row_is_taken_out(self, stock, browse):
        page = browse("manager")
        page.goto("/admin/products/")
        box(page, "SKU0060").check()
        page.get_by_role("button", name="Select all 60").click()

        box(page, "SKU0060").uncheck()

        selected(page, "49 selected")

    def test_is_set_up_anew_when_the_table_is_swapped(self, stock, browse):
        page = browse("editor")
        page.goto("/admin/products/")
        box(page, "SKU0060").check()

        page.evaluate(
            """async () => {
              const text = await (await fetch(location.href)).text();
              const next = new DOMParser().parseFromString(text, "text/html");
              document.querySelector("main").replaceWith(next.querySelector("main"));
              document.dispatchEvent(new CustomEvent("grid:swapped"));
            }"""
        )
        selected(page, "1 selected")
        box(page, "SKU0059").check()

        selected(page, "2 selected")


class TestKeyboard:
    def test_is_enough_to_change_prices(self, app, stock, browse):
        page = browse("editor")
        page.goto("/admin/products/")

        for key in "jxjjxa":
            page.keyboard.press(key)
        expect(page.get_by_role("button", name="Activate", exact=True)).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_label("How much").wait_for()
        page.get_by_label("How much").focus()
        page.keyboard.type("-2.5")
        page.keyboard.press("Enter")
        page.get_by_text("Lower the price of 2 products by 2.5 %?").wait_for()
        page.get_by_role("button", name="Lower the price").focus()
        page.keyboard.press("Enter")

        expect(page.get_by_role("status").first).to_contain_text("2 products: price lowered")
        with app.app_context():
            changed = select(func.count()).where(Product.version == 2)
            assert db.session.scalar(changed) == 2

    def test_is_told_of_its_keys_where_they_work(self, stock, browse):
        editor, viewer = browse("editor"), browse("viewer")

        for page, told in ((editor, True), (viewer, False)):
            page.goto("/admin/products/")
            page.keyboard.press("x")  # without a row: nothing
            page.keyboard.press("?")
            words = page.get_by_role("dialog").inner_text()
            assert ("Select the row" in words) == told


class TestWithoutScripts:
    def test_the_rows_of_a_page_are_changed(self, app, stock, browse):
        page = browse("editor", java_script_enabled=False)
        page.goto("/admin/products/?search=SKU00")

        box(page, "SKU0060").check()
        box(page, "SKU0058").check()
        page.get_by_role("button", name="Deactivate").click()
        page.get_by_role("button", name="Deactivate 2 products").click()

        expect(page.get_by_role("status").first).to_contain_text("2 products: deactivated.")
        assert inactive(app) == ["SKU0058", "SKU0060"]

    def test_all_that_match_are_changed(self, app, stock, browse):
        page = browse("manager", java_script_enabled=False)
        page.goto("/admin/products/?search=SKU005")

        page.get_by_label("All 10 matching").check()
        page.get_by_role("button", name="Move to supplier").click()
        page.get_by_label("Supplier").fill("SUP2")
        page.get_by_role("button", name="Show what would change").click()
        page.get_by_role("button", name="Move 10 products to Supplier 2").click()

        expect(page.get_by_role("status").first).to_contain_text("moved to supplier Supplier 2")


class TestPages:
    @pytest.mark.parametrize(("viewport", "colours"), [(DESK, "light"), (PHONE, "dark")])
    def test_are_fit_for_everybody(self, stock, browse, colours, viewport):
        page = browse("manager", color_scheme=colours, viewport=viewport)
        axe, found = Axe(), []

        def look():
            found.extend(grave(axe, page))
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
            found.extend(violations(page))

        page.goto("/admin/products/")
        box(page, "SKU0060").check()
        box(page, "SKU0001").count()
        look()
        page.get_by_role("button", name="Change price").click()
        look()
        page.get_by_role("button", name="Show what would change").click()
        expect(page.get_by_role("alert")).to_be_focused()
        look()
        page.get_by_label("How much").fill("5")
        page.get_by_role("button", name="Show what would change").click()
        page.get_by_text("Raise the price of 1 product by 5 %?").wait_for()
        look()
        page.get_by_role("button", name="Back").click()
        expect(page.get_by_label("How much")).to_have_value("5")
        page.get_by_label("How much").fill("-61")
        page.get_by_label("Change by").select_option("Amount")
        page.get_by_role("button", name="Show what would change").click()
        page.get_by_text("cannot be changed so").wait_for()
        look()

        assert found == []

    def test_have_targets_for_a_finger(self, stock, browse):
        page = browse("manager", viewport=PHONE, has_touch=True)
        page.goto("/admin/products/")
        box(page, "SKU0060").tap()

        targets = [*page.locator("td.select label").all()[:3], *page.locator("#bulk button").all()]

        assert all(each.bounding_box()["height"] >= 44 for each in targets if each.is_visible())
        assert all(each.bounding_box()["width"] >= 44 for each in targets if each.is_visible())
        expect(page.get_by_role("heading", name="Products")).to_be_visible()
