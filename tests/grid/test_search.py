"""Search: all words, taken literally."""

import pytest

from backoffice.grid.search import LONGEST, MOST_TERMS, terms_of
from tests.grid.sections import TABLES, TYPED, first, views
from tests.pages import add, visit


def found(client, text, table="products"):
    return sorted(visit(client, f"/admin/{table}/", search=text).keys)


class TestTerms:
    def test_are_the_words(self):
        assert terms_of("  green\ttea \n box ") == ("green", "tea", "box")

    def test_are_bounded_in_number_and_length(self):
        assert len(terms_of("a " * 50)) == MOST_TERMS
        assert len(terms_of("x" * 1000)[0]) == LONGEST


class TestSearch:
    @pytest.fixture(autouse=True)
    def goods(self, make):
        for sku, name in (
            ("A-1", "Green tea, 100% leaf"),
            ("A-2", "Green coffee"),
            ("B_1", "Black TEA"),
            ("C\\D", "Sugar"),
        ):
            make.products(sku=sku, name=name)

    def test_of_one_word_finds_it_anywhere_in_capitals_or_not(self, client):
        assert found(client, "tea") == found(client, "TEA") == ["A-1", "B_1"]
        assert found(client, "ugA") == ["C\\D"]

    def test_of_several_words_means_all_of_them_in_any_column_and_order(self, client):
        assert found(client, "tea green") == ["A-1"]
        assert found(client, "a-2 coffee") == ["A-2"]
        assert found(client, "tea coffee") == []

    @pytest.mark.parametrize(
        ("text", "skus"),
        [("%", ["A-1"]), ("100%", ["A-1"]), ("_", ["B_1"]), ("\\", ["C\\D"]), ("/", []), ("'", [])],
    )
    def test_takes_signs_literally(self, client, text, skus):
        assert found(client, text) == skus

    def test_that_finds_nothing_says_so_with_a_way_on(self, client):
        page = visit(client, "/admin/products/", search="cocoa", active="yes")

        assert page.status == 200
        assert "No product matches" in page.text
        assert "Nothing fits “cocoa”" in page.text
        assert (
            '<a class="button" href="/admin/products/">'
            in client.get("/admin/products/?search=cocoa&active=yes").text
        )

    def test_is_kept_by_sort_and_pages(self, client, make):
        make.products(60, name="Many")

        page = visit(client, "/admin/products/", search="many", page_size=25)
        following = visit(client, page.links["next"])

        assert len(following.rows) == 25
        assert following.chips == ["Search: many"]
        assert "60 matches" in following.text

    def test_of_blanks_is_none(self, client):
        assert len(found(client, "   ")) == 4


@pytest.mark.parametrize("table", TABLES)
class TestEverySection:
    def test_is_found_by_each_of_its_searched_columns(self, app, client, make, table):
        first(make, "suppliers")
        typed = {name: f"q{n}x" for n, name in enumerate(views(app)[table].column_searchable_list)}
        add(client, table, TYPED[table] | typed)
        getattr(make, table)(2)

        for text in typed.values():
            assert len(found(client, text, table)) == 1, text
