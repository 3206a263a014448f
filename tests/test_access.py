"""Who may use which route, and that nothing is written without being asked by our own form."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest
from flask.testing import FlaskClient

from backoffice.models import ROLES
from tests.contents import contents

WHO = ("anonymous", *ROLES)
ANYONE = frozenset(WHO)
VIEWERS = frozenset(ROLES)
EDITORS = frozenset({"editor", "manager", "admin"})
MANAGERS = frozenset({"manager", "admin"})
ADMINS = frozenset({"admin"})

REPORTS = "<any(products, suppliers, categories, countries, months):kind>"

ALLOWED = {
    ("GET", "/"): ANYONE,  # leads to the dashboard, which leads to the sign-in page
    ("GET", "/healthz"): ANYONE,
    ("GET", "/readyz"): ANYONE,
    ("GET", "/metrics"): ANYONE,  # of this machine, see tests/monitoring/test_metrics.py
    ("GET", "/static/<path:filename>"): ANYONE,
    ("GET", "/login"): ANYONE,
    ("POST", "/login"): ANYONE,
    ("POST", "/logout"): ANYONE,
    ("GET", "/admin/"): VIEWERS,
    ("GET", "/admin/reports/"): VIEWERS,  # leads to the products
    ("GET", f"/admin/reports/{REPORTS}/"): VIEWERS,
    ("GET", f"/admin/reports/{REPORTS}/export/"): VIEWERS,
    ("GET", "/admin/reports/lines/"): VIEWERS,
    ("GET", "/admin/reports/lines/export/"): VIEWERS,
    ("GET", "/admin/products/"): VIEWERS,
    ("GET", "/admin/products/lookup/"): VIEWERS,
    ("GET", "/admin/products/export/"): VIEWERS,
    ("GET", "/admin/products/columns/"): VIEWERS,
    ("POST", "/admin/products/columns/"): VIEWERS,
    ("GET", "/admin/products/views/"): VIEWERS,
    ("POST", "/admin/products/views/"): VIEWERS,
    ("GET", "/admin/products/details/"): VIEWERS,
    ("GET", "/admin/products/new/"): EDITORS,
    ("POST", "/admin/products/new/"): EDITORS,
    ("GET", "/admin/products/edit/"): EDITORS,
    ("POST", "/admin/products/edit/"): EDITORS,
    ("GET", "/admin/products/cell/"): EDITORS,
    ("POST", "/admin/products/cell/"): EDITORS,
    ("GET", "/admin/products/delete/"): MANAGERS,
    ("POST", "/admin/products/delete/"): MANAGERS,
    ("GET", "/admin/products/action/"): EDITORS,
    ("POST", "/admin/products/action/"): EDITORS,  # on a whole filter: see tests/grid/test_bulk.py
    ("GET", "/admin/suppliers/"): VIEWERS,
    ("GET", "/admin/suppliers/lookup/"): VIEWERS,
    ("GET", "/admin/suppliers/export/"): VIEWERS,
    ("GET", "/admin/suppliers/columns/"): VIEWERS,
    ("POST", "/admin/suppliers/columns/"): VIEWERS,
    ("GET", "/admin/suppliers/views/"): VIEWERS,
    ("POST", "/admin/suppliers/views/"): VIEWERS,
    ("GET", "/admin/suppliers/details/"): VIEWERS,
    ("GET", "/admin/suppliers/new/"): EDITORS,
    ("POST", "/admin/suppliers/new/"): EDITORS,
    ("GET", "/admin/suppliers/edit/"): EDITORS,
    ("POST", "/admin/suppliers/edit/"): EDITORS,
    ("GET", "/admin/suppliers/cell/"): EDITORS,
    ("POST", "/admin/suppliers/cell/"): EDITORS,
    ("GET", "/admin/suppliers/delete/"): MANAGERS,
    ("POST", "/admin/suppliers/delete/"): MANAGERS,
    ("GET", "/admin/suppliers/action/"): EDITORS,
    ("POST", "/admin/suppliers/action/"): EDITORS,  # on a whole filter: see tests/grid/test_bulk.py
    ("GET", "/admin/categories/"): VIEWERS,
    ("GET", "/admin/categories/lookup/"): VIEWERS,
    ("GET", "/admin/categories/export/"): VIEWERS,
    ("GET", "/admin/categories/columns/"): VIEWERS,
    ("POST", "/admin/categories/columns/"): VIEWERS,
    ("GET", "/admin/categories/views/"): VIEWERS,
    ("POST", "/admin/categories/views/"): VIEWERS,
    ("GET", "/admin/categories/details/"): VIEWERS,
    ("GET", "/admin/categories/new/"): EDITORS,
    ("POST", "/admin/categories/new/"): EDITORS,
    ("GET", "/admin/categories/edit/"): EDITORS,
    ("POST", "/admin/categories/edit/"): EDITORS,
    ("GET", "/admin/categories/cell/"): EDITORS,
    ("POST", "/admin/categories/cell/"): EDITORS,
    ("GET", "/admin/categories/delete/"): MANAGERS,
    ("POST", "/admin/categories/delete/"): MANAGERS,
    ("GET", "/admin/orders/"): VIEWERS,
    ("GET", "/admin/orders/lookup/"): VIEWERS,
    ("GET", "/admin/orders/export/"): VIEWERS,
    ("GET", "/admin/orders/columns/"): VIEWERS,
    ("POST", "/admin/orders/columns/"): VIEWERS,
    ("GET", "/admin/orders/views/"): VIEWERS,
    ("POST", "/admin/orders/views/"): VIEWERS,
    ("GET", "/admin/orders/details/"): VIEWERS,
    ("GET", "/admin/orders/new/"): EDITORS,
    ("POST", "/admin/orders/new/"): EDITORS,
    ("GET", "/admin/orders/edit/"): EDITORS,
    ("POST", "/admin/orders/edit/"): EDITORS,
    ("GET", "/admin/orders/cell/"): EDITORS,
    ("POST", "/admin/orders/cell/"): EDITORS,
    ("GET", "/admin/orders/delete/"): MANAGERS,
    ("POST", "/admin/orders/delete/"): MANAGERS,
    ("GET", "/admin/customers/"): VIEWERS,
    ("GET", "/admin/customers/lookup/"): VIEWERS,
    ("GET", "/admin/customers/export/"): VIEWERS,
    ("GET", "/admin/customers/columns/"): VIEWERS,
    ("POST", "/admin/customers/columns/"): VIEWERS,
    ("GET", "/admin/customers/views/"): VIEWERS,
    ("POST", "/admin/customers/views/"): VIEWERS,
    ("GET", "/admin/customers/details/"): VIEWERS,
    ("GET", "/admin/customers/new/"): EDITORS,
    ("POST", "/admin/customers/new/"): EDITORS,
    ("GET", "/admin/customers/edit/"): EDITORS,
    ("POST", "/admin/customers/edit/"): EDITORS,
    ("GET", "/admin/customers/cell/"): EDITORS,
    ("POST", "/admin/customers/cell/"): EDITORS,
    ("GET", "/admin/customers/delete/"): MANAGERS,
    ("POST", "/admin/customers/delete/"): MANAGERS,
    ("GET", "/admin/imports/"): VIEWERS,
    ("GET", "/admin/imports/<int:run>/"): VIEWERS,
    ("GET", "/admin/imports/new/"): MANAGERS,
    ("POST", "/admin/imports/new/"): MANAGERS,
    ("GET", "/admin/imports/<int:run>/map/"): MANAGERS,
    ("POST", "/admin/imports/<int:run>/map/"): MANAGERS,
    ("GET", "/admin/imports/<int:run>/check/"): MANAGERS,  # leads back to the run
    ("POST", "/admin/imports/<int:run>/check/"): MANAGERS,
    ("GET", "/admin/imports/<int:run>/apply/"): MANAGERS,  # leads back to the run
    ("POST", "/admin/imports/<int:run>/apply/"): MANAGERS,
    ("GET", "/admin/imports/<int:run>/cancel/"): MANAGERS,  # leads back to the run
    ("POST", "/admin/imports/<int:run>/cancel/"): MANAGERS,
    ("GET", "/admin/imports/<int:run>/again/"): MANAGERS,  # leads back to the run
    ("POST", "/admin/imports/<int:run>/again/"): MANAGERS,
    ("GET", "/admin/imports/<int:run>/undo/"): MANAGERS,
    ("POST", "/admin/imports/<int:run>/undo/"): MANAGERS,
    ("GET", "/admin/imports/<int:run>/rejects/"): MANAGERS,
    ("GET", "/admin/imports/mappings/"): MANAGERS,
    ("POST", "/admin/imports/mappings/"): MANAGERS,
    ("GET", "/admin/performance/"): ADMINS,
    ("GET", "/admin/performance/shapes/<fingerprint>/"): ADMINS,
    ("POST", "/admin/performance/shapes/<fingerprint>/"): ADMINS,  # shows values
    ("GET", "/admin/performance/statements/"): ADMINS,
    ("GET", "/admin/performance/indexes/"): ADMINS,
}
"""Every route with the roles that may use it. HEAD goes with GET."""

WRITES = sorted(rule for method, rule in ALLOWED if method == "POST")
PUBLIC = {"/", "/healthz", "/readyz", "/metrics", "/static/<path:filename>", "/login", "/logout"}


def routes(app) -> set[tuple[str, str]]:
    """Method and rule of all that the application answers."""
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


@pytest.fixture
def records(make) -> dict[str, int | str]:
    """A record in each table, as the id of each section's first; a recorded statement by name."""
    return {
        "suppliers": make.suppliers()[0],
        "categories": make.categories()[0],
        "products": make.products()[0],
        "customers": make.customers()[0],
        "orders": make.orders()[0],
        "imports": make.imports()[0],
        "performance": make.shape(),
    }


