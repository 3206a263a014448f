"""Columns, rows a page and density: each user's own, unless the address says otherwise."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from backoffice.database import db
from backoffice.grid.settings import ListSettings, read_settings
from backoffice.models import User
from tests import stored
from tests.grid.sections import TABLES, first, views
from tests.pages import Page, visit
from tests.test_fuzz import few, texts

LIST = "/admin/products/"
SETTINGS = "/admin/products/columns/"
CHOICE = {"order": ["price", "name", "sku"], "shown": ["price", "name"]}
ROWS = {"page_size": "50", "density": "comfortable"}


def heads(page):
    """The labels of a list's columns, without that of the check boxes."""
    shown = (head for head in page.root.all("th") if head.get("class") != "select")
    return [re.sub(" ?[↑↓]$", "", head.text) for head in shown]


def offered(page):
    """The columns on the settings page, in order: name -> whether it is ticked."""
    return {
        box.get("value"): "checked" in box.attributes
        for box in page.root.all("input")
        if box.get("type") == "checkbox"
    }


def choose(client, address=SETTINGS, **form):
    return client.post(address, data={**CHOICE, **ROWS, **form})


def preferences(app, role="admin"):
    with app.app_context():
        email = f"{role}@example.com"
        return db.session.scalar(select(User.preferences).where(User.email == email))


class TestColumns:
    def test_are_seen_by_who_chose_them_and_nobody_else(self, client, sign_in, make):
        make.products()
        other = sign_in("editor")

        saved = choose(client)

        assert saved.headers["Location"] == LIST
        assert heads(visit(client, LIST)) == ["Price", "Name", "SKU"]
        assert heads(visit(other, LIST))[:2] == ["SKU", "Name"]
        assert len(heads(visit(other, LIST))) == 8

    def test_of_one_list_leave_another_alone(self, app, client, make):
        make.products()
        choose(client, "/admin/suppliers/columns/", order=["name"], shown=["name"])

        choose(client)

        assert preferences(app) == {
            "suppliers": {"columns": ["name", "code"]},
            "products": {"columns": ["price", "name", "sku"]},
        }
        assert heads(visit(client, "/admin/suppliers/")) == ["Name", "Code"]

    def test_can_be_ones_that_are_not_usual(self, client, make):
        make.products(reorder_level=7)

        choose(client, order=["sku", "reorder_level"], shown=["reorder_level"])

        assert visit(client, LIST).rows == [["SKU0001", "7"]]

    def test_keep_the_key_whatever_is_chosen(self, client, make):
        make.products()

        choose(client, shown=[])

        assert heads(visit(client, LIST)) == ["SKU"]
        assert next(visit(client, LIST, columns="stock").root.all("table")).all("a")
        assert heads(visit(client, LIST, columns="stock")) == ["SKU", "Stock"]

    def test_that_nobody_offers_are_not_kept(self, app, client):
        choose(client, order=["password", "price"], shown=["password", "price", "version"])

        assert preferences(app)["products"] == {"columns": ["price", "sku"]}

    def test_that_are_gone_leave_the_list_usable(self, app, client, make):
        make.products()
        with app.app_context():
            user = db.session.scalar(select(User))
            kept = {"columns": ["gone", "price"], "page_size": 7, "density": "airy"}
            user.preferences = {"products": kept}
            db.session.commit()

        page = visit(client, LIST)

        assert page.status == 200
        assert heads(page) == ["SKU", "Price"]

    def test_follow_a_change_of_the_usual_where_nothing_was_chosen(self):
        usual = ListSettings(("sku", "name"))

        assert usual.other_than(usual) == {}
        assert read_settings({}, ListSettings(("name",)), ("sku", "name")).columns == ("name",)
        assert read_settings("nonsense", usual, ("sku", "name")) == usual

    def test_leave_the_account_as_it_was(self, app, client):
        def account():
            return {k: v for k, v in stored.columns(app, User, user_id).items() if k in told}

        told = {"version", "updated_at", "role", "fs_uniquifier"}
        with app.app_context():
            user_id = db.session.scalar(select(User.id))
        before = account()

        choose(client)

        assert account() == before
        assert stored.entries(app) == []


