"""Two people in one record: the second is told, sees both versions, and decides."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backoffice.models import Order, Product
from tests import stored
from tests.grid.sections import MODELS, TABLES, first
from tests.pages import filled, post, save, visit

FIELD = {
    "suppliers": "contact_name",
    "categories": "description",
    "products": "description",
    "customers": "city",
    "orders": "note",
}
"""One field that both people change."""


@pytest.fixture
def other(sign_in):
    """A second member of staff."""
    return sign_in("editor")


@pytest.mark.parametrize("table", TABLES)
class TestTwoEditors:
    def test_the_second_is_told_and_sees_both_versions(self, app, client, other, make, table):
        row_id, field = first(make, table), FIELD[table]
        form = visit(client, f"/admin/{table}/edit/", id=row_id).form
        save(other, table, row_id, {field: "Theirs of noon"})

        page = post(client, table, row_id, filled(form, {field: "Mine of morning"}))

        assert page.status == 409
        assert "editor@example.com saved this" in page.text
        (table_of_both,) = (part for part in page.root.all("section", "conflict"))
        assert [cell.text for cell in table_of_both.all("td")] == [
            "Mine of morning",
            "Theirs of noon",
            "Both changed it: yours is below",
        ]
        assert page.form[field] == "Mine of morning"
        assert getattr(stored.one(app, MODELS[table], row_id), field) == "Theirs of noon"
        assert [entry.actor for entry in stored.entries(app)] == ["editor@example.com"]

    def test_the_second_wins_by_saving_again(self, app, client, other, make, table):
        row_id, field = first(make, table), FIELD[table]
        form = visit(client, f"/admin/{table}/edit/", id=row_id).form
        save(other, table, row_id, {field: "Theirs"})
        page = post(client, table, row_id, filled(form, {field: "Mine"}))

        again = post(client, table, row_id, page.form)

        assert again.status == 302
        row = stored.one(app, MODELS[table], row_id)
        assert (getattr(row, field), row.version) == ("Mine", 3)
        changes = [entry.changes[field] for entry in stored.entries(app)]
        assert changes == [["", "Theirs"], ["Theirs", "Mine"]]

    def test_the_second_is_told_again_when_a_third_was_quicker(self, client, other, make, table):
        row_id, field = first(make, table), FIELD[table]
        form = visit(client, f"/admin/{table}/edit/", id=row_id).form
        save(other, table, row_id, {field: "First"})
        page = post(client, table, row_id, filled(form, {field: "Mine"}))
        save(other, table, row_id, {field: "Second"})

        again = post(client, table, row_id, page.form)

        assert again.status == 409
        assert "Second" in again.text

    def test_the_second_is_told_that_the_record_is_gone(self, client, make, table):
        row_id, field = first(make, table), FIELD[table]
        form = visit(client, f"/admin/{table}/edit/", id=row_id).form
        address = f"/admin/{table}/delete/?id={row_id}"
        client.post(address, data=visit(client, address).form)

        page = post(client, table, row_id, filled(form, {field: "Mine"}))

        assert page.status == 422
        assert "Somebody deleted this" in page.messages[-1]
        assert page.form[field] == "Mine"


class TestMerge:
    def test_leaves_what_only_they_changed_to_them(self, app, client, other, make):
        product = make.products(name="Tea", price="5", stock=1)[0]
        form = visit(client, "/admin/products/edit/", id=product).form
        save(other, "products", product, {"price": "11.11", "stock": "7"})

        page = post(client, "products", product, filled(form, {"name": "Green tea", "stock": "8"}))
        post(client, "products", product, page.form)

        (told,) = (part for part in page.root.all("section", "conflict"))
        assert [cell.text for cell in told.all("td")] == [
            *("Green tea", "Tea", "Only you changed it"),
            *("5.00", "11.11", "Only they changed it: taken over below"),
            *("8", "7", "Both changed it: yours is below"),
        ]
        row = stored.one(app, Product, product)
        assert (row.name, row.price, row.stock) == ("Green tea", Decimal("11.11"), 8)

    def test_goes_line_by_line_in_an_order(self, app, client, other, make):
        make.products(3)
        order = make.orders(lines=4)[0]
        form = visit(client, "/admin/orders/edit/", id=order).form
        theirs = {
            "lines-0-quantity": "70",
            "lines-1-remove": "y",
            "lines-4-id": "",
            "lines-4-product": "SKU0003",
            "lines-4-quantity": "5",
            "lines-4-unit_price": "1",
            "lines-4-discount": "0",
        }
        save(other, "orders", order, theirs)

        mine = {"note": "Mind the dog", "lines-2-quantity": "30"}
        page = post(client, "orders", order, filled(form, mine))
        again = post(client, "orders", order, page.form)

        assert (page.status, again.status) == (409, 302)
        assert stored.one(app, Order, order).note == "Mind the dog"
        lines = stored.lines(app, order)
        assert [(line.line_no, line.quantity) for line in lines] == [
            (1, 70),
            (3, 30),
            (4, 4),
            (5, 5),
        ]

    @pytest.mark.parametrize("base", ["", "nonsense", "[]", '{"name": 3}', "[" * 9000])
    def test_without_a_base_keeps_all_that_was_typed(self, app, client, other, make, base):
        product = make.products(name="Tea", stock=1)[0]
        form = visit(client, "/admin/products/edit/", id=product).form
        save(other, "products", product, {"stock": "7"})

        page = post(client, "products", product, filled(form, {"name": "Mine", "base": base}))
        post(client, "products", product, page.form)

        row = stored.one(app, Product, product)
        assert (page.status, row.name, row.stock) == (409, "Mine", 1)


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
class TestRace:
    """Somebody saves between our reading of the version and our writing.

    On SQLite nobody can: a POST holds the write lock from its beginning.
    """

    def test_is_told_like_any_conflict(self, app, client, make, before_writing):
        product = make.products()[0]
        before_writing("UPDATE products SET name = 'Theirs', version = version + 1")

        page = save(client, "products", product, {"name": "Mine"})

        assert page.status == 409
        assert page.form["name"] == "Mine"
        assert page.form["version"] == "2"
        assert "Theirs" in page.text
        assert stored.one(app, Product, product).name == "Theirs"
        assert stored.entries(app) == []
        assert post(client, "products", product, page.form).status == 302
        assert stored.one(app, Product, product).name == "Mine"

    def test_in_the_lines_of_an_order_is_told_as_well(self, app, client, make, before_writing):
        order = make.orders(lines=3)[0]
        before_writing("UPDATE orders SET note = 'Theirs', version = version + 1")

        page = save(client, "orders", order, {"lines-1-quantity": "77"})

        assert page.status == 409
        assert page.form["lines-1-quantity"] == "77"
        assert [line.quantity for line in stored.lines(app, order)] == [1, 2, 3]

    def test_with_a_deletion_says_that_the_record_is_gone(self, client, make, before_writing):
        product = make.products()[0]
        before_writing("DELETE FROM products")

        page = save(client, "products", product, {"name": "Mine"})

        assert page.status == 422
        assert page.form["name"] == "Mine"

    def test_for_a_reference_is_told_in_the_form(self, client, make, before_writing):
        product = make.products()[0]
        make.categories(name="Tea")
        before_writing("DELETE FROM categories")

        page = save(client, "products", product, {"category": "Tea"})

        assert page.status == 422
        assert "was deleted in the meantime" in page.messages[0]
        assert page.form["category"] == "Tea"

    def test_for_a_key_is_told_at_its_field(self, client, make, before_writing):
        make.suppliers()
        product = make.products()[0]
        before_writing(
            "INSERT INTO products (sku, name, supplier_id, price)"
            " SELECT 'NEW', 'New', min(id), 1 FROM suppliers"
        )

        page = save(client, "products", product, {"sku": "NEW"})

        assert page.status == 422
        assert page.errors == {"sku": "Another product has this SKU."}

    def test_with_a_change_keeps_a_deletion_back(self, app, client, make, before_writing):
        order = make.orders()[0]
        address = f"/admin/orders/delete/?id={order}"
        form = visit(client, address).form
        before_writing("UPDATE orders SET note = 'Theirs', version = version + 1")

        response = client.post(address, data=form)

        assert response.status_code == 302
        assert "Look again" in visit(client, response.headers["Location"]).messages[0]
        assert stored.one(app, Order, order).note == "Theirs"

    def test_with_a_new_use_keeps_a_deletion_back(self, app, client, make, before_writing):
        category, product = make.categories()[0], make.products()[0]
        address = f"/admin/categories/delete/?id={category}"
        form = visit(client, address).form
        before_writing(f"UPDATE products SET category_id = {category}, version = 2")

        response = client.post(address, data=form)

        assert response.status_code == 302
        assert "1 product" in visit(client, response.headers["Location"]).text
        assert stored.one(app, Product, product).category_id == category


class TestManyEditors:
    """Any order of opening, typing and saving: the record is what the last told person decided."""

    @settings(
        max_examples=25,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        st.lists(
            st.tuples(st.sampled_from("ABC"), st.sampled_from(("open", "save", "save"))),
            max_size=12,
        )
    )
    def test_never_lose_a_change_in_silence(self, app, client, make, steps):
        product = make.products()[0]
        forms, saved, version = {}, "", 1

        for number, (editor, step) in enumerate(steps):
            if step == "open" or editor not in forms:
                forms[editor] = visit(client, "/admin/products/edit/", id=product).form
                continue
            typed = filled(forms[editor], {"description": f"{editor} {number}"})
            page = post(client, "products", product, typed)
            knew = int(typed["version"]) == version
            assert page.status == (302 if knew else 409)
            if knew:
                saved, version = typed["description"], version + 1
                del forms[editor]
            else:
                assert f"{editor} {number}" in page.text
                assert saved in page.text
                forms[editor] = page.form

        row = stored.one(app, Product, product)
        assert (row.description, row.version) == (saved, version)
