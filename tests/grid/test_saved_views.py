"""Saved views: one's own, shared ones, tabs above the list."""

import pytest
from sqlalchemy import delete, func, insert, select

from backoffice.database import analyze, db
from backoffice.models import ROLES, SavedView, User
from tests import stored
from tests.budgets import BUDGETS
from tests.grid.sections import TABLES
from tests.pages import Page, visit
from tests.payloads import payloads

LIST = "/admin/products/"
VIEWS = "/admin/products/views/"
HARMFUL = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'-alert(1)-'<b>")
NAMES = (
    *HARMFUL,
    *[text for text in payloads() if "<" in text and text == text.strip() and len(text) < 80][::40],
)
ON_POSTGRESQL = pytest.mark.parametrize("app", ["postgresql"], indirect=True)  # SQLite queues
DEAR = {"name": "Dear", "query": "sort=price&desc=1"}


@pytest.fixture
def browser(sign_in):
    """A browser of somebody with a role, signed in once."""
    browsers = {}

    def browser(role):
        if role not in browsers:
            browsers[role] = sign_in(role)
        return browsers[role]

    return browser


def keep(client, address=VIEWS, **form):
    return client.post(address, data={**DEAR, **form})


def tabs(page):
    """Tab -> its address."""
    (bar,) = (nav for nav in page.root.all("nav") if nav.get("aria-label") == "Views")
    return {link.text: link for link in bar.all("a")}


def current(page):
    return [name for name, link in tabs(page).items() if link.get("aria-current")]


def one(app):
    return stored.newest(app, SavedView)


def change(client, view_id, do, address=VIEWS, **form):
    return client.post(f"{address}?id={view_id}", data={"do": do, **form})


class TestSaving:
    def test_keeps_search_filters_and_order_and_leads_to_the_view(self, app, client, make):
        make.products(2)

        saved = keep(
            client, name=" Dear ones ", query="sort=price&desc=1&search=Product&active=yes"
        )

        page = visit(client, saved.headers["Location"])
        assert page.messages == ["View Dear ones was saved."]
        assert page.keys == ["SKU0002", "SKU0001"]
        assert one(app).query == "active=yes&desc=1&search=Product&sort=price"
        assert not one(app).shared
        assert current(page) == ["Dear ones"]

    def test_leaves_the_page_out_and_what_makes_no_sense(self, app, client):
        keep(client, query="search=x&page_size=25&after=abc&row=7&active=perhaps&nonsense=1")

        assert one(app).query == "search=x"

    def test_keeps_columns_where_that_was_asked_for(self, app, client, make):
        make.products()

        keep(client, query="sort=price&desc=0&columns=sku,stock,gone", columns="y")

        assert one(app).query == "columns=sku%2Cstock&desc=0&sort=price"
        keep(client, query="sort=price&desc=0&columns=sku,stock")
        assert one(app).query == "desc=0&sort=price"

    def test_under_a_name_of_ones_own_replaces_that_view(self, app, client):
        keep(client)

        again = Page(
            client.post(
                VIEWS, data={**DEAR, "query": "sort=name", "shared": "y"}, follow_redirects=True
            )
        )

        assert again.messages[-1] == "View Dear was replaced."
        assert stored.count(app, SavedView) == 1
        assert (one(app).query, one(app).shared) == ("desc=0&sort=name", True)

    @ON_POSTGRESQL
    def test_under_the_name_of_a_view_that_was_deleted_just_now_makes_it_anew(
        self, app, client, before_writing
    ):
        keep(client)
        before_writing("DELETE FROM saved_views")

        keep(client, query="sort=name")

        assert one(app).query == "desc=0&sort=name"
        assert stored.count(app, SavedView) == 1

    def test_under_the_name_of_somebody_elses_view_makes_another(self, app, browser):
        keep(browser("editor"), shared="y")

        keep(browser("viewer"), query="sort=name")

        assert stored.count(app, SavedView) == 2

    @pytest.mark.parametrize(
        ("form", "says"),
        [
            ({"name": ""}, "This field is required."),
            ({"name": " \t "}, "This field is required."),
            ({"name": "a" * 81}, "cannot be longer than 80 characters"),
        ],
    )
    def test_needs_a_name_that_fits(self, app, client, form, says):
        page = Page(keep(client, **form, shared="y"))

        assert page.status == 422
        assert says in page.errors["name"]
        (query,) = [i.get("value") for i in page.root.all("input") if i.get("name") == "query"]
        assert query == DEAR["query"]
        assert stored.count(app, SavedView) == 0

    @pytest.mark.parametrize(
        ("query", "says"),
        [
            ("", "This is all of the list"),
            ("page_size=100&nonsense=1", "This is all of the list"),
            ("category=" + "a" * 3_000, "too long to keep"),
        ],
    )
    def test_needs_something_to_keep(self, app, client, query, says):
        page = Page(keep(client, query=query))

        assert page.status == 422
        assert says in page.text
        assert stored.count(app, SavedView) == 0

    def test_ends_at_fifty_views_of_one_list(self, app, client):
        fill(app, 50)

        refused = Page(keep(client))
        elsewhere = keep(client, "/admin/suppliers/views/", query="search=x")
        replaced = keep(client, name="View 07")

        assert refused.status == 422
        assert "You have 50 views: delete one first." in refused.text
        assert (elsewhere.status_code, replaced.status_code) == (302, 302)

    @pytest.mark.parametrize("text", NAMES)
    def test_shows_any_name_as_text(self, client, text):
        saved = keep(client, name=text, query="search=x")

        assert saved.status_code == 302
        for address in (LIST, VIEWS, saved.headers["Location"]):
            response = client.get(address)
            assert text not in response.text
            assert text in [link.raw for link in Page(response).root.all("a")]

    @pytest.mark.parametrize("text", payloads()[::25])
    def test_takes_anything_for_what_to_keep(self, client, text):
        for query in (text, f"search={text}", f"columns={text}", f"sort={text}&supplier={text}"):
            saved = keep(client, query=query, name=text)

            assert saved.status_code in (302, 400, 422), query
            if saved.status_code == 302:
                assert client.get(saved.headers["Location"]).status_code == 200, query