class TestOrder:
    def test_changes_by_buttons_and_is_not_kept_before_it_is_saved(self, app, client):
        form = {"order": ["sku", "name", "price"], "shown": ["price"], "page_size": "100"}

        page = Page(choose(client, **form, up="price"))
        names = list(offered(page))
        again = Page(choose(client, **form | {"order": names}, down="sku"))

        assert names[:3] == ["sku", "price", "name"]
        assert list(offered(again))[:3] == ["price", "sku", "name"]
        assert offered(again)["price"]
        assert not offered(again)["name"]
        (focused,) = [b for b in page.root.all("button") if "autofocus" in b.attributes]
        assert focused.get("aria-label") == "Move Price up"
        assert next(o for o in page.root.all("option") if "selected" in o.attributes).text == "100"
        assert preferences(app) == {}

    @pytest.mark.parametrize(("button", "name"), [("up", "sku"), ("down", "name"), ("up", "?")])
    def test_has_ends(self, client, button, name):
        page = Page(choose(client, order=["sku", "stock"], **{button: name}))

        assert next(iter(offered(page))) == "sku"
        assert len(offered(page)) == 11

    def test_begins_with_what_the_list_shows(self, client):
        page = visit(client, SETTINGS, list="columns=stock,sku&search=x")

        assert list(offered(page).items())[:3] == [("stock", True), ("sku", True), ("name", False)]


class TestReset:
    def test_forgets_all_that_was_set(self, app, client, make):
        make.products()
        choose(client, page_size="25", density="compact")

        page = Page(client.post(SETTINGS, data={"reset": "1"}, follow_redirects=True))

        assert preferences(app) == {}
        assert len(heads(page)) == 8
        assert page.messages[-1] == "The list of products is as usual again."


class TestRows:
    def test_are_as_many_as_were_set(self, client, make):
        make.products(60)

        choose(client, page_size="25")

        assert len(visit(client, LIST).rows) == 25
        assert "page_size" not in visit(client, LIST).links["next"]
        assert len(visit(client, LIST, page_size="50").rows) == 50
        assert "page_size=50" in visit(client, LIST, page_size="50").links["next"]

    def test_stand_closer_when_compact(self, client, make):
        make.products()
        choose(client, density="compact")

        (table,) = visit(client, LIST).root.all("table", "grid")

        assert "compact" in table.get("class").split()

    @pytest.mark.parametrize("form", [{"page_size": "7"}, {"density": "x"}, {"page_size": ""}])
    def test_that_no_form_of_ours_sends_are_refused(self, app, client, form):
        assert choose(client, **form).status_code == 400
        assert preferences(app) == {}


