"""Actions on many rows: the preview says what is done, and it is done whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, literal, select, update

from backoffice.database import db
from backoffice.grid.bulk_pages import MOST_IDS
from backoffice.models import HistoryEntry, Product, Supplier
from backoffice.models.columns import Exact, cents
from backoffice.models.history import history_rows
from tests.contents import contents
from tests.factories import PLACED
from tests.pages import Page, visit
from tests.payloads import dealt

FIVE_PERCENT = {"by": "percent", "figure": "5"}


def act(client, action, ids=(), *, left="", table="products", **form):
    """Send one step of an action on ``ids``, or with ``scope="all"`` on a list's ``left``."""
    sent = {"action": action, "scope": "selected", "ids": [str(i) for i in ids], **form}
    return client.post(f"/admin/{table}/action/?{left}", data=sent)


def preview(client, action, ids=(), **form):
    return Page(act(client, action, ids, step="preview", **form))


def confirm(client, page, left="", table="products"):
    """Press the button of a preview."""
    sent = page.form_with("differing") | {"step": "apply"}
    return client.post(f"/admin/{table}/action/?{left}", data=sent)


def do(client, action, ids=(), *, left="", table="products", **form):
    """Look and confirm; what the list says then."""
    page = preview(client, action, ids, left=left, table=table, **form)
    response = confirm(client, page, left, table)
    assert response.status_code == 302, Page(response).text
    return visit(client, response.headers["Location"]).messages


def rows(app, column, model=Product):
    """Natural key -> what ``column`` holds."""
    key = Product.sku if model is Product else Supplier.code
    with app.app_context():
        return dict(db.session.execute(select(key, column).order_by(model.id)).all())


def offered(page):
    """The words of the button that applies, if there is one."""
    return [b.text for b in page.root.all("button", "primary") if b.get("value") == "apply"]


def examples(page):
    return [
        [cell.text for cell in (*row.all("th"), *row.all("td"))]
        for table in page.root.all("table", "examples")
        for body in table.all("tbody")
        for row in body.all("tr")
    ]


class TestPreview:
    def test_says_what_would_change_and_changes_nothing(self, app, client, make):
        ids = make.products(5)
        before = contents(app)

        page = preview(client, "price", ids, **FIVE_PERCENT)

        assert page.status == 200
        assert examples(page) == [
            ["SKU0001", "Product 1", "1.00 → 1.05"],
            ["SKU0002", "Product 2", "2.00 → 2.10"],
            ["SKU0003", "Product 3", "3.00 → 3.15"],
        ]
        assert offered(page) == ["Raise the price of 5 products by 5 %"]
        assert contents(app) == before

    def test_tells_those_that_stay_and_those_that_are_gone(self, app, client, make):
        ids = [*make.products(2), *make.products(3, active=False)]
        with app.app_context():
            db.session.execute(delete(Product).where(Product.id == ids[0]))
            db.session.commit()

        page = preview(client, "deactivate", ids)

        assert "1 product would change" in page.text
        assert "3 are so already and stay as they are" in page.text
        assert "1 of those selected is no longer there" in page.text

    def test_names_what_rows_refer_to(self, client, make):
        make.suppliers(2)
        ids = make.products(1, category_id=make.categories(name="Tea")[0])

        moved = preview(client, "supplier", ids, supplier="sup2")
        freed = preview(client, "category", ids, category="")

        assert examples(moved) == [["SKU0001", "Product 1", "Supplier 1 → Supplier 2"]]
        assert offered(moved) == ["Move 1 product to Supplier 2"]
        assert examples(freed) == [["SKU0001", "Product 1", "Tea → –"]]

    def test_offers_nothing_where_nothing_would_change(self, client, make):
        page = preview(client, "activate", make.products(2))

        assert "Nothing to change" in page.text
        assert offered(page) == []

    def test_describes_the_filter(self, client, make):
        make.products(2)

        page = preview(client, "deactivate", scope="all", left="search=Product&active=yes")

        assert "All products that match search “Product”, Active: Yes" in page.text


