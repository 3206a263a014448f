"""The file of a list: what the list shows, all of it, streamed on a connection of its own."""

from __future__ import annotations

import csv
import gc
import io
import re
from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from backoffice.cli.serve import THREADS
from backoffice.database import db
from backoffice.grid import export, extract, sheets
from backoffice.grid.export import MOST_AT_ONCE
from backoffice.grid.extract import CHUNK
from tests import stored
from tests.factories import PLACED
from tests.grid.sections import TABLES, first, views
from tests.pages import Page, visit

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def as_csv(client, table, **arguments):
    """Heads and rows."""
    with client.get(f"/admin/{table}/export/", query_string={"format": "csv", **arguments}) as file:
        assert file.status_code == 200, file.text
        text = file.data.decode("utf-8-sig")
    read = csv.reader(io.StringIO(text, newline=""), strict=True)
    return next(read), list(read)


def as_xlsx(client, table, **arguments):
    """Heads and rows: text as str, numbers as Decimal, nothing as None."""
    response = client.get(f"/admin/{table}/export/", query_string={"format": "xlsx", **arguments})
    assert response.status_code == 200, response.text
    with response, ZipFile(io.BytesIO(response.data)) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    heads, *rows = (dict(map(cell_of, row)) for row in sheet.iter(f"{SHEET}row"))
    return list(heads.values()), [[row.get(place) for place in heads] for row in rows]


def cell_of(cell):
    """Column letter and value, with what XLSX escapes read back."""
    place = cell.get("r").rstrip("0123456789")
    assert cell.find(f"{SHEET}f") is None, "a formula"
    if cell.get("t") == "inlineStr":
        written = "".join(part.text or "" for part in cell.iter(f"{SHEET}t"))
        return place, re.sub("_x([0-9A-F]{4})_", lambda match: chr(int(match[1], 16)), written)
    return place, Decimal(cell.find(f"{SHEET}v").text)


def checked_out(app):
    with app.app_context():
        return db.engine.pool.checkedout()


class TestRows:
    @pytest.mark.parametrize("table", TABLES)
    def test_are_those_of_every_page_in_the_order_of_the_list(self, app, client, make, table):
        getattr(make, table)(60)
        view = views(app)[table]
        for sort in view.sorts:
            for desc in "01":
                asked = {"sort": sort, "desc": desc}
                page = visit(client, f"/admin/{table}/", page_size=25, **asked)
                keys = page.keys
                while following := page.links.get("next"):
                    page = visit(client, following)
                    keys += page.keys

                heads, rows = as_csv(client, table, **asked)

                assert heads == list(view.column_list)
                assert [row[0] for row in rows] == keys
                assert len(keys) == 60
                assert [row[0] for row in as_xlsx(client, table, **asked)[1]] == keys

    @pytest.mark.parametrize("desc", ["0", "1"])
    def test_without_a_value_to_sort_by_stand_last_as_in_the_list(self, client, make, desc):
        make.orders(3)
        make.orders(3, shipped_at=PLACED + timedelta(days=9))
        make.orders(2)
        make.orders(1, shipped_at=PLACED + timedelta(days=8))
        asked = {"sort": "shipped_at", "desc": desc}

        keys = visit(client, "/admin/orders/", **asked).keys

        assert [row[0] for row in as_csv(client, "orders", **asked)[1]] == keys
        assert len(keys) == 9

    def test_are_narrowed_as_the_list_is(self, client, make):
        other = make.suppliers(2)[1]
        make.products(30)
        make.products(3, supplier_id=other, active=False)
        for narrowed in (
            {"search": "product 3"},
            {"supplier": ["SUP1", "SUP2"], "search": "sku:SKU003"},
            {"active": "no", "sort": "name", "desc": "0"},
            {"search": "nothing at all"},
        ):
            page = visit(client, "/admin/products/", **narrowed)

            assert [row[0] for row in as_csv(client, "products", **narrowed)[1]] == page.keys
            assert [row[0] for row in as_xlsx(client, "products", **narrowed)[1]] == page.keys

    def test_are_all_there_beyond_a_page_and_beyond_a_chunk(self, client, make):
        make.products(2 * CHUNK + 1)

        everything = as_csv(client, "products", page_size="25")[1]

        assert len({row[0] for row in everything}) == 2 * CHUNK + 1

    def test_have_keys_for_what_they_refer_to(self, client, make):
        (category_id,) = make.categories(1)
        make.products(1, category_id=category_id)
        make.orders(1)

        heads, (product,) = as_csv(client, "products")
        order_heads, (order,) = as_csv(client, "orders")
        order = dict(zip(order_heads, order, strict=True))

        assert dict(zip(heads, product, strict=True)) | {"updated_at": ""} == {
            "sku": "SKU0001",
            "name": "Product 1",
            "supplier": "SUP1",
            "price": "1.00",
            "stock": "10",
            "category": "Category 1",
            "active": "yes",
            "updated_at": "",
        }
        assert (order["customer"], order["status"]) == ("CUS1", "placed")


