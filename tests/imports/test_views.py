"""Imports in the browser: upload, map, check, import, report, undo."""

from __future__ import annotations

import io
import re
import stat
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from backoffice.database import db
from backoffice.imports import jobs, merge, uploads
from backoffice.imports.words import for_people
from backoffice.models import ImportMapping, ImportRun, Product, Supplier
from tests import stored
from tests.imports.conftest import HEADER, products, take_chunks_of
from tests.pages import Page, filled, save, visit

IMPORTS = "/admin/imports/"


def upload(client: Any, content: str | bytes, name: str = "june.csv", **fields: str) -> Any:
    """Send a file as the form does."""
    content = content.encode() if isinstance(content, str) else content
    form = visit(client, f"{IMPORTS}new/").form_with("kind")
    return send(client, filled(form, {"kind": "products", **fields}), content, name)


def send(client: Any, form: dict[str, str], content: bytes, name: str = "june.csv") -> Any:
    """Post a form with a file; the client itself would leave a large body open in a file."""
    boundary, body = encode_multipart({**form, "file": FileStorage(io.BytesIO(content), name)})
    kind = f'multipart/form-data; boundary="{boundary}"'
    return client.post(f"{IMPORTS}new/", data=body, content_type=kind)


def uploaded(client: Any, content: str | bytes, name: str = "june.csv", **fields: str) -> str:
    """Upload a file; returns the address of its run."""
    response = upload(client, content, name, **fields)
    assert response.status_code == 302, Page(response).text
    return response.headers["Location"].removesuffix("map/")


def check(client: Any, run: str, **typed: str) -> Page:
    """Send the mapping as it is proposed, with what was typed over it."""
    form = visit(client, f"{run}map/").form_with("save_as")
    response = client.post(f"{run}map/", data=filled(form, typed))
    return visit(client, run) if response.status_code == 302 else Page(response)


def applied(client: Any, content: str | bytes) -> str:
    """Upload a file, check it and ask for its import; returns the address of its run."""
    run = uploaded(client, content)
    check(client, run)
    client.post(f"{run}apply/")
    return run


def work(app: Flask) -> None:
    """Do what a worker would do."""
    with app.app_context():
        for run in jobs.left_alone():
            jobs.work(run)


def figures(page: Page) -> list[str]:
    (counts,) = page.root.all("dl", "counts")
    return [part.text for part in counts.all("dd")]


def newest(app: Flask) -> Any:
    return stored.newest(app, ImportRun)


def newest_mapping(app: Flask) -> Any:
    return stored.newest(app, ImportMapping)


class TestFromAList:
    LISTS = (
        ("suppliers", ["suppliers"]),
        ("categories", ["categories"]),
        ("products", ["products"]),
        ("customers", ["customers"]),
        ("orders", ["orders", "order-lines"]),
    )

    @pytest.mark.parametrize(("name", "kinds"), LISTS)
    def test_it_begins_with_the_kind_chosen(self, sign_in, name, kinds):
        manager = sign_in("manager")
        page = visit(manager, f"/admin/{name}/")
        (actions,) = page.root.all("div", "actions")
        links = [link.get("href") for link in actions.all("a")]

        steps = [visit(manager, link) for link in links if link.startswith(IMPORTS)]

        assert [step.form_with("kind")["kind"] for step in steps] == kinds

    @pytest.mark.parametrize("role", ["viewer", "editor"])
    def test_it_is_not_there_for_who_may_not(self, sign_in, role):
        assert f"{IMPORTS}new/" not in sign_in(role).get("/admin/orders/").text