class TestChange:
    def test_is_what_the_preview_said(self, app, client, make):
        ids = make.products(5)

        messages = do(client, "price", ids[1:4], **FIVE_PERCENT)

        assert messages == ["3 products: price raised by 5 %."]
        assert [str(price) for price in rows(app, Product.price).values()] == [
            *("1.0000", "2.1000", "3.1500", "4.2000", "5.0000")
        ]

    def test_writes_only_rows_that_differ(self, app, client, make):
        ids = [*make.products(2), *make.products(2, active=False)]

        do(client, "deactivate", ids)

        assert list(rows(app, Product.active).values()) == [False] * 4
        assert list(rows(app, Product.version).values()) == [2, 2, 1, 1]
        moments = list(rows(app, Product.updated_at).values())
        assert moments[0] == moments[1] > datetime.now(UTC) - timedelta(minutes=1)
        assert moments[2:] == [PLACED + timedelta(minutes=n) for n in (3, 4)]

    @pytest.mark.parametrize(
        ("action", "form", "column", "values"),
        [
            ("price", {"by": "percent", "figure": "-100"}, Product.price, [0, 0]),
            ("price", {"by": "amount", "figure": "-0.5"}, Product.price, ["0.5", "1.5"]),
            ("price", {"by": "amount", "figure": "0.0001"}, Product.price, ["1.0001", "2.0001"]),
        ],
    )
    def test_of_prices_is_exact(self, app, client, make, action, form, column, values):
        do(client, action, make.products(2), **form)

        assert list(rows(app, column).values()) == [Decimal(value) for value in values]

    def test_moves_to_another_supplier_and_category_and_out_of_it(self, app, client, make):
        first, second = make.suppliers(2)
        tea = make.categories(name="Tea")[0]
        ids = make.products(2, supplier_id=first)

        do(client, "supplier", ids, supplier="SUP2")
        assert list(rows(app, Product.supplier_id).values()) == [second, second]
        do(client, "category", ids, category="Tea")
        assert list(rows(app, Product.category_id).values()) == [tea, tea]
        do(client, "category", ids[:1], category="")
        assert list(rows(app, Product.category_id).values()) == [None, tea]

    def test_of_suppliers(self, app, client, make):
        ids = make.suppliers(3)

        messages = do(client, "deactivate", ids[:2], table="suppliers")

        assert messages == ["2 suppliers: deactivated."]
        assert list(rows(app, Supplier.active, Supplier).values()) == [False, False, True]

    def test_costs_the_same_for_3_rows_and_for_300(self, client, make, statements):
        make.products(3)
        few, many = "search=SKU000", "search=SKU"

        ran = []
        for left in (few, many):
            form = {"scope": "all", "left": left}
            with statements() as looked:
                page = preview(client, "price", **form, **FIVE_PERCENT)
            with statements() as wrote:
                confirm(client, page, left)
            ran.append((looked, wrote))
            make.products(300, name="More")

        (looked, wrote), (looked_more, wrote_more) = ran
        assert len(looked) == len(looked_more)
        assert len(wrote) == len(wrote_more), "\n".join(wrote_more)
        assert sum(sql.startswith("UPDATE products") for sql in wrote_more) == 1
        assert sum(sql.startswith("INSERT INTO history ") for sql in wrote_more) == 1


class TestWholeFilter:
    def test_changes_what_the_list_shows_and_nothing_else(self, app, client, make):
        make.suppliers(2)
        make.products(60, name="Green tea")
        make.products(3, name="Green tea", active=False)
        make.products(3, name="Coffee")
        left = "search=tea&active=yes&supplier=SUP1&sort=price&page_size=25"
        shown = visit(client, f"/admin/products/?{left}")
        before = rows(app, Product.price)

        messages = do(client, "price", scope="all", left=left, **FIVE_PERCENT)

        after = rows(app, Product.price)
        assert messages == ["60 products: price raised by 5 %."]
        assert {sku for sku in after if after[sku] != before[sku]} == {
            f"SKU{n:04}" for n in range(1, 61)
        }
        assert set(shown.keys) <= {f"SKU{n:04}" for n in range(1, 61)}

    def test_is_meant_whatever_page_of_it_is_shown(self, app, client, make):
        make.products(60)
        following = visit(client, "/admin/products/?page_size=25").links["next"]

        do(client, "deactivate", scope="all", left=following.partition("?")[2])

        assert set(rows(app, Product.active).values()) == {False}

    def test_is_a_short_request(self, client, make):
        make.products(60)
        page = preview(client, "price", scope="all", **FIVE_PERCENT)

        assert len(urlencode(page.form_with("differing"))) < 2_000

    def test_that_was_not_understood_changes_nothing(self, app, client, make):
        make.products(3)
        before = contents(app)

        response = act(client, "deactivate", scope="all", left="active=nonsense", step="preview")

        assert response.status_code == 302
        messages = visit(client, response.headers["Location"]).messages
        assert "was not understood, and nothing was changed" in messages[0]
        assert contents(app) == before