class TestTabs:
    def test_are_ones_own_and_then_the_shared_ones_of_others(self, browser):
        ann, bob = browser("editor"), browser("viewer")
        keep(ann, name="Ann's own")
        keep(ann, name="Anybody's", shared="y", query="sort=name")
        keep(bob, name="Zoe", query="search=z")
        keep(bob, name="Cheap", query="sort=price", shared="y")
        keep(bob, "/admin/suppliers/views/", name="Elsewhere", query="search=z", shared="y")

        seen = tabs(visit(bob, LIST))

        assert list(seen) == ["All", "Cheap", "Zoe", "Anybody's"]
        assert seen["Anybody's"].get("title") == "Shared by editor@example.com"
        assert seen["Cheap"].get("title") == ""
        assert list(tabs(visit(ann, LIST))) == ["All", "Ann's own", "Anybody's", "Cheap"]
        assert list(tabs(visit(ann, "/admin/suppliers/"))) == ["All", "Elsewhere"]

    def test_mark_the_view_that_the_list_shows_however_its_address_is_written(self, client, make):
        make.products(60)
        keep(client, query="search=Product&sort=price&desc=1")

        for address in (
            "?search=Product&sort=price&desc=1",
            "?sort=-price&search=+Product+&active=",
            "?desc=1&sort=price&search=Product&page_size=25",
        ):
            page = visit(client, LIST + address)
            assert current(page) == ["Dear"], address
        assert current(visit(client, page.links["next"])) == ["Dear"]
        assert current(visit(client, f"{LIST}?search=Product")) == []
        assert current(visit(client, f"{LIST}?sort=updated_at&desc=1")) == ["All"]

    def test_mark_one_of_two_that_show_the_same(self, client):
        keep(client)
        keep(client, name="The same")

        assert current(visit(client, f"{LIST}?{DEAR['query']}")) == ["Dear"]

    def test_are_fifty_at_most(self, app, browser):
        browser("editor")
        fill(app, 60, shared=True)

        seen = list(tabs(visit(browser("viewer"), LIST)))

        assert seen == ["All", *(f"View {n:02}" for n in range(50))]

    @pytest.mark.parametrize("table", TABLES)
    def test_cost_one_statement_however_many(self, app, client, make, statements, table):
        getattr(make, table)()
        with statements() as for_none:
            visit(client, f"/admin/{table}/")
        fill(app, 40, list=table)

        with statements() as ran:
            page = visit(client, f"/admin/{table}/")
        with statements() as for_page:
            visit(client, f"/admin/{table}/views/")

        assert len(tabs(page)) == 41
        assert len(ran) == len(for_none) <= BUDGETS[f"/admin/{table}/"].statements
        assert len([sql for sql in ran if "saved_views" in sql]) == 1
        assert len(for_page) == BUDGETS[f"/admin/{table}/views/"].statements

    def test_are_read_from_indexes(self, app, client):
        client.get(LIST)
        with app.app_context():
            names = [f"user-{n}" for n in range(200)]
            people = [{"email": name, "role": "viewer", "fs_uniquifier": name} for name in names]
            ids = db.session.scalars(insert(User).returning(User.id), people).all()
            values = {"list": "products", "query": "search=x"}
            rows = [{"user_id": i, "name": f"V{n}", **values} for i in ids for n in range(25)]
            db.session.execute(insert(SavedView), rows)
            db.session.commit()
            with db.engine.begin() as connection:
                analyze(connection, ["users", "saved_views"])

        ran = stored.plan(app, lambda: client.get(LIST))

        (plan,) = ("\n".join(lines) for sql, lines in ran if "saved_views" in sql)
        assert "uq_saved_views_user_id_list_name" in plan or "sqlite_autoindex" in plan, plan
        assert "ix_saved_views_list_shared_name_id" in plan

    def test_open_a_view_that_no_longer_makes_sense(self, app, client, make):
        make.products()
        fill(app, 1, query="columns=gone%2Csku&sort=gone")

        page = visit(client, tabs(visit(client, LIST))["View 00"].get("href"))

        assert page.status == 400
        assert len(page.messages) == 2
        assert page.rows == [["SKU0001"]]


