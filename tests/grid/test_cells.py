"""Editing in place: one field of one record, checked as its form checks it."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import cycle
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backoffice.models import Order, Product, Supplier
from tests import stored
from tests.contents import contents
from tests.grid.sections import MODELS, TABLES, first, views
from tests.pages import Page, save, visit
from tests.payloads import dealt, payloads

ON_POSTGRESQL = pytest.mark.parametrize("app", ["postgresql"], indirect=True)

GOOD = {
    ("suppliers", "name"): ("Nordwind", "Nordwind"),
    ("suppliers", "contact_name"): ("Ann Ay", "Ann Ay"),
    ("suppliers", "city"): ("Turku", "Turku"),
    ("suppliers", "country"): ("Finland", "Finland"),
    ("suppliers", "active"): (None, "No"),
    ("categories", "name"): ("Spices", "Spices"),
    ("categories", "description"): ("From Zanzibar\nby boat", "From Zanzibar by boat"),
    ("products", "name"): ("<Green> tea", "<Green> tea"),
    ("products", "supplier"): ("SUP2", "Supplier 2"),
    ("products", "price"): ("1234.5", "1,234.50"),
    ("products", "stock"): ("4321", "4,321"),
    ("products", "category"): ("Category 1", "Category 1"),
    ("products", "active"): (None, "No"),
    ("customers", "name"): ("Alfreds", "Alfreds"),
    ("customers", "contact_name"): ("Maria", "Maria"),
    ("customers", "city"): ("Berlin", "Berlin"),
    ("customers", "country"): ("Germany", "Germany"),
    ("orders", "status"): ("shipped", "shipped"),
    ("orders", "shipped_at"): ("2026-02-01 08:30", "2026-02-01"),
    ("orders", "ship_country"): ("Norway", "Norway"),
}
"""Table and field -> what is typed (None clears a check box), what the list then shows."""


OTHER = {
    "active": "y",
    "supplier": "SUP1",
    "price": "4",
    "stock": "4",
    "category": "",
    "status": "paid",
    "shipped_at": "2026-02-02 08:30",
}
"""Field -> what somebody else types than ``GOOD`` has."""


def address(table: str, row_id: int, field: str) -> str:
    return f"/admin/{table}/cell/?id={row_id}&field={field}"


def open_cell(client: Any, table: str, row_id: int, field: str) -> dict[str, str]:
    """What the editor of a cell would send as it was opened."""
    return visit(client, address(table, row_id, field)).form


def send(client: Any, table: str, row_id: int, field: str, form: dict[str, str], typed: Any) -> Any:
    form = {name: value for name, value in form.items() if name != field}
    return client.post(
        address(table, row_id, field), data=form if typed is None else {**form, field: typed}
    )


def edit(client: Any, table: str, row_id: int, field: str, typed: Any) -> Any:
    """Open a cell, type something else and save it."""
    form = open_cell(client, table, row_id, field)
    return send(client, table, row_id, field, form, typed)


def deactivate(client: Any, row_id: int) -> None:
    """By an action on many rows, if only on this one."""
    form = {"action": "deactivate", "scope": "selected", "ids": str(row_id), "step": "preview"}
    seen = Page(client.post("/admin/products/action/", data=form)).form_with("differing")
    done = client.post("/admin/products/action/", data=seen | {"step": "apply"})
    assert done.status_code == 302


def kinds(ran: list[str]) -> list[str]:
    """What each statement does to which table."""
    told = []
    for sql in ran:
        words = sql.split()
        after = {"SELECT": "FROM", "INSERT": "INTO", "UPDATE": "UPDATE"}[words[0]]
        told.append(f"{words[0]} {words[words.index(after) + 1]}")
    return told


@pytest.fixture
def other(sign_in):
    """A second member of staff."""
    return sign_in("editor")


@pytest.fixture
def records(make) -> dict[str, int]:
    """Table -> a record; there is a second supplier and a category to choose."""
    make.suppliers(2)
    make.categories()
    return {table: first(make, table) for table in reversed(TABLES)}


class TestEveryCell:
    def test_is_tried_below(self, apps):
        assert GOOD.keys() == {
            (table, field)
            for table, view in views(apps("sqlite")).items()
            for field in view.editable
        }

    def test_is_a_column_of_its_list_and_a_field_of_its_form(self, apps):
        for view in views(apps("sqlite")).values():
            assert set(view.editable) <= set(view.column_list)
            assert set(view.editable) <= {field.name for field in view._edit_form_class()}

    @pytest.mark.parametrize(("table", "field"), GOOD)
    def test_is_saved_and_shown_as_the_list_shows_it(self, app, client, records, table, field):
        row_id, (typed, shown) = records[table], GOOD[table, field]
        before = stored.columns(app, MODELS[table], row_id)

        answer = edit(client, table, row_id, field, typed)

        assert answer.status_code == 200, answer.text
        assert answer.json["version"] == 2
        assert " ".join(Page(answer_of(answer.json["html"])).text.split()) == shown
        assert shown in visit(client, f"/admin/{table}/").text
        after = stored.columns(app, MODELS[table], row_id)
        changed = {name for name in after if after[name] != before[name]}
        assert changed - {"updated_at", "version"} in ({field}, {f"{field}_id"})
        (entry,) = stored.entries(app)
        assert set(entry.changes) == {field}

    @pytest.mark.parametrize(("table", "field"), GOOD)
    def test_that_says_what_it_said_writes_nothing(self, app, client, records, table, field):
        before = contents(app)
        form = open_cell(client, table, records[table], field)

        answer = send(client, table, records[table], field, form, form.get(field))

        assert (answer.status_code, answer.json["version"]) == (200, 1)
        assert contents(app) == before


def answer_of(html: str) -> Any:
    """HTML as ``Page`` takes it."""
    return type("Answer", (), {"text": html, "status_code": 200, "headers": {}})


class TestEditor:
    def test_is_the_field_of_the_record_s_own_form(self, client, records):
        whole = visit(client, "/admin/products/edit/", id=records["products"])

        for field in ("name", "supplier", "price", "stock", "category", "active"):
            page = visit(client, address("products", records["products"], field))
            (own,) = (i for i in whole.root.all("input") if i.get("name") == field)
            (here,) = (i for i in page.root.all("input") if i.get("name") == field)
            apart = {"id", "aria-describedby"}
            assert {k: v for k, v in here.attributes.items() if k not in apart} == {
                k: v for k, v in own.attributes.items() if k not in apart
            }
            (label,) = page.root.all("label", "unseen")
            assert label.get("for") == here.get("id")
            assert label.text.endswith(" of SKU0002")

    def test_offers_the_states_of_an_order(self, client, records):
        page = visit(client, address("orders", records["orders"], "status"))

        (chosen,) = (o for o in page.root.all("option") if "selected" in o.attributes)
        assert chosen.text == "Placed"

    def test_costs_the_user_and_the_record(self, client, records, statements):
        for table, field in GOOD:
            with statements() as ran:
                client.get(address(table, records[table], field))

            assert kinds(ran) == ["SELECT users", f"SELECT {table}"], "\n".join(ran)

    def test_changes_nothing(self, app, client, records):
        before = contents(app)

        for table, field in GOOD:
            assert client.get(address(table, records[table], field)).status_code == 200

        assert contents(app) == before


class TestCost:
    def test_is_one_update_of_one_column(self, client, make, statements):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price")

        with statements() as ran:
            send(client, "products", product, "price", form, "3.50")

        assert kinds(ran) == [
            "SELECT users",
            "SELECT products",
            "UPDATE products",
            "INSERT history",
            "SELECT products",
        ]
        written = ran[2].partition("SET")[2].partition("WHERE")[0]
        assert {part.split("=")[0].strip() for part in written.split(",")} == {
            "price",
            "updated_at",
            "version",
        }

    def test_of_an_order_does_not_depend_on_its_lines(self, client, make, statements):
        order = make.orders(lines=40)[0]
        form = open_cell(client, "orders", order, "status")

        with statements() as ran:
            send(client, "orders", order, "status", form, "paid")

        assert kinds(ran) == [
            "SELECT users",
            "SELECT orders",
            "UPDATE orders",
            "INSERT history",
            "SELECT orders",
        ]
        assert "order_lines" not in "".join(ran)

    def test_of_a_reference_is_its_look_up_and_its_name_for_history(self, client, make, statements):
        product = make.products()[0]
        make.suppliers()
        form = open_cell(client, "products", product, "supplier")

        with statements() as ran:
            send(client, "products", product, "supplier", form, "SUP2")

        assert [kind for kind in kinds(ran) if not kind.startswith("SELECT")] == [
            "UPDATE products",
            "INSERT history",
        ]
        assert len(ran) == 7


class TestRefusal:
    @pytest.mark.parametrize(
        ("table", "field", "typed", "says"),
        [
            ("products", "price", "-1", "Must be from 0 to 99,999,999.9999."),
            ("products", "price", "1e9", "'1e9' is not an amount: write digits, such as 1234.50."),
            ("products", "price", "", "This field is required."),
            ("products", "stock", "1.5", "'1.5' is not a whole number."),
            ("products", "supplier", "ACNE", "There is no supplier 'ACNE'."),
            ("products", "supplier", "", "This field is required."),
            ("products", "name", " ", "This field is required."),
            ("suppliers", "name", "x" * 201, "longer than 200"),
            ("categories", "name", "Category 1", "Another category has this name."),
            ("orders", "status", "lost", "Not a valid choice"),
            ("orders", "shipped_at", "soon", "'soon' is not a date and time"),
            ("orders", "shipped_at", "1999-01-01", "Must not be before the order was placed."),
        ],
    )
    def test_says_what_the_form_would_say(self, app, client, records, table, field, typed, says):
        before = contents(app)

        answer = edit(client, table, records[table], field, typed)

        assert answer.status_code == 422
        assert says in answer.json["error"]
        assert contents(app) == before

    def test_of_a_record_that_is_gone_says_so(self, app, client, make):
        category = make.categories()[0]
        form = open_cell(client, "categories", category, "name")
        with stored.elsewhere(app) as connection:
            connection.execute(text("DELETE FROM categories"))

        answer = send(client, "categories", category, "name", form, "Tea")

        assert answer.status_code == 404
        assert answer.json["error"] == "Somebody deleted this category."

    @ON_POSTGRESQL
    def test_of_a_chosen_row_that_is_gone_says_so(self, app, client, make, before_writing):
        product = make.products()[0]
        make.suppliers()
        form = open_cell(client, "products", product, "supplier")
        before_writing("DELETE FROM suppliers WHERE code = 'SUP2'")

        answer = send(client, "products", product, "supplier", form, "SUP2")

        assert answer.status_code == 422
        assert "deleted in the meantime" in answer.json["error"]
        assert stored.one(app, Product, product).version == 1

    def test_of_a_form_without_its_version(self, app, client, make):
        product = make.products()[0]

        for version in ({}, {"version": ""}, {"version": "x"}, {"version": "-1"}):
            answer = client.post(
                address("products", product, "price"), data={"price": "3", **version}
            )
            assert answer.status_code == 400
        assert stored.one(app, Product, product).version == 1

    @pytest.mark.parametrize(
        "field", ["", "id", "version", "sku", "base", "nonsense", "csrf_token"]
    )
    def test_of_a_field_that_is_not_edited_here(self, client, make, field):
        product = make.products()[0]

        for answer in (
            client.get(address("products", product, field)),
            client.post(address("products", product, field), data={"version": "1", field: "2"}),
        ):
            assert answer.status_code == 400

    def test_never_writes_another_field_than_its_own(self, app, client, make):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price")

        answer = send(
            client, "products", product, "price", {**form, "name": "X", "id": "9", "sku": "X"}, "3"
        )

        row = stored.one(app, Product, product)
        assert answer.status_code == 200
        assert (row.id, row.sku, row.name, row.price) == (product, "SKU0001", "Product 1", 3)


class TestRoles:
    def test_of_readers_get_no_editor_and_no_mark(self, app, sign_in, make):
        product = make.products()[0]
        viewer = sign_in("viewer")

        page = visit(viewer, "/admin/products/")

        assert list(page.root.all("td", "edit")) == []
        assert "data-cells" not in viewer.get("/admin/products/").text
        assert viewer.get(address("products", product, "price")).status_code == 403
        refused = viewer.post(
            address("products", product, "price"), data={"version": "1", "price": "3"}
        )
        assert refused.status_code == 403
        assert stored.one(app, Product, product).version == 1

    def test_of_editors_see_which_cells_they_may_edit(self, sign_in, make):
        make.products()

        page = visit(sign_in("editor"), "/admin/products/")

        (row,) = (row for row in page.root.all("tr") if row.get("data-id"))
        assert [cell.get("data-field") for cell in row.all("td", "edit")] == [
            *("name", "supplier", "price", "stock", "category", "active")
        ]

    def test_need_the_token_of_the_session(self, app, client, make):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price") | {"price": "3"}

        del form["csrf_token"]
        refused = client.post(address("products", product, "price"), data=form, csrf=False)

        assert refused.status_code == 400
        assert stored.one(app, Product, product).version == 1

    def test_take_the_token_of_the_editor(self, client, make):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price") | {"price": "3"}

        saved = client.post(address("products", product, "price"), data=form, csrf=False)

        assert saved.status_code == 200


class TestConflict:
    def test_is_told_when_both_changed_the_field(self, app, client, other, make):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price")
        edit(other, "products", product, "price", "3.50")

        answer = send(client, "products", product, "price", form, "4")

        at = stored.entries(app)[-1].at
        assert answer.status_code == 409
        assert answer.json["error"] == (
            f"editor@example.com changed it to 3.50 at {at:%H:%M} UTC while you were typing."
        )
        assert answer.json["theirs"] == answer.json["html"] == "3.50"
        assert stored.one(app, Product, product).price == Decimal("3.50")

    def test_is_decided_by_saving_again(self, app, client, other, make):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price")
        edit(other, "products", product, "price", "3.50")
        told = send(client, "products", product, "price", form, "4").json

        form |= {"version": str(told["version"]), "base": told["base"]}
        answer = send(client, "products", product, "price", form, "4")

        assert answer.status_code == 200
        assert stored.one(app, Product, product).price == 4
        assert [entry.changes["price"] for entry in stored.entries(app)] == [
            ["1.00", "3.50"],
            ["3.50", "4.00"],
        ]

    def test_is_told_again_when_a_third_was_quicker(self, client, other, make):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price")
        edit(other, "products", product, "price", "3.50")
        told = send(client, "products", product, "price", form, "4").json
        edit(other, "products", product, "price", "3.60")

        form |= {"version": str(told["version"]), "base": told["base"]}
        answer = send(client, "products", product, "price", form, "4")

        assert answer.status_code == 409
        assert answer.json["theirs"] == "3.60"

    def test_is_none_when_they_changed_another_field(self, app, client, other, make):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price")
        save(other, "products", product, {"name": "Theirs", "stock": "77"})

        answer = send(client, "products", product, "price", form, "4")

        row = stored.one(app, Product, product)
        assert (answer.status_code, answer.json["version"]) == (200, 3)
        assert (row.name, row.stock, row.price, row.version) == ("Theirs", 77, 4, 3)

    def test_is_none_when_both_typed_the_same(self, app, client, other, make):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price")
        edit(other, "products", product, "price", "4.00")

        answer = send(client, "products", product, "price", form, "4.00")

        assert (answer.status_code, answer.json["version"]) == (200, 2)
        assert len(stored.entries(app)) == 1

    def test_names_a_reference_as_people_do(self, client, other, make):
        product = make.products()[0]
        make.suppliers(2)
        form = open_cell(client, "products", product, "supplier")
        edit(other, "products", product, "supplier", "SUP2")

        answer = send(client, "products", product, "supplier", form, "SUP3")

        assert "changed it to Supplier 2 at" in answer.json["error"]
        assert answer.json["theirs"] == "SUP2"

    def test_says_that_they_emptied_it(self, client, other, make):
        supplier = make.suppliers(city="Turku")[0]
        form = open_cell(client, "suppliers", supplier, "city")
        edit(other, "suppliers", supplier, "city", "")

        answer = send(client, "suppliers", supplier, "city", form, "Oslo")

        assert "editor@example.com emptied it" in answer.json["error"]

    def test_says_somebody_where_no_entry_tells_who(self, app, client, make):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price")
        with stored.elsewhere(app) as connection:
            connection.execute(text("UPDATE products SET price = 70000, version = version + 1"))

        answer = send(client, "products", product, "price", form, "4")

        assert answer.status_code == 409
        assert answer.json["error"].startswith("Somebody changed it to ")

    def test_names_nobody_for_what_they_did_to_other_fields(self, app, client, other, make):
        product = make.products()[0]
        edit(other, "products", product, "price", "3.50")
        form = open_cell(client, "products", product, "price")
        deactivate(other, product)
        with stored.elsewhere(app) as connection:
            connection.execute(text("UPDATE products SET price = 70000, version = version + 1"))

        answer = send(client, "products", product, "price", form, "4")

        assert answer.status_code == 409
        assert answer.json["error"].startswith("Somebody changed it to ")
        assert "UTC" not in answer.json["error"]

    @pytest.mark.parametrize(("table", "field"), GOOD)
    def test_names_who_changed_the_field_and_not_who_changed_others_since(
        self, app, client, other, records, table, field
    ):
        row_id, (typed, _) = records[table], GOOD[table, field]
        form = open_cell(client, table, row_id, field)
        assert edit(other, table, row_id, field, typed).status_code == 200
        if (table, field) == ("products", "price"):
            deactivate(client, row_id)

        answer = send(client, table, row_id, field, form | {"base": ""}, OTHER.get(field, "Other"))

        assert answer.status_code == 409, answer.text
        assert answer.json["error"].startswith("editor@example.com ")

    @pytest.mark.parametrize("base", ["", "nonsense", "[]", '{"price": 3}', "[" * 9000])
    def test_is_told_when_the_base_was_lost(self, app, client, other, make, base):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price")
        save(other, "products", product, {"name": "Theirs"})

        answer = send(client, "products", product, "price", form | {"base": base}, "4")

        assert answer.status_code == 409
        assert stored.one(app, Product, product).price == 1

    def test_does_not_come_of_a_browser_s_line_ends(self, app, client, other, make):
        category = make.categories(description="one\r\ntwo")[0]
        form = open_cell(client, "categories", category, "description")

        answer = send(client, "categories", category, "description", form, "one\ntwo")

        assert (answer.status_code, answer.json["version"]) == (200, 1)


@ON_POSTGRESQL
class TestRace:
    """Somebody saves between our reading and our writing; on SQLite nobody can."""

    def test_for_another_field_is_run_again(self, app, client, make, before_writing):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price")
        before_writing("UPDATE products SET name = 'Theirs', version = version + 1")

        answer = send(client, "products", product, "price", form, "4")

        row = stored.one(app, Product, product)
        assert (answer.status_code, answer.json["version"]) == (200, 3)
        assert (row.name, row.price) == ("Theirs", 4)
        assert len(stored.entries(app)) == 1

    def test_for_the_same_field_is_a_conflict(self, app, client, make, before_writing):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price")
        before_writing("UPDATE products SET price = 7, version = version + 1")

        answer = send(client, "products", product, "price", form, "4")

        assert (answer.status_code, answer.json["theirs"]) == (409, "7.00")
        assert stored.one(app, Product, product).price == 7

    def test_that_is_lost_twice_is_told(self, app, client, make, before_writing):
        product = make.products()[0]
        form = open_cell(client, "products", product, "price")
        for name in ("first", "second"):
            before_writing(f"UPDATE products SET name = '{name}', version = version + 1")

        answer = send(client, "products", product, "price", form, "4")

        assert answer.status_code == 409
        assert answer.json == {
            "error": "Somebody else is saving this product just now. Save again."
        }
        assert send(client, "products", product, "price", form, "4").status_code == 200


few = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
texts = st.sampled_from(payloads()) | st.text(max_size=40) | st.floats().map(str)


class TestAnything:
    def test_is_survived_in_every_field(self, client, records):
        for typed, (table, field) in zip(dealt(0, 4), cycle(GOOD), strict=False):
            form = {"version": "1", "base": json.dumps({field: typed}), field: typed}
            answer = client.post(address(table, records[table], field), data=form)
            assert answer.status_code in (200, 400, 409, 422), (table, field, typed)

    @few
    @given(
        cell=st.sampled_from(list(GOOD)),
        arguments=st.dictionaries(st.sampled_from(["id", "field"]), texts),
        sent=st.dictionaries(
            st.sampled_from(["version", "base", "price", "supplier", "status", "stock"]), texts
        ),
    )
    def test_is_survived_in_addresses_and_forms(self, client, records, cell, arguments, sent):
        table, field = cell
        query = {"id": str(records[table]), "field": field} | arguments

        for answer in (
            client.get(f"/admin/{table}/cell/", query_string=query),
            client.post(f"/admin/{table}/cell/", query_string=query, data=sent),
        ):
            assert answer.status_code < 500

    def test_is_shown_escaped(self, app, client, make):
        supplier = make.suppliers()[0]
        harm = "<img src=x onerror=alert(1)>"

        answer = edit(client, "suppliers", supplier, "name", harm)

        assert stored.one(app, Supplier, supplier).name == harm
        assert "<img" not in answer.json["html"]
        assert "<img" not in client.get(address("suppliers", supplier, "name")).text

    def test_of_a_shipped_order_keeps_its_fraction_of_a_second(self, app, client, make):
        order = make.orders()[0]
        with stored.elsewhere(app) as connection:
            connection.execute(
                text("UPDATE orders SET shipped_at = '2026-03-01 08:00:00.123456'")
                if connection.dialect.name == "sqlite"
                else text("UPDATE orders SET shipped_at = '2026-03-01 08:00:00.123456+00'")
            )
        form = open_cell(client, "orders", order, "shipped_at")

        send(client, "orders", order, "shipped_at", form, form["shipped_at"])

        assert stored.one(app, Order, order).shipped_at.microsecond == 123456