class TestRowsMeant:
    """By what a script keeps the selection of a list."""

    def of(self, client, left):
        page = visit(client, f"/admin/products/?{left}")
        (form,) = (form for form in page.root.all("form") if form.get("id") == "bulk")
        return form.attributes["data-rows"]

    def test_are_the_same_on_every_page_in_any_order_and_columns(self, client, make):
        make.products(60)
        narrowed = "search=SKU&supplier=SUP1&active=yes"
        following = visit(client, f"/admin/products/?page_size=25&{narrowed}").links["next"]

        for left in (
            narrowed,
            "active=yes&active=yes&supplier=SUP1&search=+SKU",
            f"{narrowed}&sort=price&desc=1&page_size=100&columns=sku,price&totals=1&category=",
            f"{narrowed}&at=2027-01-01",
            following.partition("?")[2],
        ):
            assert self.of(client, left) == "active=yes&search=SKU&supplier=SUP1"

    def test_are_others_by_another_search_or_filter(self, client, make):
        make.products(3)

        assert self.of(client, "") == ""
        assert self.of(client, "search=SKU000") == "search=SKU000"
        assert self.of(client, "search=SKU000&active=yes") == "active=yes&search=SKU000"


class TestHistory:
    def test_shows_the_change_on_the_page_of_each_row_changed(self, app, client, make):
        ids = make.products(4)

        do(client, "price", ids[:3], **FIVE_PERCENT)

        for row_id in ids[:3]:
            (entry,) = visit(client, "/admin/products/details/", id=row_id).history
            assert entry.startswith("Changed with 2 others by admin@example.com")
            assert entry.endswith("Price raised by 5 %")
        assert visit(client, "/admin/products/details/", id=ids[3]).history == []
        with app.app_context():
            (kept,) = db.session.scalars(select(HistoryEntry)).all()
            assert (kept.action, kept.row_id, kept.changes) == ("bulk", None, {"rows": 3})
            count = select(func.count()).select_from(history_rows)
            assert db.session.scalar(count) == 3

    def test_says_nothing_of_others_where_there_are_none(self, client, make):
        ids = make.products(2)

        do(client, "deactivate", ids[:1])

        (entry,) = visit(client, "/admin/products/details/", id=ids[0]).history
        assert entry.startswith("Changed by admin@example.com")


class TestRefusedRows:
    def test_are_named_with_the_reason_and_keep_all_from_changing(self, app, client, make):
        ids = make.products(15)  # at 1.00 to 15.00
        before = contents(app)

        page = preview(client, "price", ids, by="amount", figure="-12")
        response = Page(confirm(client, page))

        assert offered(page) == []
        assert "11 products cannot be changed so, and therefore none is" in page.text
        assert "SKU0001 price 1.00 → -11.00: Must be from 0 to 99,999,999.9999." in page.text
        assert "SKU0010 price" in page.text
        assert "SKU0011" not in page.text
        assert "and 1 more" in page.text
        assert response.status == 409
        assert "Nothing was changed: a rule was broken." in response.messages[0]
        assert "SKU0001 price 1.00 → -11.00" in response.text
        assert contents(app) == before

    @pytest.mark.parametrize("form", [{"by": "amount", "figure": "1"}, FIVE_PERCENT])
    def test_are_those_that_become_too_dear(self, app, client, make, form):
        dear = make.products(1, price=Decimal("99999999.9999"))
        before = contents(app)

        page = preview(client, "price", dear, **form)
        tried = confirm(client, page)

        assert "SKU0001 price 99,999,999.9999 → 10" in page.text
        assert tried.status_code == 409
        assert contents(app) == before

    def test_are_refused_however_large_they_become(self, app, client, make):
        dear = make.products(1, price=Decimal("99999999.9999"))
        page = preview(client, "price", dear, by="percent", figure="1000")

        assert offered(page) == []
        assert confirm(client, page).status_code == 409


