"""What surrounds every page: headers, error pages, how values are shown."""

import gc
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backoffice.models import OrderStatus
from backoffice.shell import (
    CONTENT_SECURITY_POLICY,
    show_moment,
    show_money,
    show_number,
    show_price,
    show_value,
)
from tests.pages import Page, visit

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

BOUNDED = settings(max_examples=60, derandomize=True, deadline=None, database=None)


@pytest.fixture(scope="session")
def broken_app(new_app):
    """An application with one page that fails, and that shows errors as production does."""
    app = new_app("sqlite")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.add_url_rule("/broken", "broken", lambda: 1 / 0)
    return app


class TestHeaders:
    @pytest.mark.parametrize(
        ("address", "status"),
        [
            ("/", 302),
            ("/login", 200),
            ("/admin/", 200),
            ("/admin/products/", 200),
            ("/admin/products/new/", 200),
            ("/admin/products/lookup/?q=a", 200),
            ("/static/css/app.css", 200),
            ("/static/js/app.js", 200),
            ("/static/none.js", 404),
            ("/nowhere", 404),
            ("/admin/products/details/?id=7", 404),
            ("/admin/products/?sort=x", 400),
            ("/admin/products/?search=%00", 400),
        ],
    )
    def test_are_on_every_response(self, client, address, status):
        response = client.get(address, buffered=True)

        if address == "/login":  # who is signed in is sent on
            status = response.status_code
        assert response.status_code == status
        assert {name: response.headers.get(name) for name in HEADERS} == HEADERS

    def test_are_on_refused_methods_and_tokens(self, client):
        for response, status in (
            (client.delete("/admin/products/"), 405),
            (client.post("/admin/products/new/", csrf=False), 400),
        ):
            assert response.status_code == status
            assert {name: response.headers.get(name) for name in HEADERS} == HEADERS

    def test_are_on_our_own_faults(self, broken_app):
        response = broken_app.test_client().get("/broken")

        assert response.status_code == 500
        assert {name: response.headers.get(name) for name in HEADERS} == HEADERS

    def test_allow_no_inline_script_and_no_frame(self):
        assert "unsafe" not in CONTENT_SECURITY_POLICY
        assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY
        assert "default-src 'none'" in CONTENT_SECURITY_POLICY

    def test_of_a_file_that_the_browser_has_leave_nothing_open(self, client):
        """An open file would be a ResourceWarning, which fails the test."""
        etag = client.get("/static/icon.svg", buffered=True).headers["ETag"]

        response = client.get("/static/icon.svg", headers={"If-None-Match": etag})
        status = response.status_code
        del response
        gc.collect()

        assert status == 304

    def test_keep_pages_out_of_caches_but_not_static_files(self, client):
        assert client.get("/admin/products/").headers["Cache-Control"] == "no-store"
        style = client.get("/static/css/app.css", buffered=True)
        assert style.headers["Cache-Control"] != "no-store"

    def test_keep_what_a_program_reads_out_of_caches_too(self, client):
        for address in ("/admin/products/lookup/?q=a", "/readyz", "/"):
            assert client.get(address).headers["Cache-Control"] == "no-store"

    def test_of_an_error_are_kept(self, client):
        refused = client.delete("/admin/products/")

        assert "GET" in refused.headers["Allow"]
        assert refused.headers.getlist("Content-Type") == ["text/html; charset=utf-8"]

    def test_demand_https_only_where_there_is_https(self, client, secure_app):
        behind_https = secure_app.test_client().get("/login", base_url="https://localhost")

        assert "Strict-Transport-Security" not in client.get("/admin/").headers
        assert "max-age=31536000" in behind_https.headers["Strict-Transport-Security"]

    def test_say_what_the_page_cost(self, client, make):
        make.products()

        timing = client.get("/admin/products/").headers["Server-Timing"]

        assert 'desc="3 statements"' in timing
        assert "app;dur=" in timing