class TestText:
    HARD = (
        "=1+1",
        "'=1",
        "-3",
        'a "b", c',
        "x\r\ny",
        "x\ry",
        "\u00e9\U0001f600",
        "\ufeffx",
        "<b>&",
    )

    def test_is_no_formula_in_csv(self, client, make):
        for name in self.HARD:
            make.products(1, name=name)

        names = [row[1] for row in as_csv(client, "products", sort="sku")[1]]

        assert names == [f"'{n}" if n in ("=1+1", "'=1", "-3") else n for n in self.HARD]

    def test_is_text_and_itself_in_xlsx(self, client, make):
        hard = (
            *self.HARD,
            "https://example.com",
            "mailto:a@example.com",
            "12",
            "_x0041_",
            "_x0041_x0042_",
            "_x0041\x01",
            "{=1+1}",
            "<r></is></c><c><f>1+1</f></c><c><is></r>",
            "<r><t>bold</t></r>",
            " edges ",
        )
        for name in hard:
            make.products(1, name=name)

        names = [row[1] for row in as_xlsx(client, "products", sort="sku")[1]]

        assert names == list(hard)

    def test_that_no_cell_of_a_sheet_holds_is_refused_and_not_cut(self, app, client, make):
        make.categories(1, description="x" * 32_768)

        response = client.get("/admin/categories/export/?format=xlsx")

        assert response.status_code == 413
        assert "A text in description is more than a sheet holds" in Page(response).text
        assert as_csv(client, "categories")[1][0][1] == "x" * 32_768
        assert checked_out(app) == 0

    def test_is_measured_as_spreadsheets_do(self, client, make):
        make.categories(1, description="x" * 32_767)
        make.categories(1, description="\U0001f600" * 16_383)

        assert len(as_xlsx(client, "categories")[1]) == 2
        make.categories(1, description="\U0001f600" * 16_384)
        assert client.get("/admin/categories/export/?format=xlsx").status_code == 413


class TestNumbers:
    def test_are_numbers_in_a_sheet_and_keep_every_digit(self, client, make):
        make.products(1, price=Decimal("99999999.9999"), stock=2**31 - 1)

        (row,) = as_xlsx(client, "products")[1]

        assert row[3:5] == [Decimal("99999999.9999"), Decimal(2**31 - 1)]
        assert row[6] == "yes"