class TestMeanwhile:
    def changed(self, app, row_id, **values):
        with app.app_context():
            moment = {"updated_at": datetime.now(UTC), "version": Product.version + 1}
            db.session.execute(update(Product).where(Product.id == row_id).values(moment | values))
            db.session.commit()

    def test_a_row_changed_so_nothing_is(self, app, client, make):
        ids = make.products(3)
        page = preview(client, "price", ids, **FIVE_PERCENT)
        self.changed(app, ids[0], price=Decimal(100))
        before = contents(app)

        again = Page(confirm(client, page))

        assert again.status == 409
        assert "in the meantime somebody changed these rows" in again.messages[0]
        assert examples(again)[0][2] == "100.00 → 105.00"
        assert contents(app) == before
        assert confirm(client, again).status_code == 302

    def test_a_row_came_and_another_went_so_nothing_is_changed(self, app, client, make):
        ids = make.products(3)
        page = preview(client, "deactivate", scope="all", left="search=SKU&active=yes")
        self.changed(app, ids[0], active=False)
        make.products(1, updated_at=datetime.now(UTC))
        before = contents(app)

        again = Page(confirm(client, page, "search=SKU&active=yes"))

        assert again.status == 409
        assert contents(app) == before

    def test_a_row_was_changed_by_a_clock_that_was_behind_so_nothing_is(self, app, client, make):
        ids = make.products(3)
        page = preview(client, "price", ids, **FIVE_PERCENT)
        self.changed(app, ids[0], price=Decimal(100), updated_at=PLACED)
        before = contents(app)

        again = Page(confirm(client, page))

        assert again.status == 409
        assert examples(again)[0][2] == "100.00 → 105.00"
        assert contents(app) == before

    def test_another_row_took_the_place_of_one_so_nothing_is_changed(self, app, client, make):
        ids = make.products(3)
        page = preview(client, "deactivate", scope="all", left="search=SKU&active=yes")
        self.changed(app, ids[0], active=False)
        make.products(1, updated_at=PLACED)
        before = contents(app)

        again = Page(confirm(client, page, "search=SKU&active=yes"))

        assert again.status == 409
        assert [row[0] for row in examples(again)] == ["SKU0002", "SKU0003", "SKU0004"]
        assert contents(app) == before

    def test_the_form_was_sent_twice_and_is_taken_once(self, app, client, make):
        page = preview(client, "price", make.products(2), **FIVE_PERCENT)

        first, second = confirm(client, page), confirm(client, page)

        assert (first.status_code, second.status_code) == (302, 409)
        assert list(rows(app, Product.price).values()) == [Decimal("1.05"), Decimal("2.1")]

    def test_a_clock_was_ahead_and_still_it_is_taken_once(self, app, client, make):
        ahead = datetime.now(UTC) + timedelta(hours=1)
        page = preview(client, "price", make.products(2, updated_at=ahead), **FIVE_PERCENT)

        assert confirm(client, page).status_code == 302
        assert confirm(client, page).status_code == 409
        assert min(rows(app, Product.updated_at).values()) > ahead

    def test_the_supplier_was_deleted(self, app, client, make):
        make.suppliers(2)
        page = preview(client, "supplier", make.products(2), supplier="SUP2")
        with app.app_context():
            db.session.execute(delete(Supplier).where(Supplier.code == "SUP2"))
            db.session.commit()

        again = Page(confirm(client, page))

        assert again.status == 422
        assert "There is no supplier 'SUP2'" in again.errors["supplier"]


class TestBusyRow:
    @pytest.fixture
    def app(self, new_app):
        """Nobody waits long for a lock there."""
        return new_app("postgresql", lock_timeout_ms=100)

    def test_stops_all_and_says_so(self, app, client, make):
        ids = make.products(3)
        page = preview(client, "deactivate", ids)

        with app.app_context(), db.engine.connect() as somebody:
            somebody.execute(update(Product).where(Product.id == ids[2]).values(stock=1))
            response = confirm(client, page)

        assert response.status_code == 503
        assert "nothing was saved" in response.text
        assert set(rows(app, Product.active).values()) == {True}
        assert confirm(client, page).status_code == 302


class TestWhoMay:
    def test_act_on_selected_rows_and_on_all(self, app, sign_in, make):
        ids = make.products(2)

        said = {
            role: (
                act(client := sign_in(role), "deactivate", ids, step="preview").status_code,
                act(client, "deactivate", scope="all", step="preview").status_code,
                "Change price" in client.get("/admin/products/").text,
                'value="all"' in client.get("/admin/products/").text,
            )
            for role in ("viewer", "editor", "manager")
        }

        assert said == {
            "viewer": (403, 403, False, False),
            "editor": (200, 403, True, False),
            "manager": (200, 200, True, True),
        }

    def test_change_nothing_beyond_their_role(self, app, sign_in, make):
        make.products(2)
        form = preview(sign_in("manager"), "deactivate", scope="all").form_with("differing")
        del form["csrf_token"]  # each has one of their own
        viewer, editor = sign_in("viewer"), sign_in("editor")
        before = contents(app)

        for client in (viewer, editor):
            refused = client.post("/admin/products/action/", data=form | {"step": "apply"})
            assert refused.status_code == 403

        assert contents(app) == before

    def test_lists_without_actions_have_no_check_boxes(self, client, make):
        make.categories(2)

        assert 'name="ids"' not in client.get("/admin/categories/").text
        assert client.get("/admin/categories/action/").status_code == 404


