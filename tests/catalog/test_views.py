"""Suppliers, categories and products on screen."""

import pytest

from tests.pages import visit


class TestProductList:
    def test_shows_the_newest_change_first(self, client, make):
        make.products(3)

        assert visit(client, "/admin/products/").keys == ["SKU0003", "SKU0002", "SKU0001"]

    def test_names_supplier_and_category(self, client, make):
        make.suppliers(name="Acme Ltd")
        make.products(category_id=make.categories(name="Tea")[0])
        make.products()

        rows = visit(client, "/admin/products/").rows

        assert rows[1][2] == "Acme Ltd"
        assert rows[1][5] == "Tea"
        assert rows[0][5] == "–"

    @pytest.mark.parametrize(
        ("sort", "descending", "keys"),
        [
            ("sku", "0", ["A", "B", "C"]),
            ("sku", "1", ["C", "B", "A"]),
            ("name", "0", ["B", "C", "A"]),
            ("price", "1", ["C", "A", "B"]),
        ],
    )
    def test_sorts_by_its_headings(self, client, make, sort, descending, keys):
        make.products(sku="A", name="z", price=5)
        make.products(sku="B", name="x", price=1)
        make.products(sku="C", name="y", price=10)

        page = visit(client, "/admin/products/", sort=sort, desc=descending)

        assert page.keys == keys
        (active,) = (head for head in page.root.all("th") if head.get("aria-sort"))
        assert active.get("aria-sort") == ("descending" if descending == "1" else "ascending")

    def test_turns_the_order_by_a_second_click(self, client, make):
        make.products(2)
        page = visit(client, "/admin/products/")

        def heading(page, words):
            (head,) = (head for head in page.root.all("th") if head.text.startswith(words))
            return next(head.all("a")).get("href")

        once = visit(client, heading(page, "SKU"))
        twice = visit(client, heading(once, "SKU"))

        assert once.keys == ["SKU0001", "SKU0002"]
        assert twice.keys == ["SKU0002", "SKU0001"]

    def test_shows_text_as_text(self, client, make):
        make.products(name="<script>alert(1)</script>")

        response = client.get("/admin/products/")

        assert "<script>alert" not in response.text
        assert visit(client, "/admin/products/").rows[0][1] == "<script>alert(1)</script>"


@pytest.mark.parametrize("table", ["suppliers", "categories"])
class TestProductsOf:
    def test_are_shown_newest_first_and_lead_to_all(self, client, make, table):
        row_id = getattr(make, table)()[0]
        column = {"suppliers": "supplier_id", "categories": "category_id"}[table]
        make.products(12, **{column: row_id})

        page = visit(client, f"/admin/{table}/details/", id=row_id)

        (related,) = (part for part in page.root.all("table") if "SKU" in part.text)
        keys = [next(row.all("a")).text for row in related.all("tr") if list(row.all("a"))]
        assert keys == [f"SKU{n:04}" for n in range(12, 2, -1)]
        links = [link.get("href") for link in page.root.all("a") if link.text == "Show all"]
        assert len(visit(client, links[0]).rows) == 12

    def test_say_so_when_there_are_none(self, client, make, table):
        row_id = getattr(make, table)()[0]

        assert "None yet." in visit(client, f"/admin/{table}/details/", id=row_id).text


class TestProductDetails:
    def test_lead_to_supplier_and_category(self, client, make):
        supplier, category = make.suppliers()[0], make.categories()[0]
        product = make.products(supplier_id=supplier, category_id=category)[0]

        page = visit(client, "/admin/products/details/", id=product)

        links = {link.text: link.get("href") for link in page.root.all("a")}
        assert links["Supplier 1"] == f"/admin/suppliers/details/?id={supplier}"
        assert links["Category 1"] == f"/admin/categories/details/?id={category}"


class TestEmptyLists:
    """An empty list says what to do next, but only what its reader may do."""

    @pytest.mark.parametrize(
        ("role", "form", "file"),
        [("viewer", False, False), ("editor", True, False), ("manager", True, True)],
    )
    def test_offer_it_by_role(self, sign_in, role, form, file):
        (part,) = visit(sign_in(role), "/admin/suppliers/").root.all("div", "empty")

        assert ("New supplier" in part.text, "import a file" in part.text) == (
            form,
            file,
        )


class TestLinks:
    def test_lead_to_the_record_from_its_code_and_its_name(self, client, make):
        (product,) = make.products()

        page = visit(client, "/admin/products/")

        (body,) = (body for table in page.root.all("table") for body in table.all("tbody"))
        links = {link.text: link.get("href") for link in body.all("a")}
        assert set(links) == {"SKU0001", "Product 1"}
        assert all(url.endswith(f"id={product}") for url in links.values())


class TestMissingRecords:
    def test_offer_their_section_s_list(self, client):
        page = visit(client, "/admin/suppliers/details/?id=7")

        assert page.status == 404
        assert "Go to suppliers" in page.text
        assert "Go to" not in visit(client, "/admin/nowhere").text.replace("Go to the dash", "")
