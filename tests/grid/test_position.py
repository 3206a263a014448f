"""Where one is in a list: told exactly, or not at all, and never by counting what was left."""

import pytest

from backoffice.grid.page import fetch
from tests.grid.sections import TABLES
from tests.pages import visit


def where(page):
    """What the pager says."""
    (words,) = page.root.all("span", "where")
    return words.text


@pytest.fixture
def products(make):
    return make.products(60)


def walk(client, *relations, address="/admin/products/?page_size=25"):
    """What each page says, from the first by the links of these relations."""
    page = visit(client, address)
    said = [where(page)]
    for relation in relations:
        page = visit(client, page.links[relation])
        said.append(where(page))
    return said


class TestPosition:
    @pytest.mark.parametrize("table", TABLES)
    def test_is_told_on_each_page(self, client, make, table):
        getattr(make, table)(60)

        said = walk(client, "next", "next", address=f"/admin/{table}/?page_size=25")

        assert said == ["1–25 of 60", "26–50 of 60", "51–60 of 60"]

    def test_is_told_on_the_way_back(self, client, products):
        said = walk(client, "last", "prev", "prev", "next")

        assert said == ["1–25 of 60", "36–60 of 60", "11–35 of 60", "1–10 of 60", "11–35 of 60"]

    @pytest.mark.parametrize(
        "hint", ["0", "1", "-1", "x", "1e3", "٣", "1000000001", "9" * 40, "50"]
    )
    def test_is_left_out_where_the_hint_makes_no_sense(self, client, products, hint):
        following = visit(client, "/admin/products/?page_size=25").links["next"]

        page = visit(client, following.replace("row=26", f"row={hint}"))

        assert (page.status, page.messages) == (200, [])
        assert where(page) == "25 of 60"
        assert "row=" not in page.links["next"]

    def test_needs_no_hint_at_either_end(self, client, products):
        pages = [visit(client, "/admin/products/?page_size=25&row=7")]
        pages.append(visit(client, pages[0].links["last"] + "&row=7"))

        assert [where(page) for page in pages] == ["1–25 of 60", "36–60 of 60"]

    def test_is_told_past_the_limit_of_counting(self, client, products, monkeypatch):
        monkeypatch.setattr(fetch, "__defaults__", (40,))

        said = walk(client, "next", "next")

        assert said == ["1–25 of 40+", "26–50 of 40+", "Last 10 of 40+"]

    def test_begins_anew_with_another_sort_or_size(self, client, products):
        page = visit(client, visit(client, "/admin/products/?page_size=25").links["next"])

        links = [a.get("href") for head in page.root.all("th") for a in head.all("a")]

        assert links
        assert not [link for link in links if "row=" in link]
        assert not [field for field in page.root.all("input") if field.get("name") == "row"]


class TestSort:
    def test_is_offered_without_the_table_s_head(self, client, products):
        page = visit(client, "/admin/products/?sort=-price")

        (select,) = (each for each in page.root.all("select") if each.get("name") == "sort")
        options = {option.get("value"): option.text for option in select.all("option")}
        (chosen,) = (o.get("value") for o in select.all("option") if "selected" in o.attributes)

        assert chosen == "-price"
        assert options["-price"] == "Price, highest"
        assert options["name"] == "Name, A to Z"
        assert options["-updated_at"] == "Last change, newest"

    def test_by_one_word_is_that_by_two(self, client, products):
        by_one = visit(client, "/admin/products/", sort="-price")
        by_two = visit(client, "/admin/products/", sort="price", desc="1")

        assert by_one.keys == by_two.keys
        assert by_one.keys[0] == "SKU0060"
        assert by_one.links == by_two.links