class TestNonsense:
    def test_is_told_and_changes_nothing(self, app, client, make):
        ids = make.products(2)
        before = contents(app)

        for form, status in (
            ({}, 400),
            ({"action": "explode", "scope": "selected", "ids": "1"}, 400),
            ({"action": "activate", "scope": "nonsense", "ids": "1"}, 400),
            ({"action": "activate", "scope": "selected", "ids": "1,x"}, 400),
            ({"action": "activate", "scope": "selected", "ids": "9" * 30}, 400),
            ({"action": "activate", "scope": "selected"}, 302),
            ({"action": "activate", "scope": "selected", "ids": "0"}, 400),
            ({"action": "deactivate", "scope": "selected", "ids": ids, "step": "apply"}, 409),
            ({"action": "price", "scope": "selected", "ids": ids, "step": "apply"}, 422),
            ({"action": "price", "scope": "selected", "ids": ids, "step": "explode"}, 200),
        ):
            assert client.post("/admin/products/action/", data=form).status_code == status, form
        assert contents(app) == before

    def test_of_an_old_page_leads_back_to_the_list(self, client, make):
        response = client.get("/admin/products/action/?search=tea")

        assert response.headers["Location"] == "/admin/products/?search=tea"

    def test_selects_no_more_than_it_may(self, client, make):
        many = ",".join(map(str, range(1, MOST_IDS + 2)))
        response = act(client, "deactivate", ids=[many], step="preview")

        messages = visit(client, response.headers["Location"]).messages
        assert messages == ["Select 10,000 products at most, or all that match a filter."]
        most = act(client, "deactivate", ids=[many.rpartition(",")[0]], step="preview")
        assert most.status_code == 200

    @pytest.mark.parametrize(
        ("by", "figure", "says"),
        [
            ("percent", "1000.01", "Must be from -100 to 1,000 percent."),
            ("percent", "-100.01", "Must be from -100 to 1,000 percent."),
            ("percent", "1.005", "Write at most two decimals of a percent."),
            ("percent", "0", "That changes nothing."),
            ("amount", "1.00001", "At most four decimals are kept."),
            ("amount", "", "This field is required."),
            (
                "amount",
                "1,5",
                "Write decimals with a point and thousands without a comma: 1234.50.",
            ),
        ],
    )
    def test_in_a_parameter_is_told_beside_it(self, client, make, by, figure, says):
        page = preview(client, "price", make.products(1), by=by, figure=figure)

        assert (page.status, page.errors) == (422, {"figure": says})

    @pytest.mark.parametrize(
        "name",
        ["ids", "action", "scope", "step", "by", "newest", "differing", "id_sum", "version_sum"],
    )
    def test_is_survived(self, client, make, name):
        ids = make.products(2)
        good = {"action": "price", "scope": "selected", "ids": ids, "step": "apply"}
        good |= FIVE_PERCENT | {"differing": "2", "newest": PLACED.isoformat()}
        good |= {"id_sum": str(sum(ids)), "version_sum": "2"}

        for text in (*dealt(0, 40), "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+23:59"):
            response = client.post("/admin/products/action/", data=good | {name: text})

            assert response.status_code < 500, text

    @pytest.mark.parametrize("name", ["figure", "supplier", "category"])
    def test_in_any_parameter_is_survived(self, client, make, name):
        ids = make.products(2)
        action = "price" if name == "figure" else name

        for text in dealt(len(name) % 3, 20):
            form = {"by": ("percent", "amount")[len(text) % 2], name: text}
            assert act(client, action, ids, step="preview", **form).status_code < 500, text


class TestCents:
    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        price=st.decimals("0", "99999999.9999", places=4),
        percent=st.decimals("-100", "1000", places=2),
    )
    def test_are_half_up_on_both_databases(self, session, price, percent):
        factor = 1 + percent / 100

        computed = session.scalar(select(cents(literal(price, Exact()), literal(factor, Exact()))))

        assert computed == (price * factor).quantize(Decimal("0.01"), ROUND_HALF_UP)

    @pytest.mark.parametrize(
        ("price", "factor", "expected"),
        [
            ("0.05", "1.1", "0.06"),  # 0.055
            ("0.0050", "1", "0.01"),
            ("0.0049", "1.02", "0.00"),  # 0.004998
            ("1.0050", "1", "1.01"),  # binary fractions make 1.00 of it
            ("99999999.9999", "11", "1100000000.00"),
            ("99999999.9999", "0", "0.00"),
        ],
    )
    def test_are_known(self, session, price, factor, expected):
        a, b = (literal(Decimal(text), Exact()) for text in (price, factor))

        assert session.scalar(select(cents(a, b))) == Decimal(expected)
