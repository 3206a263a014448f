"""The pages of one record: add, look, change, each told where it went wrong."""

import pytest

from backoffice.models import Order, Product
from tests import stored
from tests.grid.sections import MODELS, TABLES, TYPED, first, views
from tests.pages import Page, add, filled, post, save, visit

LONG = {
    "suppliers": "code",
    "categories": "name",
    "products": "sku",
    "customers": "code",
    "orders": "number",
}
"""The natural key of each table, which no form does without."""


@pytest.fixture
def supplier(make):
    """SUP1, which every product of these tests is from."""
    return make.suppliers()[0]


@pytest.mark.parametrize("table", TABLES)
class TestEverySection:
    def test_adds_a_record_and_shows_it(self, app, client, supplier, table):
        page = add(client, table, TYPED[table])

        record = stored.newest(app, MODELS[table])
        assert page.status == 302
        assert page.headers["Location"] == f"/admin/{table}/details/?id={record.id}"
        assert record.version == 1
        shown = visit(client, page.headers["Location"])
        assert "was added." in shown.messages[0]
        assert TYPED[table][LONG[table]] in shown.text

    def test_changes_a_record_and_nothing_else_of_it(self, app, client, make, supplier, table):
        row_id = first(make, table)
        before = stored.columns(app, MODELS[table], row_id)

        page = save(client, table, row_id, {LONG[table]: "Changed"})

        after = stored.columns(app, MODELS[table], row_id)
        assert page.status == 302
        different = {name for name in after if after[name] != before[name]}
        assert different == {LONG[table], "version", "updated_at"}
        assert after["version"] == before["version"] + 1

    def test_writes_nothing_when_nothing_was_changed(
        self, app, client, make, supplier, statements, table
    ):
        row_id = first(make, table)
        before = stored.columns(app, MODELS[table], row_id)

        with statements() as ran:
            page = save(client, table, row_id, {})

        assert page.status == 302
        assert stored.columns(app, MODELS[table], row_id) == before
        assert stored.entries(app) == []
        assert not [sql for sql in ran if sql.startswith(("INSERT", "UPDATE", "DELETE"))]

    def test_goes_back_to_the_form_when_asked_to(self, client, make, supplier, table):
        row_id = first(make, table)

        page = save(client, table, row_id, {"_continue": "1"})

        assert page.headers["Location"] == f"/admin/{table}/edit/?id={row_id}"

    def test_tells_every_missing_field_beside_it(self, app, client, supplier, table):
        required = [name for name in TYPED[table] if name not in {"stock", "reorder_level"}]

        page = add(client, table, dict.fromkeys(required, ""))

        assert page.status == 422
        assert page.errors == dict.fromkeys(required, "This field is required.")
        assert "Nothing was saved yet." in page.messages[0]
        assert stored.count(app, MODELS[table]) == (1 if table == "suppliers" else 0)

    def test_keeps_what_was_typed_when_it_is_refused(self, client, supplier, table):
        typed = TYPED[table] | {LONG[table]: "x" * 300}

        page = add(client, table, typed)

        assert page.status == 422
        assert set(page.errors) == {LONG[table]}
        assert "longer than" in page.errors[LONG[table]]
        assert {name: page.form[name] for name in typed} == typed

    def test_keeps_what_was_typed_over_a_record(self, app, client, make, supplier, table):
        row_id = first(make, table)
        before = stored.columns(app, MODELS[table], row_id)

        page = save(client, table, row_id, {LONG[table]: " "})

        assert page.status == 422
        assert page.form[LONG[table]].strip() == ""
        assert page.errors == {LONG[table]: "This field is required."}
        assert stored.columns(app, MODELS[table], row_id) == before

    @pytest.mark.parametrize("version", [None, "", "NaN", "-1", "1.0", "9" * 30])
    def test_refuses_a_form_without_its_version(self, app, client, make, supplier, table, version):
        row_id = first(make, table)

        page = save(client, table, row_id, {LONG[table]: "Changed", "version": version})

        assert page.status == 400
        assert "The form has lost its version. Open the record again." in page.text
        assert stored.columns(app, MODELS[table], row_id)["version"] == 1

    @pytest.mark.parametrize(
        "row_id", ["", "0", "-1", "abc", "1,2", "7", "9" * 19, "9" * 40, f"{'0' * 19}1{'9' * 30}"]
    )
    def test_has_nothing_under_an_id_that_is_none(self, client, table, row_id):
        for page in ("details", "edit", "delete"):
            response = visit(client, f"/admin/{table}/{page}/", id=row_id)
            assert response.status == 404, page
            assert "it may have been deleted" in response.text

    def test_changes_only_the_fields_of_the_form(self, app, client, make, supplier, table):
        row_id = first(make, table)
        before = stored.columns(app, MODELS[table], row_id)
        form = visit(client, f"/admin/{table}/edit/", id=row_id).form
        others = {name: "77" for name in before if name not in form}

        post(client, table, row_id, filled(form, others))

        after = stored.columns(app, MODELS[table], row_id)
        assert {name: after[name] for name in others} == {name: before[name] for name in others}

    def test_details_show_every_field_of_the_form(self, app, client, supplier, table):
        form = visit(client, f"/admin/{table}/new/").form
        texts = {
            name: f"<b>{name}</b>"
            for name, text in form.items()
            if text == "" and name not in {"version", "base"}
        }
        dates = {"placed_at": "2026-01-31", "shipped_at": "2026-02-01"}
        typed = {
            name: text
            for name, text in (texts | dates | TYPED[table]).items()
            if name in form and "lines" not in name and name not in {"category", "customer"}
        }

        address = add(client, table, typed).headers["Location"]

        shown = visit(client, address).text
        for name, text in typed.items():
            if name in texts and name not in TYPED[table] and name not in dates:
                assert text in shown, name
        assert set(views(app)[table].column_details_list) >= set(typed) - {"lines"}