class TestResponse:
    def test_is_a_file_named_after_list_and_day(self, client, make):
        make.products(1)

        told = client.get("/admin/products/export/?format=csv")

        assert re.fullmatch(
            r"attachment; filename=products-\d{4}-\d\d-\d\d\.csv",
            told.headers["Content-Disposition"],
        )
        assert told.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert told.headers["X-Content-Type-Options"] == "nosniff"
        assert "Content-Length" not in told.headers
        assert told.data.startswith(b"\xef\xbb\xbfsku,name,")

    def test_of_an_empty_list_has_heads_alone(self, client):
        assert as_csv(client, "products")[1] == []
        assert as_xlsx(client, "products")[1] == []

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"format": "ods"}, "exported as csv or xlsx, not as 'ods'"),
            ({"format": "<b>" * 99}, "exported as csv or xlsx"),
            ({"format": "CSV"}, "exported as csv or xlsx"),
            ({"sort": "nonsense"}, "cannot be sorted by 'nonsense'"),
            ({"active": "maybe"}, "Active cannot be 'maybe'"),
        ],
    )
    def test_is_no_file_when_the_address_makes_no_sense(self, client, arguments, says):
        page = visit(client, "/admin/products/export/", **arguments)

        assert page.status == 400
        assert says in page.text
        assert "Content-Disposition" not in page.headers

    def test_is_no_file_when_a_sheet_cannot_hold_the_rows(self, app, client, make, monkeypatch):
        make.products(3)
        monkeypatch.setattr(sheets, "MOST_ROWS", 2)

        refused = visit(client, "/admin/products/export/", format="xlsx")

        assert refused.status == 413
        assert "more than the 2 rows" in refused.text
        assert len(as_xlsx(client, "products", search="SKU0001")[1]) == 1
        assert len(as_csv(client, "products")[1]) == 3
        assert checked_out(app) == 0

    def test_is_no_file_when_a_sheet_becomes_too_large(self, app, client, make, monkeypatch):
        make.products(2 * CHUNK)
        monkeypatch.setattr(sheets, "MOST_BYTES", 100_000)

        refused = visit(client, "/admin/products/export/", format="xlsx")

        assert refused.status == 413
        assert "All of it is more than a sheet holds: export the list as CSV." in refused.text
        assert checked_out(app) == 0

    def test_is_offered_by_the_list_as_it_is_narrowed(self, client, make):
        make.products(60)
        page = visit(client, "/admin/products/", search="sku", active="yes", sort="name", desc="1")
        following = visit(client, page.links["next"])

        for shown in (page, following):
            links = [a.get("href") for a in shown.root.all("a") if "/export/" in a.get("href")]
            assert [parse_qs(urlsplit(link).query) for link in links] == [
                {
                    "format": [kind],
                    "search": ["sku"],
                    "active": ["yes"],
                    "sort": ["name"],
                    "desc": ["1"],
                }
                for kind in ("csv", "xlsx")
            ]


class TestCost:
    @pytest.mark.parametrize("table", TABLES)
    @pytest.mark.parametrize("export", [as_csv, as_xlsx])
    def test_is_the_same_for_one_row_and_for_many(self, client, make, statements, table, export):
        first(make, table)
        with statements() as for_one:
            export(client, table)

        getattr(make, table)(CHUNK + 1)
        with statements() as for_many:
            export(client, table)

        assert len(for_many) == len(for_one) <= 6, "\n".join(for_many)


class TestConnection:
    def test_is_the_only_one_and_goes_back_when_the_visitor_goes_away(self, app, client, make):
        make.products(2 * CHUNK)

        response = client.get("/admin/products/export/?format=csv")
        while_reading = checked_out(app)
        next(iter(response.response))
        response.close()

        assert (while_reading, checked_out(app)) == (1, 0)

    def test_goes_back_at_the_end_and_when_nothing_is_read(self, app, client, make):
        make.products(2 * CHUNK)

        as_csv(client, "products")
        after_all = checked_out(app)
        client.head("/admin/products/export/?format=csv").close()

        assert (after_all, checked_out(app)) == (0, 0)

    def test_lets_others_write_meanwhile(self, app, client, make):
        make.products(2 * CHUNK)

        response = client.get("/admin/products/export/?format=csv")
        make.products(1)
        rows = response.text.splitlines()

        assert len(rows) == 1 + 2 * CHUNK, "the rows of one moment"

    @pytest.mark.parametrize("app", ["postgresql"], indirect=True)
    def test_that_is_lost_breaks_the_file_off_and_does_not_end_it(self, app, client, make):
        make.products(3 * CHUNK)
        response = client.get("/admin/products/export/?format=csv")
        pieces = iter(response.response)
        next(pieces)

        engine = create_engine(stored.engine(app).url, isolation_level="AUTOCOMMIT")
        with engine.connect() as other:
            other.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE state = 'idle in transaction' AND datname = current_database()"
                )
            )
        engine.dispose()

        with pytest.raises(OperationalError):
            list(pieces)
        response.close()
        assert checked_out(app) == 0

    @pytest.mark.parametrize("app", ["postgresql"], indirect=True)
    def test_that_finds_nothing_in_time_gives_an_error_page(self, app, client, make):
        make.products(1)
        engine = create_engine(stored.engine(app).url)
        with engine.connect() as other:
            other.execute(text("LOCK TABLE categories IN ACCESS EXCLUSIVE MODE"))

            response = client.get("/admin/products/export/?format=csv")
        engine.dispose()

        assert response.status_code == 503
        assert "The database is busy" in Page(response).text
        assert checked_out(app) == 0


