"""Uploaded workbooks: opened one at a time, within limits, and nothing of them left behind."""

import fcntl
import io
import os
import time
from dataclasses import replace

import pytest
import xlsxwriter

from backoffice.database import begins_reading, db
from backoffice.imports import uploads
from backoffice.imports.read import FileRefused, Reading
from tests.imports.test_views import check, upload, uploaded, work
from tests.pages import Page, visit


@pytest.fixture
def workbook():
    """A workbook of one supplier, as bytes."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["code", "name"])
        sheet.write_row(1, 0, ["ACME", "Acme"])
    return content.getvalue()


@pytest.fixture
def busy(app, monkeypatch):
    """Somebody else's workbook is being opened until this is called."""
    monkeypatch.setattr(uploads, "PATIENCE", 0.1)
    with app.app_context():
        file = (uploads.folder() / "workbook.lock").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    yield file.close
    file.close()


class TestWorkbook:
    def test_waits_its_turn_and_is_refused_when_that_does_not_come(self, client, workbook, busy):
        page = Page(upload(client, workbook, "book.xlsx", kind="suppliers"))
        text = uploaded(client, "code,name\nA,a\n", kind="suppliers")
        busy()

        assert "other workbooks are being opened first: try again in a minute" in page.text
        assert "map" in visit(client, f"{text}map/").text
        assert upload(client, workbook, "book.xlsx", kind="suppliers").status_code == 302

    def test_is_checked_later_when_others_are_opened_first(
        self, app, client, workbook, monkeypatch
    ):
        run = uploaded(client, workbook, "book.xlsx", kind="suppliers")
        monkeypatch.setattr(uploads, "PATIENCE", 0.1)
        with app.app_context():
            place = uploads.folder() / "workbook.lock"

        with place.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            waiting = check(client, run).text
        work(app)

        assert "other workbooks are being opened first" in waiting
        assert "ACMENew Name Acme" in visit(client, run).text

    def test_may_take_less_than_one_that_a_command_opens(
        self, app, tmp_path, workbook, monkeypatch
    ):
        path = tmp_path / "book.xlsx"
        path.write_bytes(workbook)
        monkeypatch.setattr(uploads, "LIMITS", replace(uploads.LIMITS, unpacked=4 << 10))

        with (
            app.app_context(),
            pytest.raises(FileRefused, match="the workbook unpacks to more than"),
        ):
            uploads.opened(path, name="book.xlsx", reading=Reading())

    def test_leaves_its_text_where_old_drafts_are_removed(self, app, tmp_path, workbook):
        path = tmp_path / "book.xlsx"
        path.write_bytes(workbook)

        with app.app_context():
            source = uploads.opened(path, name="book.xlsx", reading=Reading())
            left = source.extract.path
            week_ago = time.time() - 8 * 86_400
            os.utime(left, (week_ago, week_ago))
            with begins_reading(db.engine).connect() as connection:
                uploads.remove_old(connection)

        assert left.parent.name == "imports"
        assert not left.exists()