class TestReferences:
    def test_that_are_unknown_are_told_at_their_field(self, app, client, supplier):
        page = add(client, "products", TYPED["products"] | {"supplier": "NOBODY", "category": "X"})

        assert page.status == 422
        assert "There is no supplier 'NOBODY'." in page.errors["supplier"]
        assert "There is no category 'X'." in page.errors["category"]
        assert page.form["supplier"] == "NOBODY"
        assert stored.count(app, Product) == 0

    def test_are_changed_by_typing_another_key(self, app, client, make):
        product = make.products()[0]
        other = make.suppliers(code="NORD")[0]
        category = make.categories(name="Tea")[0]

        save(client, "products", product, {"supplier": " NORD ", "category": "Tea"})

        row = stored.one(app, Product, product)
        assert (row.supplier_id, row.category_id) == (other, category)

    def test_that_may_be_empty_can_be_emptied(self, app, client, make):
        order = make.orders()[0]

        save(client, "orders", order, {"customer": ""})

        assert stored.one(app, Order, order).customer_id is None
        assert visit(client, "/admin/orders/details/", id=order).status == 200

    def test_are_looked_up_by_one_statement_for_each_table(self, client, make, statements):
        make.products(2)
        order = make.orders(lines=30)[0]
        form = visit(client, "/admin/orders/edit/", id=order).form

        with statements() as ran:
            page = post(client, "orders", order, filled(form, {"number": ""}))

        assert page.status == 422
        assert len([sql for sql in ran if " IN (" in sql and "products.sku" in sql]) == 1


class TestFields:
    @pytest.mark.parametrize(
        ("field", "text", "says"),
        [
            ("price", "abc", "'abc' is not an amount"),
            ("price", "1,5", "Write decimals with a point"),
            ("price", "1.23456", "At most four decimals are kept."),
            ("price", "NaN", "'NaN' is not an amount"),
            ("price", "1e5000", "'1e5000' is not an amount"),
            ("stock", "1.5", "'1.5' is not a whole number."),
            ("stock", "-1", "Must be from 0 to 2,147,483,647."),
            ("reorder_level", "3000000000", "Must be from 0 to 2,147,483,647."),
            ("description", "x" * 20_001, "longer than 20000"),
        ],
    )
    def test_of_a_product_say_what_they_take(self, app, client, supplier, field, text, says):
        page = add(client, "products", TYPED["products"] | {field: text})

        assert page.status == 422
        assert says in page.errors[field]
        assert page.form[field] == text
        assert stored.count(app, Product) == 0

    @pytest.mark.parametrize(
        ("field", "text", "says"),
        [
            ("placed_at", "31.1.2026", "is not a date and time"),
            ("shipped_at", "soon", "is not a date and time"),
            ("status", "lost", "Not a valid choice"),
        ],
    )
    def test_of_an_order_say_what_they_take(self, app, client, field, text, says):
        form = filled(visit(client, "/admin/orders/new/").form, TYPED["orders"] | {field: text})

        page = Page(client.post("/admin/orders/new/", data=form))

        assert page.status == 422
        assert says in page.messages[0]
        assert stored.count(app, Order) == 0

    def test_of_a_check_box_are_no_when_it_is_cleared(self, app, client, make):
        product = make.products()[0]

        save(client, "products", product, {"active": None})

        assert stored.one(app, Product, product).active is False

    def test_show_money_with_the_decimals_it_has(self, client, make):
        make.products(price="9.8")
        make.products(price="1234.0125")
        rows = {row[0]: row for row in visit(client, "/admin/products/").rows}

        assert rows["SKU0001"][3] == "9.80"
        assert rows["SKU0002"][3] == "1,234.0125"
