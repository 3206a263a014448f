"""From a record back to the list as it was left."""

import pytest

from tests.pages import Page, filled, visit

LIST = "/admin/products/?search=Product&sort=name&desc=1&page_size=25"


@pytest.fixture
def details(client, make):
    """Address of the details of the first product on a searched and sorted list."""
    make.products(3)
    (link,) = {
        anchor.get("href")
        for row in visit(client, LIST).root.all("tbody")
        for anchor in list(row.all("a"))[:1]
    }
    return link


def crumb(page):
    (nav,) = page.root.all("nav", "crumbs")
    return next(iter(nav.all("a"))).get("href")


class TestWayBack:
    def test_leads_from_details_to_the_list_as_it_was(self, client, details):
        page = visit(client, details)

        assert crumb(page) == LIST

    def test_goes_along_through_edit_and_save(self, client, details):
        links = visit(client, details).root.all("a")
        edit = next(link.get("href") for link in links if link.text == "Edit product")
        form = visit(client, edit).form

        saved = client.post(edit, data=filled(form, {"name": "Product X"}))

        assert crumb(Page(client.get(saved.headers["Location"]))) == LIST

    def test_is_the_plain_list_for_who_comes_from_elsewhere(self, client, make):
        product = make.products()[0]

        page = visit(client, f"/admin/products/details/?id={product}")

        assert crumb(page) == "/admin/products/"

    @pytest.mark.parametrize(
        "left", ["//evil.example", "https://evil.example", "\r\nX: y", "a" * 5000]
    )
    def test_never_leads_out_of_the_list(self, client, make, left):
        product = make.products()[0]

        page = visit(client, "/admin/products/details/", id=product, list=left)

        assert page.status == 200
        assert crumb(page).startswith("/admin/products/?")