def ask(client, kind="csv", table="products"):
    """A download that begins, to be closed."""
    return client.get(f"/admin/{table}/export/?format={kind}")


class TestTurn:
    """More downloads at once than there are turns would keep all of the server's threads."""

    def test_is_refused_while_as_many_are_under_way_and_free_when_one_is_done(self, client, make):
        make.products(2 * CHUNK)
        under_way = [ask(client, ("csv", "xlsx")[n % 2]) for n in range(MOST_AT_ONCE)]

        refused = [Page(ask(client, kind)) for kind in ("csv", "xlsx")]
        pages = visit(client, "/admin/products/")
        under_way.pop().close()
        again = ask(client)

        assert MOST_AT_ONCE < THREADS
        for page in refused:
            assert page.status == 503
            assert page.headers["Retry-After"] == "30"
            assert page.title == "Other downloads are under way"
            assert "Try again when one is done." in page.text
            assert any(link.text == "Go to products" for link in page.root.all("a"))
        assert pages.status == again.status_code == 200
        for response in (again, *under_way):
            response.close()

    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_is_given_back_however_a_download_ends(self, app, client, make, kind):
        make.products(2 * CHUNK)

        for _ in range(MOST_AT_ONCE + 1):
            with ask(client, kind) as whole:
                assert whole.data
            with ask(client, kind) as left:
                next(iter(left.response))
            with ask(client, kind) as unread:
                assert unread.status_code == 200
            client.head(f"/admin/products/export/?format={kind}").close()
            assert client.get("/admin/products/export/?format=ods").status_code == 400

        with ask(client, kind) as response:
            assert response.status_code == 200
        assert checked_out(app) == 0

    def test_is_given_back_by_a_response_that_never_reached_the_server(self, app, client, make):
        make.products(2 * CHUNK)

        def fail(_response):
            raise ZeroDivisionError

        app.after_request_funcs.setdefault(None, []).append(fail)
        try:
            for _ in range(MOST_AT_ONCE + 1):
                with pytest.raises(ZeroDivisionError):
                    ask(client)
                gc.collect()
        finally:
            app.after_request_funcs[None].remove(fail)

        assert ask(client).status_code == 200

    def test_is_given_back_when_no_file_can_be_made(self, app, client, make, monkeypatch):
        make.categories(1, description="x" * 32_768)
        for _ in range(MOST_AT_ONCE + 1):
            assert ask(client, "xlsx", "categories").status_code == 413
        make.products(3)
        with monkeypatch.context() as few:
            few.setattr(sheets, "MOST_ROWS", 2)
            for _ in range(MOST_AT_ONCE + 1):
                assert ask(client, "xlsx").status_code == 413

        with ask(client, "xlsx") as response:
            assert response.status_code == 200
        assert checked_out(app) == 0

    @pytest.mark.parametrize("app", ["postgresql"], indirect=True)
    def test_is_given_back_when_the_database_finds_nothing_in_time(
        self, app, client, make, monkeypatch
    ):
        make.products(1)
        monkeypatch.setattr(extract, "PATIENCE_MS", 100)
        with stored.elsewhere(app) as connection:
            connection.execute(text("LOCK TABLE categories IN ACCESS EXCLUSIVE MODE"))

            for kind in ("csv", "xlsx") * MOST_AT_ONCE:
                page = Page(ask(client, kind))
                assert page.status == 503
                assert "The database is busy" in page.text

        assert ask(client).status_code == 200

    def test_is_given_back_when_a_sheet_takes_too_long(self, app, client, make, monkeypatch):
        make.products(1)
        with monkeypatch.context() as impatient:
            impatient.setattr(export, "MOST_SECONDS", -1)
            for _ in range(MOST_AT_ONCE + 1):
                page = Page(ask(client, "xlsx"))
                assert page.status == 503
                assert "narrow the list, or export it as CSV." in page.text

        with ask(client, "xlsx") as response:
            assert response.status_code == 200
        assert checked_out(app) == 0