class TestErrorPages:
    @pytest.mark.parametrize(
        ("method", "address", "status", "title"),
        [
            ("GET", "/nowhere", 404, "Nothing here"),
            ("DELETE", "/admin/products/", 405, "This address is broken"),
            ("GET", "/admin/products/?search=a%00b", 400, "This address is broken"),
            ("GET", "/admin/%00", 400, "This address is broken"),
        ],
    )
    def test_are_ours(self, client, method, address, status, title):
        page = Page(client.open(address, method=method))

        assert (page.status, page.title) == (status, title)
        assert "Dashboard" in page.text

    def test_answer_a_form_that_is_too_large(self, client):
        response = client.post("/admin/products/new/", data={"name": "x" * 5_000_000})

        assert response.status_code == 413
        assert Page(response).title == "That is too much at once"

    def test_answer_nul_in_a_form(self, client):
        response = client.post("/admin/suppliers/new/", data={"code": "a\0b", "name": "x"})

        assert response.status_code == 400

    def test_show_no_menu_to_strangers(self, app):
        page = visit(app.test_client(), "/nowhere")

        assert page.status == 404
        assert "Products" not in page.text

    def test_of_our_own_faults_tell_nothing_of_the_inside(self, broken_app):
        response = broken_app.test_client().get("/broken")

        page = Page(response)
        assert page.title == "Something went wrong"
        for word in ("ZeroDivision", "Traceback", "backoffice/", "Werkzeug", "sqlite"):
            assert word not in response.text

    def test_say_what_the_page_itself_has_to_say(self, client):
        page = visit(client, "/admin/products/details/", id="7")

        assert "There is no such product; it may have been deleted." in page.text


class TestMoney:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("0.005", "0.01"),
            ("0.015", "0.02"),
            ("0.025", "0.03"),
            ("2.675", "2.68"),
            ("-0.005", "-0.01"),
            ("0.0049999999", "0.00"),
            ("1265793.0400", "1,265,793.04"),
            ("0", "0.00"),
        ],
    )
    def test_is_rounded_half_up_to_two_places(self, value, shown):
        assert show_money(Decimal(value)) == shown

    @BOUNDED
    @given(st.decimals("0", "99999999999", places=8))
    def test_is_never_further_off_than_half_a_cent(self, value):
        shown = Decimal(show_money(value).replace(",", ""))

        assert abs(shown - value) <= Decimal("0.005")

    @BOUNDED
    @given(st.decimals("0", "99999999.9999", places=4))
    def test_of_a_price_loses_no_decimal(self, value):
        assert Decimal(show_price(value).replace(",", "")) == value

    @pytest.mark.parametrize(
        ("value", "shown"),
        [("9.8", "9.80"), ("0.0125", "0.0125"), ("1234.5670", "1,234.567"), ("7", "7.00")],
    )
    def test_of_a_price_has_two_decimals_at_least(self, value, shown):
        assert show_price(Decimal(value)) == shown


class TestValues:
    def test_are_shown_as_a_reader_wants_them(self):
        assert show_value(True) == "Yes"
        assert show_value(False) == "No"
        assert show_value(12345) == show_number(12345) == "12,345"
        assert show_value(Decimal("9.8000")) == "9.80"
        assert show_value(OrderStatus.PAID) == "paid"

    @pytest.mark.parametrize("value", [None, ""])
    def test_that_are_not_there_are_a_dash(self, value):
        assert "–" in show_value(value)

    def test_are_never_markup(self):
        assert show_value("<b>") == "&lt;b&gt;"

    def test_of_moments_are_utc(self):
        there = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))

        assert "2025-12-31 23:00:00 UTC" in show_moment(there)
        assert ">2025-12-31<" in show_moment(there)
        assert ">2026-01-01<" in show_moment(datetime(2026, 1, 1, tzinfo=UTC))
        assert "–" in show_moment(None)
