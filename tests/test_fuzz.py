"""No address and no form makes the back office fail, and what it stores it shows escaped."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from functools import partial
from html import escape
from itertools import cycle
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backoffice.database import db
from backoffice.models import Category, Order, Product, Supplier
from tests.payloads import dealt, payloads

SECTIONS = ("products", "suppliers", "categories", "orders", "customers")

few = partial(
    settings,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

texts = st.one_of(
    st.sampled_from(payloads()),
    st.text(max_size=60),
    st.integers().map(str),
    st.floats().map(str),
    st.decimals(allow_nan=True).map(str),
)

LIST_ARGUMENTS = (
    *("search", "sort", "desc", "after", "before", "page_size", "columns"),
    *("active", "supplier", "category", "name", "country", "status", "customer", "at", "totals"),
    *("name.begins", "name.contains", "category.empty", "reorder", "stock", "price.from"),
    *("price.to", "updated_at.from", "updated_at.before", "placed_at.from", "shipped_at.before"),
    "row",
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
moments = st.sampled_from(
    [
        "2026-01-01T00:00:00+00:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-01-01",
        "2026-01-01T00:00:00",
    ]
)
sort_names = st.sampled_from(["updated_at", "price", "sku", "name", "number", "placed_at", "code"])

FIELDS = {
    "categories": ("name", "description"),
    "suppliers": ("code", "name", "email", "street", "active"),
    "customers": ("code", "name", "phone", "postal_code", "country"),
    "products": (
        *("sku", "name", "supplier", "category", "price", "stock", "reorder_level"),
        *("active", "description"),
    ),
    "orders": (
        *("number", "customer", "status", "placed_at", "shipped_at", "note", "ship_name"),
        *("lines-0-id", "lines-0-product", "lines-0-quantity", "lines-0-unit_price"),
        *("lines-0-discount", "lines-0-remove", "lines-1-product", "lines-99999-product"),
        *("lines-x-product", "lines-1-quantity", "lines-1-unit_price", "add_line"),
    ),
}

GOOD = {
    "categories": {"name": "Spices"},
    "suppliers": {"code": "S", "name": "Supplier"},
    "customers": {"code": "C", "name": "Customer"},
    "products": {
        "sku": "P",
        "name": "Product",
        "supplier": "SUP1",
        "price": "1",
        "stock": "1",
        "reorder_level": "0",
    },
    "orders": {
        "number": "N",
        "status": "draft",
        "placed_at": "2026-01-01",
        "lines-0-product": "SKU0001",
        "lines-0-quantity": "1",
        "lines-0-unit_price": "1",
        "lines-0-discount": "0",
    },
}


def survives(response) -> bool:
    response.close()
    return response.status_code < 500


@pytest.fixture(params=[0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def third(request) -> int:
    """One in the usual run, the others with `-m slow`."""
    return request.param


@pytest.fixture(name="dealt")
def third_of_a_share(third) -> Callable[..., tuple[str, ...]]:
    return partial(dealt, part=third, parts=3)


@pytest.fixture
def filled(make) -> dict[str, int]:
    """Some rows in every table; section -> the id of one."""
    return {
        "suppliers": make.suppliers(3)[0],
        "categories": make.categories(3)[0],
        "products": make.products(3)[0],
        "customers": make.customers(3)[0],
        "orders": make.orders(3)[0],
    }


class TestAddress:
    @pytest.mark.parametrize("section", SECTIONS)
    def test_of_a_list_takes_every_payload_in_every_argument(self, client, filled, section, dealt):
        names = cycle(("search", "after", "supplier" if section == "products" else "sort"))

        for text, name in zip(dealt(SECTIONS.index(section), 5), names, strict=False):
            assert survives(client.get(f"/admin/{section}/", query_string={name: text})), text

    @few(max_examples=80)
    @given(
        section=st.sampled_from(SECTIONS),
        arguments=st.dictionaries(st.sampled_from(LIST_ARGUMENTS), texts, min_size=1, max_size=5),
    )
    def test_of_a_list_takes_any_arguments(self, client, filled, section, arguments):
        assert survives(client.get(f"/admin/{section}/", query_string=arguments))

    @few(max_examples=120)
    @given(
        section=st.sampled_from(SECTIONS),
        sort=sort_names,
        descending=st.integers(0, 1),
        values=st.lists(json_values | moments | texts, max_size=3),
        direction=st.sampled_from(["after", "before"]),
    )
    def test_of_a_page_takes_any_cursor(
        self, client, filled, section, sort, descending, values, direction
    ):
        content = json.dumps([sort, descending, *values]).encode("utf-8", "surrogatepass")
        cursor = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
        arguments = {"sort": sort, "desc": str(descending), direction: cursor}

        assert survives(client.get(f"/admin/{section}/", query_string=arguments))

    @pytest.mark.parametrize(
        "content",
        [
            b'["price",0,"NaN",1]',
            b'["price",0,"sNaN",1]',
            b'["price",0,"1e5000",1]',
            b'["price",0,1e5000,1]',
            b'["price",0,NaN,1]',
            b'["price",0,"1",1e400]',
            b'["price",0,"1",9223372036854775808]',
            b'["price",0,"1",-9223372036854775809]',
            b'["price",0,"1",true]',
            b'["price",0,"999999999.99999",1]',
            b'["price",0,"-0",1]',
            b'["price",0,["1"],1]',
            b'["price",0,{"a":1},1]',
            b'["sku",0,"\\ud800"]',
            b'["sku",0,"\\u0000"]',
            b'["updated_at",1,"0001-01-01T00:00:00+23:59",1]',
            b'["updated_at",1,"9999-12-31T23:59:59-23:59",1]',
            b"[" * 900,
            b'"' + b"a" * 900,
            b"9" * 1000,
            b"\xff\xfe",
        ],
    )
    def test_of_a_page_takes_a_forged_cursor(self, client, filled, content):
        cursor = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
        sort = re.search(rb"price|sku|updated_at|$", content)[0].decode() or "price"

        for descending in ("0", "1"):
            arguments = {"sort": sort, "desc": descending, "after": cursor}
            assert survives(client.get("/admin/products/", query_string=arguments))

    @pytest.mark.parametrize("page", ["details", "edit", "delete"])
    def test_of_a_record_takes_every_payload_for_its_id(self, client, filled, page, dealt):
        for text in dealt(len(page) % 3, 3):
            response = client.get(f"/admin/products/{page}/", query_string={"id": text})

            assert response.status_code in (400, 404) or text.strip() == str(filled["products"])

    @pytest.mark.parametrize("raw", ["%ED%A0%80", "%00", "%FF%FE", "%", "%u0000", "&&=&", ";"])
    def test_takes_bytes_that_are_no_text(self, client, filled, raw):
        for name in ("search", "sort", "after", "supplier", "id", "q", raw):
            for page in ("", "lookup/", "details/", "export/"):
                assert survives(client.get(f"/admin/products/{page}?{name}={raw}"))
        assert survives(client.get(f"/admin/products/{raw}"))

    def test_of_an_export_takes_every_payload(self, client, filled, dealt):
        for text, section in zip(dealt(1, 3), cycle(SECTIONS), strict=False):
            address = f"/admin/{section}/export/"
            assert client.get(address, query_string={"format": text}).status_code == 400
            assert survives(client.get(address, query_string={"search": text}))

    def test_of_a_lookup_takes_every_payload(self, client, filled, dealt):
        for text, section in zip(dealt(0, 3), cycle(SECTIONS), strict=False):
            assert survives(client.get(f"/admin/{section}/lookup/", query_string={"q": text}))

    @few(max_examples=50)
    @given(
        arguments=st.dictionaries(
            st.sampled_from(["period", "from", "to"]),
            texts | st.sampled_from(["custom"]) | st.dates().map(str),
            min_size=1,
        )
    )
    def test_of_the_dashboard_takes_any_period(self, client, filled, arguments):
        assert survives(client.get("/admin/", query_string=arguments))

    def test_of_the_dashboard_takes_every_payload(self, client, filled, dealt):
        for text in dealt(0, 20):
            for query in ({"period": text}, {"from": text, "to": text}):
                assert survives(client.get("/admin/", query_string=query))

    def test_of_a_report_takes_every_payload(self, client, filled, dealt):
        kinds = cycle(("products", "countries", "months"))
        for text, kind in zip(dealt(0, 12), kinds, strict=False):
            for name in ("sort", "page", "from"):
                assert survives(client.get(f"/admin/reports/{kind}/", query_string={name: text}))
            address = f"/admin/reports/{kind}/export/"
            assert client.get(address, query_string={"format": text}).status_code == 400
            assert survives(client.get(address, query_string={"sort": text})), text

    @pytest.mark.parametrize("name", ["product", "supplier", "category", "country"])
    def test_of_sold_lines_takes_every_payload(self, client, filled, name, dealt):
        for text in dealt(len(name), 20):
            for page in ("", "export/"):
                address = f"/admin/reports/lines/{page}"
                assert survives(client.get(address, query_string={name: text})), text

    def test_of_a_list_bounds_what_it_takes(self, client, filled):
        many = urlencode([("search", "a")] * 5_000)

        assert survives(client.get(f"/admin/products/?{many}"))
        assert survives(client.get("/admin/products/?search=" + quote("a b " * 5_000)))

    @pytest.mark.parametrize("page", ["", "map/", "undo/", "rejects/"])
    def test_of_an_import_takes_every_payload_for_its_number(self, client, filled, page, dealt):
        for text in (*dealt(len(page) % 9, 9), "0", "-1", "9" * 19, "9" * 400, "１"):
            response = client.get(f"/admin/imports/{quote(text, safe='')}/{page}")
            response.close()
            assert response.status_code in (302, 308, 400, 404), text

    def test_of_the_imports_takes_every_payload(self, client, filled, make, dealt):
        [run] = make.imports()

        for text in dealt(0, 9):
            for query in ({"before": text}, {"after": text}):
                assert survives(client.get("/admin/imports/", query_string=query)), text
            assert survives(client.get("/admin/imports/new/", query_string={"kind": text})), text
            address = f"/admin/imports/{run}/map/"
            assert survives(client.get(address, query_string={"mapping": text})), text


class TestForm:
    @pytest.mark.parametrize("section", SECTIONS)
    @few(max_examples=25)
    @given(data=st.data())
    def test_takes_anything_for_a_new_record(self, client, filled, section, data):
        form = GOOD[section] | data.draw(
            st.dictionaries(st.sampled_from(FIELDS[section]), texts, min_size=1, max_size=4)
        )

        assert survives(client.post(f"/admin/{section}/new/", data=form))

    @pytest.mark.parametrize("section", SECTIONS)
    @few(max_examples=25)
    @given(data=st.data())
    def test_takes_anything_for_a_record(self, client, filled, section, data):
        names = st.sampled_from((*FIELDS[section], "version"))
        form = {"version": "1", **GOOD[section]}
        form |= data.draw(st.dictionaries(names, texts, min_size=1, max_size=4))

        assert survives(client.post(f"/admin/{section}/edit/?id={filled[section]}", data=form))

    @pytest.mark.parametrize("section", SECTIONS)
    def test_takes_every_payload_in_its_text(self, client, filled, section, dealt):
        name = {"categories": "description", "products": "description", "orders": "note"}
        for number, text in enumerate(dealt(SECTIONS.index(section), 10)):
            key = next(iter(GOOD[section]))
            form = GOOD[section] | {key: f"K{number}", name.get(section, "name"): text}

            response = client.post(f"/admin/{section}/new/", data=form)

            assert response.status_code in (302, 400, 422), text
            if response.status_code == 302:
                assert client.get(response.headers["Location"]).status_code == 200, text

    @pytest.mark.parametrize("section", ["products", "orders"])
    def test_takes_payloads_in_its_figures(self, client, filled, section, dealt):
        figures = [
            name
            for name in FIELDS[section]
            if re.search(r"price|stock|level|quantity|discount|_at$|^status|-id$|supplier", name)
        ]
        for text, name in zip(dealt(0, 8), cycle(figures), strict=False):
            form = GOOD[section] | {name: text}

            assert survives(client.post(f"/admin/{section}/new/", data=form)), (name, text)

    def test_takes_an_empty_one(self, client, filled):
        for section, row_id in filled.items():
            for page in ("new/", f"edit/?id={row_id}", f"delete/?id={row_id}"):
                assert client.post(f"/admin/{section}/{page}").status_code in (400, 409, 422)

    def test_never_takes_what_it_does_not_show(self, app, client, filled):
        extra = {
            "id": "99",
            "created_at": "2001-01-01",
            "updated_at": "2001-01-01",
            "supplier_id": "2",
            "product_id": "2",
            "order_id": "2",
            "line_no": "7",
            "lines-0-line_no": "7",
            "lines-0-order_id": "2",
            "lines-0-product_id": "2",
        }

        for section, model in (("orders", Order), ("products", Product)):
            row_id = filled[section]
            with app.app_context():
                edition = db.session.get(model, row_id).edition
            form = GOOD[section] | extra | {"version": edition}
            client.post(f"/admin/{section}/edit/?id={row_id}", data=form)
            with app.app_context():
                saved = db.session.get(model, row_id)
                assert (saved.version, saved.created_at.year > 2001) == (2, True)
                assert saved.updated_at.year > 2001
                if section == "products":
                    assert saved.supplier.code == "SUP1"

    def test_leaves_the_lines_of_other_orders_alone(self, app, client, make):
        ours, theirs = make.orders(2, lines=1)
        with app.app_context():
            line_id = db.session.get(Order, theirs).lines[0].id

        client.post(
            f"/admin/orders/edit/?id={ours}",
            data=GOOD["orders"]
            | {"version": "1", "lines-0-id": str(line_id), "lines-0-remove": "y"},
        )

        with app.app_context():
            assert [line.id for line in db.session.get(Order, theirs).lines] == [line_id]

    def test_of_an_upload_takes_every_payload(self, client, filled, dealt):
        names = ("kind", "encoding", "delimiter", "skip_lines", "sheet", "dates", "thousands")

        for text, name in zip(dealt(1, 9), cycle(names), strict=False):
            content = f"sku,{text}\n1,{text}\n".encode("utf-8", "surrogatepass")
            form = {"kind": "products", "decimal": ".", "dates": "iso", name: text}
            form["file"] = (io.BytesIO(content), text.replace("\0", "") or "a")
            response = client.post("/admin/imports/new/", data=form)
            assert response.status_code in (302, 400, 422), text
            if response.status_code == 302:
                assert client.get(response.headers["Location"]).status_code == 200, text

    def test_of_a_mapping_takes_every_payload(self, client, filled, make, dealt):
        [run] = make.imports()
        good = {"column-0": "sku", "column-1": "name", "column-2": "supplier", "column-3": "price"}
        names = ("column-0", "column-1", "constant-stock", "save_as", "on_error", "clears", "do")

        for text, name in zip(dealt(2, 9), cycle(names), strict=False):
            form = {"on_error": "stop", "clears": "", **good, name: text}
            assert survives(client.post(f"/admin/imports/{run}/map/", data=form)), text
            assert survives(client.get(f"/admin/imports/{run}/map/")), text
            assert survives(client.get(f"/admin/imports/{run}/")), text
        assert survives(client.get("/admin/imports/mappings/"))


class TestStoredText:
    """Saved texts come back as they were, and no page runs them."""

    @pytest.mark.parametrize("kind", [Category, Supplier, Product, Order])
    def test_is_shown_escaped_wherever_it_is_shown(self, app, client, make, third, kind):
        harmful = [
            text
            for text in payloads()
            if "<" in text and text == text.strip() and "\0" not in text and len(text) <= 200
        ]
        column = {Product: "name", Order: "ship_name", Supplier: "name", Category: "description"}
        section = kind.__tablename__
        make.suppliers()
        [row_id] = getattr(make, section)()

        for text in harmful[:: max(1, len(harmful) // 25)][third::3]:
            with app.app_context():
                version = db.session.get(kind, row_id).edition
            form = {k: v for k, v in GOOD[section].items() if not k.startswith("lines-")}
            form |= {column[kind]: text, "version": version}
            saved = client.post(f"/admin/{section}/edit/?id={row_id}", data=form)
            assert saved.status_code == 302, text
            with app.app_context():
                stored = getattr(db.session.get(kind, row_id), column[kind])
            assert stored == text

            for page in ("", f"details/?id={row_id}", f"edit/?id={row_id}"):
                shown = client.get(f"/admin/{section}/{page}").text
                assert text not in shown, page
                if kind is not Order or page:
                    assert escape(text) in shown.replace("&#34;", "&quot;").replace(
                        "&#39;", "&#x27;"
                    )

    @pytest.mark.parametrize("text", ["<b>&amp;\"'`", "</textarea><script>alert(1)</script>"])
    def test_is_escaped_in_what_was_refused(self, client, filled, text):
        form = GOOD["products"] | {"name": text, "supplier": text, "price": text, "stock": text}

        refused = client.post("/admin/products/new/", data=form)

        assert refused.status_code == 422
        assert text not in refused.text