@pytest.fixture
def browser_of(app, sign_in) -> Callable[[str], FlaskClient]:
    """A browser of somebody with a role, or of somebody unknown; its POST carries a token."""

    def browser_of(role: str) -> FlaskClient:
        if role != "anonymous":
            return sign_in(role)
        client = sign_in("viewer")
        client.delete_cookie("session")
        client.token = re.search(r'csrf_token" value="([^"]+)', client.get("/login").text)[1]
        return client

    return browser_of


def address(rule: str, records: dict[str, int | str]) -> str:
    """An address under ``rule`` that there is."""
    if rule.endswith("<path:filename>"):
        return rule.replace("<path:filename>", "css/app.css")
    section = rule.split("/")[2] if rule.startswith("/admin/") else ""
    if section == "imports":
        return rule.replace("<int:run>", str(records["imports"]))
    if section == "performance":
        return rule.replace("<fingerprint>", str(records["performance"]))
    if section == "reports":
        rule = rule.replace(REPORTS, "suppliers")
        return f"{rule}?product={records['products']}" if "/lines/" in rule else rule
    if rule.endswith("/cell/"):
        return f"{rule}?id={records[section]}&field={'status' if section == 'orders' else 'name'}"
    if rule.endswith("/views/"):  # its id is a view's
        return rule
    return f"{rule}?id={records[section]}" if section else rule


