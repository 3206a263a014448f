"""An import as a buyer does it in Chromium: from the supplier's file to taking it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from backoffice.imports.background import Workers
from backoffice.models import Product
from tests import stored
from tests.browser.test_pages import DESK, PHONE, grave, violations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("app", ["sqlite"], indirect=True),
]


@pytest.fixture
def working(app: Any) -> Iterator[None]:
    """The jobs are done, as in the web process."""
    workers = Workers(app)
    workers.start()
    yield
    workers.stop()
    app.extensions.pop("import_jobs")


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "june.csv"
    rows = "".join(f"A-{n};Bolt {n};{n + 1}.50;note\n" for n in range(40))
    path.write_text(f"Article;Name;Price;Remark\n{rows}A-X;Nut;cheap;\n")
    return path


def upload(page: Page, path: Path) -> None:
    page.goto("/admin/imports/")
    page.get_by_role("link", name="Import a file").first.click()
    page.get_by_label("File", exact=True).set_input_files(path)
    page.get_by_role("button", name="Upload and go on").click()
    page.wait_for_url("**/map/")


def map_columns(page: Page) -> None:
    page.get_by_label("Article").select_option("SKU")
    page.get_by_label("Supplier (optional)").fill("SUP1")
    page.get_by_role("button", name="Show what would change").click()


class TestAnImport:
    def test_goes_from_the_file_to_undo(self, app, browse, make, working, prices):
        make.suppliers()
        page = browse("manager", viewport=DESK)
        upload(page, prices)

        map_columns(page)
        expect(page.get_by_text("1 of 41 rows is refused, so the file is")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download them with the reasons").click()
        page.get_by_role("button", name="Go on without the refused row").click()
        page.get_by_role("button", name="Import 40 rows").click()
        expect(page.get_by_text("All as the check had said.")).to_be_visible()

        assert download.value.suggested_filename == "june-rejects.csv"
        assert stored.count(app, Product) == 40
        page.get_by_role("link", name="Undo import").click()
        page.get_by_role("button", name="Undo import").click()
        expect(page.get_by_text("What undoing it did")).to_be_visible()
        assert stored.count(app, Product) == 0
        assert violations(page) == []

    def test_goes_without_scripts(self, app, browse, make, working, prices):
        make.suppliers()
        page = browse("manager", java_script_enabled=False)
        upload(page, prices)

        page.get_by_label("Rows with a fault").select_option("skip")
        map_columns(page)
        page.get_by_role("button", name="Import 40 rows").click()
        page.wait_for_timeout(500)
        expect(page.get_by_text("All as the check had said.")).to_be_visible(timeout=8_000)

        assert stored.count(app, Product) == 40

    def test_asks_before_what_was_chosen_is_lost(self, browse, make, prices):
        make.suppliers()
        page = browse("manager")
        upload(page, prices)
        asked: list[str] = []
        page.on("dialog", lambda dialog: asked.append(dialog.type) or dialog.accept())

        page.get_by_label("Article").select_option("SKU")
        page.get_by_role("link", name="Later").click()
        page.wait_for_url("**/admin/imports/")

        assert asked == ["beforeunload"]

    @pytest.mark.parametrize(("colours", "window"), [("light", PHONE), ("dark", DESK)])
    def test_is_there_for_everybody(self, browse, make, prices, colours, window):
        make.suppliers()
        page = browse("manager", color_scheme=colours, viewport=window)
        axe, found = Axe(), {}
        upload(page, prices)
        page.get_by_text("How the file is written").click()
        found["map"] = grave(axe, page)
        map_columns(page)
        expect(page.get_by_text("refused, so the file is")).to_be_visible()
        found["refused"] = grave(axe, page)
        named = page.locator(".rejects .column").first.bounding_box()
        assert named["height"] < 40, "the column's name is broken"
        page.get_by_role("button", name="Go on without the refused row").click()
        expect(page.get_by_text("This would add 40 of 41 rows")).to_be_visible()
        found["checked"] = grave(axe, page)

        assert found == {"map": [], "refused": [], "checked": []}
        assert page.evaluate("document.documentElement.scrollWidth") <= window["width"]
