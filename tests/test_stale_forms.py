"""A form from before its sender was signed out: refused, and nothing that was typed is lost."""

import re

import pytest

from backoffice.models import Product
from tests import stored
from tests.pages import Page, filled, visit

OURS = {"Origin": "http://localhost"}


@pytest.fixture
def form(client, make):
    """The edit form of product 1 with a new name typed in it; its token is no good any more."""
    product = make.products(name="Tea")[0]
    address = f"/admin/products/edit/?id={product}"
    typed = filled(visit(client, address).form, {"name": "Green tea", "csrf_token": "old"})
    return address, product, typed


class TestSignedOut:
    def test_is_told_and_keeps_what_was_typed(self, app, form):
        address, product, typed = form

        answer = app.test_client().post(address, data=typed, headers=OURS)

        assert answer.status_code == 403
        assert "You were signed out" in answer.text
        assert re.search(r'<textarea name="name" hidden[^>]*>\nGreen tea</textarea>', answer.text)
        assert "csrf_token" not in answer.text
        assert stored.one(app, Product, product).name == "Tea"


class TestSignedInAgain:
    def test_finds_the_form_as_it_was(self, app, client, form):
        address, product, typed = form

        page = Page(client.post(address, data=typed, headers=OURS, csrf=False))

        assert page.status == 422
        assert "nothing was saved yet" in page.messages[0]
        assert page.form["name"] == "Green tea"
        assert stored.one(app, Product, product).name == "Tea"

    def test_saves_it_by_the_new_token(self, app, client, form):
        address, product, typed = form
        page = Page(client.post(address, data=typed, headers=OURS, csrf=False))

        saved = client.post(address, data=page.form, csrf=False)

        assert saved.status_code == 302
        assert stored.one(app, Product, product).name == "Green tea"


class TestOthers:
    @pytest.mark.parametrize(
        "headers",
        [{}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}],
    )
    def test_get_an_error_and_no_form(self, client, form, headers):
        address, _, typed = form

        answer = client.post(address, data=typed, headers=headers, csrf=False)

        assert answer.status_code == 400
        assert "Green tea" not in answer.text

    def test_pages_than_forms_do_nothing(self, app, client, form):
        address, product, typed = form
        address = address.replace("edit", "delete")

        answer = client.post(address, data=typed, headers=OURS, csrf=False)

        assert answer.status_code == 400
        assert stored.one(app, Product, product).name == "Tea"


class TestSignIn:
    def test_begins_again(self, app):
        answer = app.test_client().post(
            "/login?next=/admin/orders/", data={"email": "a@b.c", "password": "x"}, headers=OURS
        )

        assert answer.status_code == 302
        assert answer.headers["Location"] == "/login?next=/admin/orders/"