def plain(link: str) -> str:
    """The address without what only multiplies it.

    By how a list was left, each record would have an address for every list; by period and order,
    each report and the orders behind it, and each list of what pages cost.
    """
    names = "list|placed_at[.a-z]*|status|totals"
    if "/reports/" in link or "/performance/" in link:
        names += "|period|from|to|pages|sort|page|search|worse|route|s"
    return re.sub(f"(?<=[?&])({names})=[^&]*&?", "", link).rstrip("?&")


def leads_to_sign_in(response) -> bool:
    return response.status_code == 302 and response.headers["Location"].startswith("/login")


class TestRoutes:
    def test_are_all_listed_with_their_roles(self, app):
        assert routes(app) - ALLOWED.keys() == set(), "not listed in ALLOWED"
        assert ALLOWED.keys() - routes(app) == set(), "listed, but no longer there"

    def test_need_an_account_but_for_sign_in_static_files_and_health(self):
        assert {rule for (_, rule), who in ALLOWED.items() if "anonymous" in who} == PUBLIC

    @pytest.mark.parametrize("role", WHO)
    def test_let_a_role_do_what_is_listed_and_nothing_else(self, app, browser_of, records, role):
        browser, wrong = browser_of(role), {}

        for method, rule in sorted(ALLOWED, key=lambda route: route[1] == "/logout"):
            for asked in (method, "HEAD") if method == "GET" else (method,):
                response = browser.open(address(rule, records), method=asked)
                response.close()
                if role in ALLOWED[method, rule]:
                    fits = response.status_code not in (401, 403, 404, 405)
                    fits &= rule == "/logout" or not leads_to_sign_in(response)
                elif role == "anonymous":
                    fits = leads_to_sign_in(response)
                else:
                    fits = response.status_code == 403
                if not fits or response.status_code >= 500:
                    wrong[asked, rule] = response.status_code, response.headers.get("Location")

        assert wrong == {}

    @pytest.mark.parametrize("role", WHO)
    def test_change_nothing_for_who_may_not_use_them(self, app, browser_of, records, role):
        browser = browser_of(role)
        before = contents(app)

        for rule in WRITES:
            if role not in ALLOWED["POST", rule]:
                browser.post(address(rule, records), data={"version": "1", "code": "new"})

        assert contents(app) == before

    @pytest.mark.parametrize("role", ROLES)
    def test_are_offered_to_those_who_may_use_them(self, browser_of, records, role):
        browser = browser_of(role)

        pages = browser.get("/admin/products/").text
        pages += browser.get(f"/admin/products/details/?id={records['products']}").text

        for page in ("new", "edit", "delete"):
            offered = f"/admin/products/{page}/" in pages
            assert offered == (role in ALLOWED["GET", f"/admin/products/{page}/"])