class TestAddress:
    def test_goes_before_what_the_user_chose(self, client, make):
        make.products(60)
        choose(client)

        page = visit(client, LIST, columns="stock,sku,stock", page_size=25)

        assert heads(page) == ["Stock", "SKU"]
        assert heads(visit(client, page.links["next"])) == ["Stock", "SKU"]
        form = next(page.root.all("form", "toolbar"))
        assert {f.get("name"): f.get("value") for f in form.all("input")}["columns"] == "stock,sku"

    def test_with_unknown_columns_is_complained_of(self, client, make):
        make.products()

        page = visit(client, LIST, columns="sku,version,<b>")

        assert page.status == 400
        assert "'version', '<b>'" in page.messages[0]
        assert heads(page) == ["SKU"]
        assert len(heads(visit(client, LIST, columns="nothing"))) == 8

    def test_of_settings_leads_back_to_the_list_as_it_was_left(self, client, make):
        make.products()
        left = "search=Product&sort=name&desc=1&columns=sku&page_size=25"

        saved = client.post(
            SETTINGS, query_string={"list": left}, data={**CHOICE, **ROWS, "page_size": "100"}
        )

        assert saved.headers["Location"] == f"{LIST}?search=Product&sort=name&desc=1"

    @few(max_examples=60)
    @given(names=st.lists(texts | st.sampled_from(["sku", "price", "id", "version"]), max_size=4))
    def test_takes_any_columns(self, client, make, names):
        text = ",".join(names)

        for address in (f"/admin/{table}/" for table in TABLES):
            response = client.get(address, query_string={"columns": text})
            assert response.status_code in (200, 400), text
        inner = {"list": f"columns={text}", "x": text}
        assert client.get(SETTINGS, query_string=inner).status_code in (200, 400)

    def test_within_an_address_has_no_nul_either(self, client):
        for page in (SETTINGS, "/admin/products/views/"):
            assert client.get(SETTINGS, query_string={"list": "search=%00"}).status_code == 400
            form = {"name": "x", "query": "search=%00"}
            assert (
                client.post(page, query_string={"list": "search=%00"}, data=form).status_code == 400
            )


class TestExport:
    def test_has_the_columns_that_the_list_shows(self, client, make):
        make.products()
        choose(client, order=["price", "sku", "created_at"], shown=["price"])

        def head(address):
            return client.get(address).text.splitlines()[0].removeprefix("\ufeff")

        assert head("/admin/products/export/") == "price,sku"
        assert head("/admin/products/export/?columns=supplier,sku") == "supplier,sku"


class TestStatement:
    @pytest.mark.parametrize("table", TABLES)
    def test_selects_the_chosen_columns_and_no_other(self, client, app, make, table):
        first(make, table)
        view = views(app)[table]
        key = view.key_column

        for name in view.offered:
            address = f"/admin/{table}/?columns={key},{name}"
            returned = stored.returned(app, lambda address=address: client.get(address))
            (rows,) = (names for names in returned if "_key_0" in names)
            shown = [name for name in rows if not name.startswith("_")]
            assert shown == list(dict.fromkeys(["id", key, name]))

    @pytest.mark.parametrize("table", TABLES)
    def test_can_select_all_that_is_offered(self, client, app, make, table):
        first(make, table)
        names = views(app)[table].offered

        page = visit(client, f"/admin/{table}/", columns=",".join(reversed(names)))

        assert len(page.rows[0]) == len(names)

    def test_reads_no_table_that_nothing_is_shown_of(self, app, client, make):
        make.products(3)
        make.orders(3)

        for address, table in (
            ("/admin/products/?columns=sku,price", "suppliers"),
            ("/admin/products/?columns=sku,supplier", "categories"),
            ("/admin/orders/?columns=number", "customers"),
        ):
            ran = stored.plan(app, lambda address=address: client.get(address))
            (plan,) = ("\n".join(lines) for sql, lines in ran if "_key_0" in sql)
            assert table not in plan, plan

    def test_reads_what_is_shown(self, app, client, make):
        make.products(3)

        ran = stored.plan(app, lambda: client.get("/admin/products/?columns=supplier"))

        (plan,) = ("\n".join(lines) for sql, lines in ran if "_key_0" in sql)
        assert "suppliers" in plan


class TestOptionalColumns:
    @pytest.mark.parametrize("table", TABLES)
    def test_are_selected_by_the_statement_with_all_others(self, apps, table):
        view = views(apps("sqlite"))[table]

        selected = {column.key for column in type(view).statement().selected_columns}

        assert selected == {"id", *view.offered}

    def test_are_remembered_for_so_many_choices_and_no_more(self, apps):
        view = views(apps("sqlite"))["products"]

        for name in view.offered:
            for other in view.offered:
                for third in view.offered[:3]:
                    view.columns_for(tuple(dict.fromkeys(("sku", name, other, third))))

        assert view.columns_for.cache_info().currsize <= 128
