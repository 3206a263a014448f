"""Every page as Chromium sees it: the policy holds, axe finds nothing, it fits a phone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from backoffice.database import db
from backoffice.models import ImportRun

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("app", ["sqlite"], indirect=True),
]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
WIDE = "number,note,ship_name,ship_street,ship_city,customer,status,lines,total,placed_at"
SOLD = "period=custom&from=2026-01-01&to=2026-02-10"
PUBLIC = ("/login", "/login?next=//evil.example")


@pytest.fixture
def pages(make) -> tuple[str, ...]:
    """The addresses of all kinds of pages, filled with rows that reach the edges."""
    long = "Wide-" * 30
    suppliers = make.suppliers(3, country="Norway", email="a@example.com")
    category_id, _ = make.categories(2, description=long)
    products = make.products(60, reorder_level=20, category_id=category_id, description=long)
    dear = Decimal("99999999.9999")
    make.products(1, name=long + "name", sku="LONG-" * 12, price=dear, stock=2_000_000_000)
    customers = make.customers(3)
    orders = make.orders(3, note=long, ship_country=long)
    waiting, checked = make.imports(2, actor=f"{long}@example.com")
    whole = ("SCAN products", ["products"], False)
    shape = make.shape(
        f"SELECT {', '.join(f'products.{long}{n}' for n in range(9))} FROM products WHERE name = ?",
        (long,),
        plans=[("SEARCH products USING INDEX ix_products_name_id (name=?)", [], False), whole],
        slow=3,
        calls=7_654_321,
        microseconds=9_876_543_210,
        line=f"backoffice/{long.lower()}.py:1234",
    )
    make.page_hour(requests=7_654_321, microseconds=9_876_543_210, repeats=5, failed=3)
    make.page_hour(f"/admin/{long}<int:key>/")
    with make.app.app_context():
        db.session.get(ImportRun, waiting).state = "running"
        db.session.commit()
    return (
        *("/admin/?from=2026-01-01&to=2026-02-15", "/admin/", "/admin/?period=nonsense"),
        *("/admin/products/", "/admin/products/?search=LONG", "/admin/products/?search=nothing"),
        *("/admin/products/?sort=nonsense", "/admin/products/?active=no&page_size=25&sort=price"),
        *("/admin/suppliers/", "/admin/categories/", "/admin/orders/", "/admin/customers/"),
        f"/admin/products/details/?id={products[0]}",
        f"/admin/suppliers/details/?id={suppliers[0]}",
        f"/admin/customers/details/?id={customers[0]}",
        f"/admin/orders/details/?id={orders[0]}",
        f"/admin/products/edit/?id={products[0]}",
        f"/admin/suppliers/edit/?id={suppliers[0]}",
        f"/admin/orders/edit/?id={orders[0]}",
        *("/admin/products/new/", "/admin/orders/new/", "/admin/categories/new/"),
        f"/admin/suppliers/delete/?id={suppliers[0]}",
        f"/admin/orders/delete/?id={orders[0]}",
        *("/admin/products/details/?id=0", "/nowhere", "/admin/?from=%00"),
        *("/admin/products/views/", "/admin/products/columns/"),
        f"/admin/orders/?columns={WIDE}",
        *("/admin/imports/", "/admin/imports/new/", "/admin/imports/mappings/"),
        *(f"/admin/imports/{waiting}/", f"/admin/imports/{checked}/"),
        f"/admin/imports/{checked}/map/",
        *(f"/admin/reports/{kind}/?{SOLD}" for kind in ("products", "countries", "months")),
        f"/admin/reports/lines/?supplier={suppliers[0]}&{SOLD}",
        f"/admin/reports/lines/?product={products[0]}&{SOLD}",
        *("/admin/performance/", "/admin/performance/?search=nothing&period=1h"),
        "/admin/performance/indexes/",
        f"/admin/performance/shapes/{shape}/?explain=1",
        f"/admin/performance/statements/?page=/admin/&s={shape}.7.99.12&s={'0' * 16}.1.1.1",
        *(f"/admin/reports/suppliers/?page=9&{SOLD}", "/admin/reports/products/?period=x&sort=x"),
    )


def visits(page: Page, addresses: tuple[str, ...]) -> Iterator[str]:
    """Each address once it is shown in ``page``."""
    for address in addresses:
        page.goto(address)
        yield address


def refuse(page: Page) -> None:
    """Send the form of a page with nothing in it, so that it shows its complaints."""
    page.goto("/admin/products/new/")
    page.get_by_role("button", name="Add product").click()
    expect(page.get_by_role("alert")).to_be_focused()


@pytest.fixture
def complaints(browse) -> Callable[[Page], list[str]]:
    """Listens to a page; what it tells is read and forgotten by calling it."""
    heard: list[str] = []

    def listen(page: Page) -> list[str]:
        page.on("console", lambda message: heard.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        return heard

    return listen


def violations(page: Page) -> list[str]:
    return page.evaluate("window.violations")


class TestPolicy:
    def test_holds_on_every_page(self, browse, pages, complaints):
        page, stranger = browse("admin"), browse("")
        wrong: dict[str, Any] = {}

        for who, addresses in ((page, pages), (stranger, PUBLIC)):
            heard = complaints(who)
            for address in visits(who, addresses):
                # Chromium notes each 4xx answer on the console; those pages are meant to be.
                said = [line for line in heard if "Failed to load resource" not in line]
                heard.clear()
                if said or violations(who):
                    wrong[address] = said, violations(who)

        assert wrong == {}

    def test_holds_while_the_scripts_work(self, browse, pages, complaints):
        page = browse("admin")
        heard = complaints(page)

        page.goto("/admin/products/new/")
        page.get_by_role("combobox", name="Supplier").press_sequentially("sup")
        expect(page.get_by_role("listbox", name="Suggestions")).to_be_visible()
        page.get_by_role("combobox", name="Supplier").press("ArrowDown")
        page.get_by_role("button", name="Switch between light and dark").click()
        found = violations(page)
        page.goto("/admin/orders/new/")
        page.get_by_role("button", name="Add a line").click()

        assert found + violations(page) + heard == []

    def test_stops_what_is_not_ours(self, browse, pages):
        page = browse("viewer")
        page.goto("/admin/products/")

        page.evaluate(
            """() => {
              const script = document.createElement("script");
              script.textContent = "window.broken = true";
              document.body.append(script);
              document.body.insertAdjacentHTML("beforeend", "<b style='color: red'>x</b>");
            }"""
        )

        assert page.evaluate("window.broken") is None
        assert len(violations(page)) == 2


COLOURS = pytest.mark.parametrize(
    ("colours", "rules"),
    [("light", {}), ("dark", {"runOnly": ["color-contrast"]})],
    ids=["light", "dark"],
)
"""In the dark a page differs by its colours alone."""


class TestAxe:
    @COLOURS
    def test_finds_nothing_serious(self, browse, pages, colours, rules):
        page = browse("admin", color_scheme=colours, viewport=DESK)
        stranger = browse("", color_scheme=colours)
        axe, found = Axe(), {}

        kinds = tuple(each for each in pages if not re.search(r"customers|categories", each))
        for who, addresses in ((page, kinds), (stranger, PUBLIC)):
            for address in visits(who, addresses):
                if serious := grave(axe, who, rules):
                    found[address] = serious
        refuse(page)
        if serious := grave(axe, page, rules):
            found["refused form"] = serious

        assert "\n".join(f"{a}: {f}" for a, f in found.items()) == ""

    @COLOURS
    def test_finds_nothing_serious_on_a_phone(self, browse, pages, colours, rules):
        page = browse("admin", color_scheme=colours, viewport=PHONE, has_touch=True)
        axe, found = Axe(), {}

        for address in visits(page, pages[:1] + pages[3:4] + pages[12:19:3]):
            if serious := grave(axe, page, rules):
                found[address] = serious

        assert "\n".join(f"{a}: {f}" for a, f in found.items()) == ""


def grave(axe: Axe, page: Page, rules: dict[str, object] | None = None) -> list[str]:
    """The serious and critical findings, each with where it was found; of all rules, or some."""
    options = {"resultTypes": ["violations"], **(rules or {})}
    return [
        f"{finding['id']}: {node['target']} {node['failureSummary']}"
        for finding in axe.run(page, options=options).response["violations"]
        if finding["impact"] in ("serious", "critical")
        for node in finding["nodes"][:3]
    ]


class TestPhone:
    @pytest.mark.parametrize("width", [320, 390])
    def test_needs_no_sideways_scrolling(self, browse, pages, width):
        page = browse("admin", viewport={"width": width, "height": 844})
        stranger = browse("", viewport={"width": width, "height": 844})
        wide = {}

        for who, addresses in ((page, pages), (stranger, PUBLIC)):
            for address in visits(who, addresses):
                needs = who.evaluate("document.documentElement.scrollWidth")
                if needs > width:
                    wide[address] = needs

        assert wide == {}

    def test_shows_an_order_s_total_and_its_lines_amounts(self, browse, pages):
        page = browse("viewer", viewport=PHONE, has_touch=True)
        page.goto(pages[15])
        lines = page.get_by_role("region", name="Lines")

        for figure in (*lines.locator(".amount").all(), lines.locator("tfoot td")):
            box = figure.bounding_box()
            assert box["x"] + box["width"] <= PHONE["width"], figure.inner_text()

    def test_sorts_and_filters(self, browse, pages):
        page = browse("viewer", viewport=PHONE, has_touch=True)
        page.goto("/admin/products/")

        page.get_by_label("Sort").select_option("Price, highest")
        page.wait_for_url("**sort=-price*")
        expect(page.locator("tbody tr").first).to_contain_text("99,999,999.9999")
        expect(page.get_by_label("Active", exact=True)).to_be_hidden()
        page.get_by_text("Filters", exact=True).click()
        page.get_by_label("Active", exact=True).select_option("no")

        expect(page.get_by_text("No product matches")).to_be_visible()
        expect(page.get_by_label("Active", exact=True)).to_be_visible()

    def test_shows_all_of_the_menu_and_targets_for_a_finger(self, browse, pages):
        page = browse("viewer", viewport=PHONE, has_touch=True)
        page.goto("/admin/products/?active=yes")

        for target in page.locator(".side nav a, main a.button, .chips a, summary").all():
            box = target.bounding_box()
            said = target.get_attribute("aria-label") or target.inner_text()
            assert box["x"] + box["width"] <= PHONE["width"], said
            assert box["height"] >= 44 or said == "Clear all", said

    def test_can_open_the_menu(self, browse, pages):
        page = browse("viewer", viewport=PHONE, has_touch=True)
        page.goto("/admin/")

        page.get_by_role("link", name="Suppliers", exact=True).first.click()

        expect(page.get_by_role("heading", name="Suppliers")).to_be_visible()


class TestDashboard:
    def test_leads_from_a_bar_to_its_orders(self, browse, pages):
        page = browse("viewer", viewport=DESK)
        page.goto(pages[0])

        page.locator("a.slot", has_text="1 Jan 2026: 89.91 from 3 orders").click()

        expect(page.locator(".grid tfoot")).to_contain_text("All 3")

    def test_opens_the_table_behind_its_chart_by_keyboard(self, browse, pages):
        page = browse("viewer", viewport=DESK)
        page.goto(pages[0])

        page.get_by_text("Show as table").press("Enter")
        page.keyboard.press("Tab")

        expect(page.get_by_role("link", name="1 Jan 2026", exact=True)).to_be_focused()
        assert grave(Axe(), page) == []

    @pytest.mark.parametrize("width", [390, 768, 1440])
    def test_cuts_no_figure(self, browse, pages, width):
        page = browse("viewer", viewport={"width": width, "height": 900})
        page.goto(pages[0])

        cut = page.evaluate(
            """() => [...document.querySelectorAll(".dashboard :is(.num, .value, .note)")]
              .filter((part) => part.getBoundingClientRect().right
                > part.closest(".card").getBoundingClientRect().right)
              .map((part) => part.textContent)"""
        )

        assert cut == []

    @pytest.mark.parametrize("width", [390, 820])
    def test_has_targets_for_a_finger(self, browse, pages, make, width):
        """Each link answers to 44 px above one another, and no other lies over them."""
        make.products(3, name="Short", stock=0, reorder_level=5)
        now = datetime.now(UTC)
        for days in (1, 40, 90):
            make.orders(2, placed_at=now - timedelta(days=days))
        page = browse("viewer", viewport={"width": width, "height": 900}, has_touch=True)
        page.goto(pages[1])
        page.get_by_text("Show as table").click()

        small = page.evaluate(
            """() => [...document.querySelectorAll(".again a, .dashboard :is(a, summary, button)")]
              .filter((target) => !target.closest("svg"))
              .map((target) => {
                target.scrollIntoView({ block: "center" });
                const box = target.getBoundingClientRect();
                let height = 0;
                for (let y = box.top - 40; y < box.bottom + 40; y++) {
                  const met = document.elementFromPoint(box.left + box.width / 2, y);
                  const reached = met?.closest("a, summary, button");
                  if (reached === target || (reached && reached.href === target.href)) height++;
                }
                return [target.innerText, height];
              })
              .filter(([, height]) => height < 44)"""
        )

        assert small == []


class TestReportsOnAPhone:
    LABELS = """() => [...document.querySelectorAll(".report tbody tr:first-child td.num")]
      .filter((cell) => cell.checkVisibility() && !cell.matches(".rank"))
      .map((cell) => getComputedStyle(cell, "::before").content.replaceAll('"', "").trim())"""
    CUT = """() => [...document.querySelectorAll(".report td.clip, .report td.num, .views nav")]
      .filter((part) => part.checkVisibility() && part.scrollWidth > part.clientWidth)
      .map((part) => part.textContent)"""

    @pytest.mark.parametrize(
        ("address", "labels"),
        [
            ("products/?", "Units Revenue Share Change"),
            ("countries/?", "Units Orders Revenue Share Change"),
            ("months/?", "Orders Average Revenue Share Change"),
            ("lines/?supplier", "Quantity × Amount"),
        ],
    )
    def test_have_each_figure_with_its_label_and_no_name_cut(self, browse, pages, address, labels):
        page = browse("viewer", viewport=PHONE)

        page.goto(next(each for each in pages if f"/reports/{address}" in each))

        assert page.evaluate(self.LABELS) == labels.split()
        assert page.evaluate(self.CUT) == []


class TestWidths:
    WIDTHS = (641, 700, 768, 820, 900, 901, 1024, 1101, 1200, 1280, 1440)

    def test_fit_every_list_and_record(self, browse, pages):
        page = browse("admin")
        wide = {}

        for address in visits(page, (*pages[3:16], "/admin/products/?sort=price&desc=1")):
            for width in self.WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                needs = page.evaluate("document.documentElement.scrollWidth")
                if needs > width:
                    wide[address, width] = needs

        assert wide == {}

    def test_keep_figures_whole_and_the_head_in_view(self, browse, pages):
        page = browse("viewer", viewport=DESK)
        page.goto("/admin/products/?sort=price&desc=1")

        page.mouse.wheel(0, 1_500)
        expect(page.get_by_role("columnheader", name="Price")).to_be_in_viewport()
        cut = page.evaluate(
            """() => [...document.querySelectorAll(".grid td.num, .grid td.when")]
              .filter((cell) => cell.scrollWidth > cell.clientWidth)
              .map((cell) => cell.textContent)"""
        )

        assert cut == []


class TestPaper:
    def test_is_white_whatever_the_screen_is(self, browse, pages):
        page = browse("viewer", color_scheme="dark")
        page.goto(pages[15])
        page.get_by_role("button", name="Switch between light and dark").click()
        page.get_by_role("button", name="Switch between light and dark").click()

        page.emulate_media(media="print")

        colours = page.evaluate(
            """() => [document.body, document.querySelector(".card")]
              .map((part) => getComputedStyle(part).backgroundColor)"""
        )
        assert colours == ["rgb(255, 255, 255)"] * 2
        expect(page.get_by_role("navigation", name="Sections")).to_be_hidden()


class TestColours:
    def test_are_switched_and_remembered(self, browse, pages):
        page = browse("viewer", color_scheme="light")
        page.goto("/admin/products/")
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")

        page.get_by_role("button", name="Switch between light and dark").click()
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.goto("/admin/suppliers/")

        assert dark != light
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