class TestChanging:
    def test_renames(self, app, client):
        keep(client)

        page = Page(change(client, one(app).id, "rename", name="Dearest"))

        assert page.status == 302
        assert visit(client, VIEWS).messages[-1] == "View Dear is called Dearest now."
        assert one(app).name == "Dearest"

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("Other", "Another view of yours has this name."),
            ("", "This field is required."),
            ("b" * 81, "Field cannot be longer than 80 characters."),
        ],
    )
    def test_refuses_a_name_beside_it(self, app, client, name, says):
        keep(client, name="Other")
        keep(client)
        view_id = one(app).id

        page = Page(change(client, view_id, "rename", name=name))

        assert page.status == 422
        assert page.errors == {f"name-{view_id}": says}
        assert one(app).name == "Dear"
        (typed,) = [i for i in page.root.all("input") if i.get("id") == f"name-{view_id}"]
        assert typed.get("value") == name

    def test_shares_and_stops_sharing(self, app, browser):
        ann, bob = browser("editor"), browser("viewer")
        keep(ann)
        view_id = one(app).id

        assert "Dear" not in tabs(visit(bob, LIST))
        change(ann, view_id, "share")
        assert "Dear" in tabs(visit(bob, LIST))
        change(ann, view_id, "unshare")
        assert "Dear" not in tabs(visit(bob, LIST))

    def test_deletes(self, app, client):
        keep(client)

        change(client, one(app).id, "delete")

        assert stored.count(app, SavedView) == 0
        assert visit(client, VIEWS).messages[-1] == "View Dear was deleted."
        assert stored.entries(app) == []

    @ON_POSTGRESQL
    @pytest.mark.parametrize("do", ["rename", "share"])
    def test_of_a_view_that_was_deleted_just_now_says_so(self, app, client, before_writing, do):
        keep(client)
        view_id = one(app).id
        before_writing("DELETE FROM saved_views")

        page = Page(change(client, view_id, do, name="Dearest"))

        assert page.status == 404
        assert "There is no such view; it may have been deleted." in page.text
        assert page.messages == ["View Dear was saved."]

    @ON_POSTGRESQL
    def test_deletes_what_was_deleted_just_now(self, app, client, before_writing):
        keep(client)
        view_id = one(app).id
        before_writing("DELETE FROM saved_views")

        change(client, view_id, "delete")

        assert visit(client, VIEWS).messages[-1] == "View Dear was deleted."

    @pytest.mark.parametrize("role", ROLES)
    def test_is_open_to_every_role_for_its_own(self, app, browser, role):
        keep(browser(role), shared="y")

        for do in ("unshare", "share", "delete"):
            assert change(browser(role), one(app).id, do).status_code == 302

        assert stored.count(app, SavedView) == 0

    @pytest.mark.parametrize("role", ["viewer", "manager", "admin"])
    @pytest.mark.parametrize("do", ["rename", "share", "unshare", "delete", "nonsense"])
    def test_of_anothers_shared_view_is_for_admins_and_deleting(self, app, browser, role, do):
        keep(browser("editor"), shared="y")
        before = stored.columns(app, SavedView, one(app).id)

        answer = change(browser(role), before["id"], do, name="Mine")

        if (role, do) == ("admin", "delete"):
            assert answer.status_code == 302
            (entry,) = stored.entries(app)
            assert (entry.actor, entry.action, entry.label) == (
                "admin@example.com",
                "delete",
                "Dear",
            )
            assert entry.changes["owner"] == ["editor@example.com", None]
        else:
            assert answer.status_code == 403
            assert stored.columns(app, SavedView, before["id"]) == before

    def test_is_offered_to_those_who_may(self, browser):
        keep(browser("editor"), shared="y")

        def buttons(role):
            page = visit(browser(role), VIEWS)
            return [button.text for button in page.root.all("button") if button.get("name") == "do"]

        assert buttons("viewer") == []
        assert buttons("admin") == ["Delete for everybody"]
        assert buttons("editor") == ["Rename", "Stop sharing", "Delete for everybody"]

    @pytest.mark.parametrize("do", ["rename", "share", "delete", ""])
    def test_does_not_tell_of_anothers_own_view(self, app, browser, do):
        keep(browser("editor"))

        answer = change(browser("admin"), one(app).id, do, name="x")

        assert answer.status_code == 404
        assert "Dear" not in visit(browser("admin"), VIEWS).text
        assert one(app).name == "Dear"

    def test_does_not_reach_a_view_of_another_list(self, app, client):
        keep(client)

        for do in ("delete", "share"):
            answer = change(client, one(app).id, do, "/admin/orders/views/")
            assert answer.status_code == 404

    @pytest.mark.parametrize(
        "view_id", ["0", "-1", "x", "", "1.5", "9" * 19, "9" * 30, "9" * 5_000, "٣", "1 OR 1=1"]
    )
    def test_of_what_there_is_not_says_so(self, client, view_id):
        keep(client)

        assert change(client, view_id, "delete").status_code == 404

    @pytest.mark.parametrize("do", ["", "drop", "Delete"])
    def test_in_no_known_way_is_refused(self, app, client, do):
        keep(client)

        assert change(client, one(app).id, do).status_code == 400
        assert stored.count(app, SavedView) == 1

    def test_needs_the_token_of_the_session(self, app, client):
        keep(client)
        address = f"{VIEWS}?id={one(app).id}"

        refused = client.post(address, data={"do": "delete"}, csrf=False)

        assert refused.status_code == 400
        assert stored.count(app, SavedView) == 1

    def test_of_a_list_that_there_is_not_is_nowhere(self, client):
        assert client.get("/admin/nothing/views/").status_code == 404
        assert client.post("/admin/nothing/views/", data=DEAR).status_code == 404


class TestOwner:
    def test_takes_their_views_along(self, app, client):
        keep(client)

        with app.app_context():
            db.session.execute(delete(User))
            db.session.commit()

        assert stored.count(app, SavedView) == 0


def fill(app, count, **values):
    """``count`` views of the first user."""
    with app.app_context():
        user_id = db.session.scalar(select(func.min(User.id)))
        rows = [
            {"user_id": user_id, "name": f"View {n:02}", "list": "products", "query": f"search={n}"}
            | values
            for n in range(count)
        ]
        db.session.execute(insert(SavedView), rows)
        db.session.commit()