class TestWrites:
    @pytest.mark.parametrize("rule", WRITES)
    def test_need_the_token_of_the_session(self, app, sign_in, records, rule):
        sign_in("admin").delete_cookie("session")
        browser, other = sign_in("manager"), sign_in("editor")
        before = contents(app)

        without = browser.post(address(rule, records), data={"version": "1"}, csrf=False)
        foreign = browser.post(
            address(rule, records),
            data={"version": "1", "csrf_token": other.token},
            csrf=False,
        )
        nonsense = browser.post(
            address(rule, records), data={"csrf_token": "\u00e4" * 500}, csrf=False
        )

        assert [r.status_code for r in (without, foreign, nonsense)] == [400, 400, 400]
        assert contents(app) == before
        assert browser.get("/admin/").status_code == 200, "still signed in"

    def test_take_the_token_from_the_form_that_was_shown(self, app, sign_in, records):
        browser = sign_in("editor")
        page = browser.get("/admin/categories/new/").text
        token = re.search(r'csrf_token" value="([^"]+)', page)[1]

        response = browser.post(
            "/admin/categories/new/", data={"name": "Spices", "csrf_token": token}, csrf=False
        )

        assert response.status_code == 302

    def test_come_from_our_own_pages_behind_https(self, secure_app):
        browser = secure_app.test_client()
        https = {"base_url": "https://localhost"}
        page = browser.get("/login", **https).text
        form = {"csrf_token": re.search(r'csrf_token" value="([^"]+)', page)[1]}

        elsewhere = browser.post(
            "/login", data=form, headers={"Referer": "https://evil.example/"}, **https
        )
        ours = browser.post(
            "/login", data=form, headers={"Referer": "https://localhost/login"}, **https
        )

        assert elsewhere.status_code == 400
        assert ours.status_code == 200


class TestReading:
    def test_changes_nothing_on_any_page(self, app, client, records, make):
        make.products(3, reorder_level=20)
        make.orders(3)
        make.orders(1, placed_at=datetime.now(UTC))
        before = contents(app)
        found, asked = {"/", "/healthz", "/readyz", "/metrics"}, set()

        while (waiting := found - asked) and len(asked) < 400:
            page = min(waiting)
            asked.add(page)
            response = client.get(page)
            response.close()
            assert response.status_code < 400, page
            if response.mimetype == "text/html":
                found |= {
                    plain(urljoin(page, unescape(link)).split("#")[0])
                    for link in re.findall(r'(?:href|action|data-lookup)="([^"]+)"', response.text)
                } - {
                    "/logout",
                    "/admin/reports/lines/",
                }  # a form, with a field for what lines are of

        reached = {urlsplit(page).path for page in asked}
        listed = {rule for method, rule in ALLOWED if method == "GET" and "<" not in rule}
        # Editors of cells have no links; tests/grid/test_cells.py opens them all.
        by_script = {rule for rule in listed if rule.endswith("/cell/")}
        assert listed - reached <= {"/login", "/admin/orders/lookup/"} | by_script
        assert contents(app) == before
