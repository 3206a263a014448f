"""Search: all words, taken literally."""

import pytest

from backoffice.grid import search
from backoffice.grid.page import fetch
from backoffice.grid.search import LONGEST, MOST_TERMS, Term, search_of
from backoffice.models import Product
from tests.grid.sections import TABLES, TYPED, first, views
from tests.pages import add, delete, save, visit


def found(client, text, table="products"):
    return sorted(visit(client, f"/admin/{table}/", search=text).keys)


SEARCH = search_of(Product)


class TestTerms:
    def test_are_the_words(self):
        assert SEARCH.terms("  green\ttea \n box ") == (Term("green"), Term("tea"), Term("box"))

    def test_are_bounded_in_number_and_length(self):
        assert len(SEARCH.terms("a " * 50)) == MOST_TERMS
        assert len(SEARCH.terms("x" * 1000)[0].text) == LONGEST

    def test_are_phrases_where_quoted(self):
        assert SEARCH.terms('"green  tea" box') == (Term("green tea"), Term("box"))
        assert SEARCH.terms('sku:"A 1" "open') == (Term("A 1", "sku"), Term("open"))

    def test_are_tied_to_a_field_that_there_is(self):
        assert SEARCH.terms("SKU:a-1 name:tea") == (Term("a-1", "sku"), Term("tea", "name"))
        assert SEARCH.terms("http://x: 12:30") == (Term("http://x:"), Term("12:30"))

    def test_of_nothing_are_none(self):
        assert SEARCH.terms('  "" sku:""') == ()


class TestSearch:
    @pytest.fixture(autouse=True)
    def goods(self, make):
        for sku, name in (
            ("A-1", "Green tea, 100% leaf"),
            ("A-2", "Green coffee"),
            ("B_1", "Black TEA"),
            ("C\\D", "Sugar"),
            ("É-5", "Crème BRÛLÉE"),
        ):
            make.products(sku=sku, name=name)

    def test_of_one_word_finds_it_anywhere_in_capitals_or_not(self, client):
        assert found(client, "tea") == found(client, "TEA") == ["A-1", "B_1"]
        assert found(client, "ugA") == ["C\\D"]
        assert found(client, "brûlée") == found(client, "CRÈME") == ["É-5"]

    def test_of_several_words_means_all_of_them_in_any_column_and_order(self, client):
        assert found(client, "tea green") == ["A-1"]
        assert found(client, "a-2 coffee") == ["A-2"]
        assert found(client, "tea coffee") == []

    def test_of_a_phrase_means_its_words_in_a_row(self, client):
        assert found(client, '"green tea"') == ["A-1"]
        assert found(client, '"tea green"') == []

    def test_of_a_field_looks_nowhere_else(self, client, make):
        make.products(sku="TEA-9", name="Cup")

        assert found(client, "sku:tea") == ["TEA-9"]
        assert found(client, "name:tea") == ["A-1", "B_1"]
        assert found(client, "sku:b_ tea") == ["B_1"]

    def test_of_a_reference_looks_at_what_is_referred_to(self, client, make):
        supplier = make.suppliers(code="NORD", name="Nordic Oy", contact_name="Aino")[0]
        make.products(sku="N-1", name="Rye", supplier_id=supplier)

        for text in ("supplier:nord", "supplier:dic", 'supplier:"nordic oy" rye', "supplier:N"):
            assert found(client, text) == ["N-1"], text
        assert found(client, "supplier:nord tea") == []
        assert found(client, "nordic") == []

    def test_of_a_reference_to_too_many_is_left_out_and_said(self, client, make, monkeypatch):
        monkeypatch.setattr(search, "MOST_REFERRED", 2)
        for n, supplier in enumerate(make.suppliers(3, name="Nordic")):
            make.products(sku=f"N-{n}", name="Rye", supplier_id=supplier)

        page = visit(client, "/admin/products/", search="rye supplier:nordic")

        assert page.status == 400
        assert "“supplier:nordic” fits more than 2" in page.messages[0]
        assert sorted(page.keys) == ["N-0", "N-1", "N-2"]
        assert "Search: rye ×" in page.text

    @pytest.mark.parametrize("limit", [10_000, 0], ids=["few", "many"])
    def test_takes_a_last_sigma_as_any_other(self, client, make, monkeypatch, limit):
        monkeypatch.setattr(fetch, "__defaults__", (limit,))
        make.products(sku="ODOS", name="ΟΔΟΣ ΜΟΥ")

        assert found(client, "ΟΔΟΣ") == ["ODOS"]

    @pytest.mark.parametrize(
        ("text", "skus"),
        [
            ("a", ["A-1", "A-2"]),
            ("GR", ["A-1", "A-2"]),
            ("su", ["C\\D"]),
            ("ug", []),
            ("c\\", ["C\\D"]),
            ("--- ", []),
            ("C\\\\", []),
            ("A--", []),
        ],
    )
    def test_of_less_than_three_signs_is_for_what_begins_so(self, client, text, skus):
        assert found(client, text) == skus

    @pytest.mark.parametrize(
        ("text", "skus"),
        [
            ('"0% l"', ["A-1"]),
            ("100%", ["A-1"]),
            ("%%%", []),
            ("_1", []),
            ("b_1", ["B_1"]),
            ("A_1", []),
            ("c\\d", ["C\\D"]),
            ("'", []),
            ("a'b\"c", []),
            ("NEAR(a b)", []),
            ("tea*", []),
        ],
    )
    def test_takes_signs_literally(self, client, text, skus):
        assert found(client, text) == skus

    @pytest.mark.parametrize(
        ("text", "says"),
        [('""', "holds nothing to look for"), ("a " * 9, "A search takes 8 words")],
    )
    def test_says_what_it_leaves_out(self, client, text, says):
        page = visit(client, "/admin/products/", search=text)

        assert page.status == 400
        assert says in page.messages[0]

    def test_marks_what_it_found(self, client):
        page = client.get("/admin/products/?search=tea+b_1").text

        assert "Black <mark>TEA</mark>" in page
        assert "<mark>B_1</mark>" in page

    def test_follows_every_change_of_a_row(self, app, client, make):
        row_id = make.products(sku="NEW", name="Cocoa")[0]
        assert found(client, "cocoa") == ["NEW"]

        save(client, "products", row_id, {"name": "Cacao"})
        assert (found(client, "cocoa"), found(client, "cacao")) == ([], ["NEW"])

        delete(client, "products", row_id)
        assert found(client, "cacao") == []

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
        assert len(found(client, "   ")) == 5


@pytest.mark.parametrize("table", TABLES)
class TestEverySection:
    def test_is_found_by_each_of_its_searched_columns(self, app, client, make, table):
        first(make, "suppliers")
        typed = {name: f"q{n}x" for n, name in enumerate(views(app)[table].column_searchable_list)}
        add(client, table, TYPED[table] | typed)
        getattr(make, table)(2)

        for text in typed.values():
            assert len(found(client, text, table)) == 1, text
