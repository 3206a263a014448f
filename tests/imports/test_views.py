"""Imports in the browser: upload, map, check, import, report, undo."""

from __future__ import annotations

import io
from typing import Any

from flask import Flask

from backoffice.imports import jobs
from backoffice.models import ImportRun, Product
from tests import stored
from tests.imports.conftest import products
from tests.pages import Page, filled, visit

IMPORTS = "/admin/imports/"


def upload(client: Any, content: str | bytes, name: str = "june.csv", **fields: str) -> Any:
    """Send a file as the form does."""
    content = content.encode() if isinstance(content, str) else content
    form = visit(client, f"{IMPORTS}new/").form_with("kind")
    data = {**filled(form, {"kind": "products", **fields}), "file": (io.BytesIO(content), name)}
    return client.post(f"{IMPORTS}new/", data=data, content_type="multipart/form-data")


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