class TestUploading:
    def test_goes_from_the_file_to_the_report(self, app, client, make):
        make.suppliers()
        run = uploaded(client, products(4))

        page = check(client, run)
        assert figures(page) == ["4", "0", "0", "0"]
        assert stored.count(app, Product) == 0
        client.post(f"{run}apply/")
        work(app)
        page = visit(client, run)

        assert stored.count(app, Product) == 4
        assert "Imported" in page.text
        assert "All as the check had said." in page.text
        assert figures(page) == ["4", "0", "0", "0"]
        assert newest(app).actor == "admin@example.com"
        assert {entry.actor for entry in stored.entries(app)} == {"admin@example.com"}
        assert {entry.means for entry in stored.entries(app)} == {"browser"}

    def test_keeps_the_file_by_number_and_for_its_owner_alone(self, app, client, make):
        run = uploaded(client, products(1), "../../etc/passwd\x07.csv")

        with app.app_context():
            path = uploads.path_of(newest(app).id)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert run.endswith(f"/{newest(app).id}/")
        assert newest(app).file == "passwd.csv"

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "the file is empty"),
            (b"\x89PNG\r\n\x1a\n" + bytes(50), "this is not text"),
            (b"PK\x03\x04 but no workbook", "workbook"),
        ],
    )
    def test_takes_no_file_that_is_none(self, app, client, content, says):
        page = Page(upload(client, content))

        assert page.status == 422
        assert says in page.errors["file"]
        assert stored.count(app, ImportRun) == 0

    def test_takes_no_more_than_it_may(self, app, client, monkeypatch):
        monkeypatch.setitem(app.config, "UPLOAD_BYTES", 5 * 1024 * 1024)
        line = b"P1,Bolt,SUP1,1.50,1\n"
        large = HEADER.encode() + line * (4 * 1024 * 1024 // len(line) + 50)

        assert upload(client, large).status_code == 302
        assert upload(client, large + line * 60_000).status_code == 413

    def test_bounds_strangers_as_every_page_does(self, app, sign_in):
        viewer = sign_in("viewer")

        answer = send(viewer, {"kind": "products"}, b"x" * 5_000_000)

        assert answer.status_code == 413

    def test_reads_the_file_anew_as_told(self, client, make):
        make.suppliers()
        run = uploaded(client, "Prices\nsku;name;supplier;price\nP1;Nut;SUP1;1.234,50\n")
        form = visit(client, f"{run}map/").form_with("skip_lines")

        told = {"skip_lines": "1", "decimal": ",", "thousands": "point", "do": "read"}
        client.post(f"{run}map/", data=filled(form, told))

        assert figures(check(client, run)) == ["1", "0", "0", "0"]


class TestMapping:
    FILE = "Article,Description,Cost\nA-1,Bolt,1.50\nA-2,Nut,0.10\n"
    CHOSEN = {
        "column-0": "sku",
        "column-1": "name",
        "column-2": "price",
        "constant-supplier": "SUP1",
    }

    def test_says_what_is_missing_and_what_is_set_twice(self, client, make):
        run = uploaded(client, self.FILE)

        page = check(client, run, **{"column-1": "name", "column-2": "name"})

        assert page.status == 422
        assert "Name is set by 2 columns: keep one." in page.text
        assert "Say which column holds sku: by it a product is known." in page.text

    def test_is_kept_and_offered_to_the_next_file_with_that_header(self, app, client, make):
        make.suppliers()
        run = uploaded(client, self.FILE)
        page = check(client, run, **self.CHOSEN, save_as="Nordwind")
        assert figures(page) == ["2", "0", "0", "0"]
        assert stored.count(app, ImportMapping) == 0
        client.post(f"{run}apply/")

        other = uploaded(client, "cost, ARTICLE ,Description\n2.00,A-3,Washer\n", "july.csv")
        page = visit(client, f"{other}map/")

        assert "Filled in from the saved mapping Nordwind" in page.text
        assert figures(check(client, other)) == ["1", "0", "0", "0"]
        assert "Nordwind" in visit(client, f"{IMPORTS}mappings/").text
        form = visit(client, f"{IMPORTS}mappings/").form_with("id")
        client.post(f"{IMPORTS}mappings/", data=form)
        assert stored.count(app, ImportMapping) == 0

    GERMAN = "Preise\nartikel;name;preis\nP1;Nut;1.234,50\nP2;Screw;2,50\n"
    SAID = {"decimal": ",", "thousands": "point", "skip_lines": "1"}

    @pytest.fixture
    def saved(self, app, client, make):
        """A mapping of files that have to be read in another way, and what it was kept as."""
        make.suppliers()
        run = uploaded(client, self.GERMAN, **self.SAID)
        columns = {"column-0": "sku", "column-1": "name", "column-2": "price"}
        page = check(client, run, **columns, **{"constant-supplier": "SUP1"}, save_as="ACME")
        assert figures(page) == ["2", "0", "0", "0"]
        client.post(f"{run}apply/")
        work(app)
        return newest_mapping(app).choices

    def test_is_offered_with_the_way_to_read_the_file(self, app, client, saved):
        run = uploaded(client, self.GERMAN, "july.csv")

        page = visit(client, f"{run}map/")
        assert "Filled in from the saved mapping ACME" in page.text
        assert figures(check(client, run)) == ["0", "0", "2", "0"]
        client.post(f"{run}apply/")
        assert newest_mapping(app).choices == saved

    def test_reads_the_file_when_it_is_filled_in(self, client, saved):
        run = uploaded(client, self.GERMAN, "july.csv", delimiter=";")
        page = visit(client, f"{run}map/")
        assert "Filled in" not in page.text

        client.post(f"{run}map/", data=page.form_with("mapping") | {"do": "fill"})

        assert figures(check(client, run)) == ["0", "0", "2", "0"]

    def test_that_does_not_fit_is_not_said_to(self, client, saved):
        run = uploaded(client, "Preise\nfoo;bar\n1;2\n", "other.csv", delimiter=";")
        page = visit(client, f"{run}map/")

        client.post(f"{run}map/", data=page.form_with("mapping") | {"do": "fill"})

        page = visit(client, f"{run}map/")
        assert "ACME knows none of the columns of this file" in page.text
        assert "Filled in" not in page.text

    def test_is_not_saved_by_a_check_and_its_name_not_forgotten(self, app, client, saved):
        run = uploaded(client, self.GERMAN.replace("2,50", "dear"), "july.csv")
        check(client, run, save_as="ACME")

        assert newest_mapping(app).choices == saved
        form = visit(client, f"{run}map/").form_with("save_as")
        assert form["save_as"] == "ACME"

    def test_is_offered_to_the_rows_that_it_refused(self, client, saved):
        run = uploaded(client, self.GERMAN.replace("2,50", "dear"), "july.csv")
        check(client, run)
        with client.get(f"{run}rejects/") as rejects:
            mended = rejects.text.replace("dear", "3,50", 1)

        page = check(client, uploaded(client, mended, "mended.csv"))

        assert figures(page) == ["0", "1", "0", "0"]

    def test_leaves_a_column_aside_that_is_called_as_a_field(self, app, client, make):
        make.suppliers()
        make.products(1)
        run = uploaded(client, "sku,name,stock\nSKU0001,New name,5\n")

        page = check(client, run, **{"column-2": ""})

        assert figures(page) == ["0", "1", "0", "0"]
        assert "Columns left aside: stock" in page.text
        assert "New name" in page.text
        assert "Rows whose value changes" in page.text

    def test_says_whether_a_blank_cell_clears(self, client, make):
        make.products(1, description="Long")
        run = uploaded(client, "sku,description\nSKU0001,\n")

        assert figures(check(client, run)) == ["0", "0", "1", "0"]
        assert figures(check(client, run, clears="yes")) == ["0", "1", "0", "0"]


class TestOtherWords:
    """Cells that call something otherwise than we do."""

    FILE = "sku,name,supplier,price,active\nA-1,Bolt,Acme,1,ja\nA-2,Nut,,1,nein\nA-3,Pin,X,1,\n"

    def test_are_offered_where_they_were_refused_and_translated(self, app, client, make):
        make.suppliers(2)
        run = uploaded(client, self.FILE)
        assert "3 of 3 rows are refused, so the file is" in check(client, run).text

        form = visit(client, f"{run}map/").form_with("save_as")
        assert [form[f"theirs-active-{n}"] for n in range(3)] == ["ja", "nein", ""]
        assert [form[f"theirs-supplier-{n}"] for n in range(3)] == ["Acme", "X", ""]
        page = check(
            client,
            run,
            **{"ours-active-0": "yes", "ours-active-1": "no", "ours-supplier-0": "SUP1"},
            **{"theirs-supplier-1": "*", "ours-supplier-1": "SUP2"},
            **{"theirs-supplier-2": "", "ours-supplier-2": "SUP2"},
            save_as="Acme",
        )
        client.post(f"{run}apply/")
        work(app)

        assert figures(page) == ["3", "0", "0", "0"]
        assert [product.active for product in stored.every(app, Product)] == [True, False, True]
        assert newest(app).choices["mapping"]["values"] == {
            "supplier": {"Acme": "SUP1", "*": "SUP2", "": "SUP2"},
            "active": {"ja": "yes", "nein": "no"},
        }
        assert "active “ja” is yes" in visit(client, f"{IMPORTS}mappings/").text
        next_file = uploaded(client, self.FILE.replace("A-", "B-"), "july.csv")
        assert figures(check(client, next_file)) == ["3", "0", "0", "0"]

    def test_say_one_thing_of_a_column_that_is_there(self, client, make):
        make.suppliers(2)
        run = uploaded(client, self.FILE)

        page = check(
            client,
            run,
            **{"theirs-supplier-0": "Acme", "ours-supplier-0": "SUP1"},
            **{"theirs-supplier-1": "Acme", "ours-supplier-1": "SUP2"},
            **{"theirs-category-0": "Bolts", "ours-category-0": "Screws"},
        )

        assert page.status == 422
        assert "Supplier: “Acme” is said to be two things here: keep one." in page.text
        assert "Category has other words, but no column sets it." in page.text
        assert page.form_with("save_as")["theirs-category-0"] == "Bolts"

    def test_and_values_for_all_rows_are_known_ones(self, app, client, make):
        make.suppliers()
        run = uploaded(client, "sku,name,category\nA,A,B\n")
        typed = {
            "constant-supplier": "SUP9",
            "constant-price": "cheap",
            "theirs-category-0": "B",
            "ours-category-0": "Bolts",
        }

        page = check(client, run, **typed)
        with_new = check(client, run, **typed, create_missing="y")
        mended = check(client, run, **typed | {"constant-price": "1.50"}, create_missing="y")

        assert page.status == 422
        assert "Supplier: there is no supplier “SUP9”." in page.text
        assert "Price: “cheap” is not a number" in page.text
        assert "Category: there is no category “Bolts”." in page.text
        assert page.form_with("save_as")["constant-supplier"] == "SUP9"
        assert (with_new.status, "there is no" in with_new.text) == (422, False)
        assert figures(mended) == ["1", "0", "0", "0"]

    def test_take_no_value_that_is_none(self, app, client, make):
        make.suppliers()
        run = uploaded(client, products(1).replace("stock", "active"))

        check(client, run, **{"theirs-active-0": "0", "ours-active-0": "maybe"})

        assert newest(app).choices["mapping"]["values"] == {}


class TestRefused:
    FILE = HEADER + "P1,Bolt,SUP1,1.50,1\nP2,Nut,NONE,cheap,1\n"

    def test_rows_are_named_and_can_be_downloaded_mended_and_imported(self, app, client, make):
        make.suppliers()
        run = uploaded(client, self.FILE)
        page = check(client, run)

        assert "1 of 2 rows is refused, so the file is" in page.text
        assert "'" not in page.text.partition("What is wrong")[2].partition("Mend")[0]
        assert "or choose to add what is not there yet" in page.text
        with client.get(f"{run}rejects/") as rejects:
            content = rejects.text
        assert rejects.headers["Content-Disposition"] == "attachment; filename=june-rejects.csv"
        assert len(content.splitlines()) == 2
        assert "or choose to add what is not there yet" in content
        assert "--" not in content
        mended = content.replace("NONE", "SUP1").replace("cheap", "2.50", 1)
        assert figures(check(client, uploaded(client, mended))) == ["1", "0", "0", "0"]

    @pytest.mark.parametrize("cell", [b"caf\xe9", b"a\0b"])
    def test_a_byte_that_is_no_text_is_shown_as_a_question_mark(self, app, client, make, cell):
        make.suppliers()
        rows = (HEADER + "é,é,SUP1,1,1\n").encode() + b"P2," + cell + b",SUP1,1,1\n"
        run = uploaded(client, rows)

        page = check(client, run)

        assert newest(app).state == "checked"
        assert "1 of 2 rows is refused, so the file is" in page.text
        assert cell.decode("ascii", "replace").translate({0xFFFD: "?", 0: "?"}) in page.text

    def test_rows_can_be_left_out(self, app, client, make):
        make.suppliers()
        run = uploaded(client, self.FILE)
        check(client, run)

        client.post(f"{run}check/", data={"skip": "1"})
        client.post(f"{run}apply/")
        work(app)

        assert figures(visit(client, run)) == ["1", "0", "0", "1"]
        assert newest(app).state == "done"

    def test_by_data_that_changed_since_the_check_it_writes_nothing(self, app, client, make):
        (supplier,) = make.suppliers()
        run = uploaded(client, products(3))
        check(client, run)
        with stored.elsewhere(app) as connection:
            connection.exec_driver_sql(f"UPDATE suppliers SET code = 'X' WHERE id = {supplier}")

        client.post(f"{run}apply/")
        work(app)

        page = visit(client, run)
        assert newest(app).state == "refused"
        assert "Refused: nothing was imported" in page.text
        assert stored.count(app, Product) == 0


class TestThePreview:
    @pytest.mark.parametrize(
        ("second", "says"), [("NEW1", "1 supplier is added"), ("NEW2", "2 suppliers are added")]
    )
    def test_says_what_is_added_besides(self, app, client, second, says):
        run = uploaded(client, HEADER + f"A,A,NEW1,1,1\nB,B,{second},1,1\n")

        page = check(client, run, create_missing="y")

        assert f"{says} besides, named like" in page.text
        client.post(f"{run}apply/")
        work(app)
        assert says.replace("is", "was").replace("are", "were") in visit(client, run).text
        page = visit(client, f"{run}undo/")
        assert says.partition(" is")[0].partition(" are")[0] + " that the import added" in page.text

    def test_says_that_there_is_nothing_but_refused_rows(self, app, client, make, load):
        make.suppliers()
        load("products", products(1))
        run = uploaded(client, products(1) + "P9,P9,SUP1,cheap,1\n")

        page = check(client, run, on_error="skip")

        assert "Nothing to import: 1 row is stored already, 1 refused" in page.text

    def test_says_that_there_are_more_refused_cells_than_it_shows(self, client, make):
        make.suppliers()
        run = uploaded(client, HEADER + "".join(f"P{n},P,NONE,x,x\n" for n in range(8)))

        assert "These are the first." in check(client, run).text

    def test_of_a_refused_file_tells_of_no_changes(self, client, make):
        make.products(1)
        run = uploaded(client, HEADER + "SKU0001,Other,SUP1,1,1\nP9,P9,SUP1,cheap,1\n")

        page = check(client, run)

        assert "1 of 2 rows is refused, so the file is" in page.text
        assert "Go on without the refused row" in page.text
        assert "Changes by column" not in page.text


class TestTheProgress:
    def test_says_for_whom_it_waits(self, app, client, make):
        make.suppliers()
        run = applied(client, products(1))
        with stored.elsewhere(app) as connection:
            waiting = update(ImportRun).where(ImportRun.state == "queued")
            connection.execute(waiting.values(progress={"read": 9, "size": 9, "waits": True}))
        make.imports(1, state="running", kind="products")

        assert re.search(r"Waiting for june-\d+.csv to end", visit(client, run).text)

    def test_is_none_where_nobody_goes_on(self, app, client, make, monkeypatch):
        make.suppliers()
        run = applied(client, products(1))
        monkeypatch.setattr(jobs, "run_import", lambda *_: 1 / 0)
        for _ in range(jobs.MOST_TRIES):
            work(app)

        page = visit(client, run)

        assert "Interrupted" in page.text
        assert "it goes on" not in page.text
        assert list(page.root.all("progress")) == []


class TestARefusedCheck:
    def test_counts_what_is_wrong_most_and_names_the_remedy(self, client, make):
        make.suppliers()
        run = uploaded(client, products(4, lambda n: f'"{n},50"'))

        check(client, run)

        page = visit(client, run)
        assert "4 ×" in page.text
        assert "or say under “How the file is written” that a comma stands" in page.text

    def test_of_a_file_with_a_title_above_says_where_to_say_so(self, client):
        run = uploaded(client, "Prices of June;;;\nsku;name;supplier;price\nA;a;S;1\n")

        page = visit(client, f"{run}map/")

        assert "say how many lines stand above the header" in page.text


class TestTheReport:
    def test_says_where_the_run_differs_from_the_check(self, app, client, make):
        make.suppliers()
        run = uploaded(client, products(3))
        check(client, run)
        first = uploaded(client, products(1), "first.csv")
        check(client, first)
        for address in (first, run):
            client.post(f"{address}apply/")
            work(app)

        page = visit(client, run)

        assert "Not quite what the check had said" in page.text
        assert "new 2 and not 3" in page.text

    def test_says_that_others_changed_the_rows_since_the_check(self, app, client, make):
        make.suppliers()
        for price in ("1", "2"):
            run = uploaded(client, products(2, lambda _, price=price: price))
            check(client, run)
            if price == "2":
                [row] = [p for p in stored.every(app, Product) if p.sku == "P1"]
                save(client, "products", row.id, {"name": "Theirs"})
            client.post(f"{run}apply/")
            work(app)

        page = visit(client, run)

        assert "somebody changed rows in between" in page.text
        assert {row.name for row in stored.every(app, Product)} == {"Product 0", "Product 1"}

    def test_of_a_file_that_changes_nothing_is_done(self, app, client, make):
        make.suppliers()
        for name in ("june.csv", "again.csv"):
            run = uploaded(client, products(2), name)
            page = check(client, run)
            client.post(f"{run}apply/")
            work(app)

        assert "Nothing to change" in page.text
        assert newest(app).state == "done"
        assert visit(client, f"{run}undo/").status == 302

    def test_is_linked_from_the_history_of_its_rows(self, app, client, make):
        make.suppliers()
        run = applied(client, products(1))
        work(app)

        product = stored.newest(app, Product).id
        page = client.get(f"/admin/products/details/?id={product}").text

        assert f'from <a href="{run}">june.csv</a>' in page

    def test_shows_a_viewer_what_was_done_and_no_buttons(self, app, client, sign_in, make):
        (run,) = make.imports()
        page = visit(sign_in("viewer"), f"{IMPORTS}{run}/")

        assert page.status == 200
        assert list(page.root.all("form"))[1:] == []  # but for signing out


class TestCancel:
    def test_of_a_run_that_waits_leaves_nothing(self, app, client, make):
        make.suppliers()
        run = applied(client, products(3))

        client.post(f"{run}cancel/")
        work(app)

        assert newest(app).state == "cancelled"
        assert stored.count(app, Product) == 0
        assert "nothing of it is in the database" in visit(client, run).text

    def test_of_a_run_at_work_takes_back_what_is_written(self, app, client, make, monkeypatch):
        take_chunks_of(monkeypatch, 10)
        monkeypatch.setattr(jobs, "SECONDS_BETWEEN_NOTES", 0)
        make.suppliers()
        run = applied(client, products(60))
        seen: list[int] = []

        def cancel_soon() -> bool:
            with app.app_context(), db.engine.connect() as connection:
                line = connection.scalar(select(ImportRun.merged_line))
                connection.rollback()
            if line and not seen:
                seen.append(line)
                client.post(f"{run}cancel/")
            return False

        with app.app_context():
            jobs.work(newest(app).id, cancel_soon)

        assert seen
        assert newest(app).state == "cancelled"
        assert stored.count(app, Product) == 0


class TestTakenBack:
    """What an import came upon while it wrote is told, with what had to stay."""

    @pytest.fixture(autouse=True)
    def small_chunks(self, monkeypatch):
        take_chunks_of(monkeypatch, 5)
        monkeypatch.setattr(jobs, "SECONDS_BETWEEN_NOTES", 0)

    @pytest.fixture
    def after_a_chunk(self, app, monkeypatch):
        """Has something done when the first chunk is merged."""
        chunk = merge.Merge.turn

        def set_up(happens: Callable[[], object]) -> None:
            def then(*arguments: Any) -> Any:
                merged = chunk(*arguments)
                monkeypatch.setattr(merge.Merge, "turn", chunk)
                happens()
                return merged

            monkeypatch.setattr(merge.Merge, "turn", then)

        return set_up

    def test_rows_that_were_edited_meanwhile_stay_and_are_named(
        self, app, client, make, after_a_chunk
    ):
        make.suppliers()
        run = applied(client, products(8))

        def edit_and_cancel() -> None:
            with stored.elsewhere(app) as connection:
                edited = update(Product).where(Product.sku == "P0")
                connection.execute(edited.values(name="Edited", version=Product.version + 1))
            client.post(f"{run}cancel/")

        after_a_chunk(edit_and_cancel)
        work(app)
        page = visit(client, run)

        assert (newest(app).state, stored.count(app, Product)) == ("cancelled", 1)
        assert "Cancelled: 1 row of it is still in the database" in page.text
        assert "nothing of it" not in page.text
        assert "P0 was edited since" in page.text

    def test_by_a_rule_it_says_which(self, app, client, make, monkeypatch):
        make.suppliers()
        run = applied(client, products(8))

        def breaks(*_: Any) -> None:
            raise IntegrityError("INSERT", {}, Exception("a rule is broken"))

        monkeypatch.setattr(merge.Merge, "turn", breaks)
        work(app)
        page = visit(client, run)

        assert newest(app).state == "cancelled"
        assert "Taken back: nothing of it is in the database" in page.text
        assert "the data changed during the import: import again (a rule is broken)" in page.text

    def test_by_rows_that_are_refused_by_now_it_names_them(self, app, client, make, after_a_chunk):
        make.suppliers(2)
        rows = "".join(f"P{n},P{n},SUP{1 + n // 5},1,1\n" for n in range(10))
        run = applied(client, HEADER + rows)
        after_a_chunk(lambda: 1 / 0)
        work(app)
        assert (newest(app).state, stored.count(app, Product)) == ("running", 5)
        with stored.elsewhere(app) as connection:
            connection.execute(delete(Supplier).where(Supplier.code == "SUP2"))

        work(app)
        page = visit(client, run)

        assert (newest(app).state, stored.count(app, Product)) == ("cancelled", 0)
        assert "Taken back: nothing of it is in the database" in page.text
        assert "Refused: 5 rows" in page.text
        with client.get(f"{run}rejects/") as rejects:
            assert len(rejects.text.splitlines()) == 6

    def test_where_the_file_cannot_be_read_any_more_it_says_so(
        self, app, client, make, after_a_chunk
    ):
        make.suppliers()
        run = applied(client, products(8))
        after_a_chunk(lambda: 1 / 0)
        work(app)
        with app.app_context():
            uploads.path_of(newest(app).id).write_bytes(b"")

        work(app)

        assert "the file is empty" in visit(client, run).text


class TestUndo:
    def test_says_what_it_will_do_and_then_did(self, app, client, make):
        make.products(3)
        rows = "".join(f"SKU000{n},Product {n},SUP1,9.99,10\n" for n in (1, 2, 3))
        run = applied(client, HEADER + rows + "NEW,New,SUP1,1,1\n")
        work(app)
        with app.app_context(), db.engine.begin() as connection:
            edited = update(Product).where(Product.sku == "SKU0002")
            connection.execute(edited.values(stock=77, version=Product.version + 1))

        page = visit(client, f"{run}undo/")
        assert "3 changed products get their former values again" in page.text
        assert "1 new product is deleted" in page.text
        client.post(f"{run}undo/")
        work(app)

        page = visit(client, run)
        assert newest(app).state == "undone"
        (_, told) = page.root.all("dl", "counts")
        assert [part.text for part in told.all("dd")] == ["3", "1", "0"]
        assert "SKU0002 was edited since" in page.text
        assert stored.count(app, Product) == 3

    def test_twice_does_it_once(self, app, client, make):
        make.suppliers()
        run = applied(client, products(1))
        work(app)

        for _ in range(2):
            client.post(f"{run}undo/")
            work(app)

        assert "by now the import is as you see it here" in visit(client, run).text
        assert newest(app).state == "undone"


class TestTheList:
    def test_pages_there_and_back(self, app, client, make):
        make.imports(60)

        first = visit(client, IMPORTS)
        second = visit(client, first.links["next"])
        back = visit(client, second.links["prev"])

        assert "june-60.csv" in first.text
        assert "june-35.csv" in second.text
        assert re.findall(r"june-\d+", back.text) == re.findall(r"june-\d+", first.text)
        assert "prev" not in first.links
        last = visit(client, second.links["next"])
        assert "june-1.csv" in last.text
        assert "next" not in last.links

    def test_costs_two_statements(self, client, make, statements):
        make.imports(30)

        with statements() as ran:
            visit(client, IMPORTS)

        assert len(ran) == 2, "\n".join(ran)


class TestWords:
    def test_have_no_options_of_the_command(self):
        for said in (
            "is no known supplier: import it first, or add --create-missing",
            "nothing stands below the 3 lines of --skip-lines: name fewer",
            "save it as UTF-8, or name the file's encoding, as in --encoding cp1252",
            "the workbook shows no sheet: name one, as in --sheet Prices",
        ):
            assert "--" not in for_people(said)
