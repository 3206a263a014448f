"""Imports for tests: by the function, and by the real command in a process of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from backoffice.database import Base, db
from backoffice.imports import work
from backoffice.imports.cells import Formats
from backoffice.imports.kinds import KINDS
from backoffice.imports.mapping import load_mapping
from backoffice.imports.read import Reading, Row, open_source, rows
from backoffice.imports.run import Choices, Report, run_import
from tests.commands import Commands
from tests.conftest import SECRET

HEADER = "sku,name,supplier,price,stock\n"


def products(count: int, price: Callable[[int], str] = lambda n: f"{n}.50") -> str:
    """A file of that many products of the supplier SUP1."""
    return HEADER + "".join(f"P{n},Product {n},SUP1,{price(n)},{n}\n" for n in range(count))


def counts(report: Report) -> tuple[int, int, int, int]:
    """Inserted, updated, unchanged and rejected, which must add up to the rows."""
    assert report.inserted + report.updated + report.unchanged + report.rejected == report.rows
    return report.inserted, report.updated, report.unchanged, report.rejected


def take_chunks_of(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Each a transaction of its own, as when somebody always waits to write."""
    monkeypatch.setattr(work, "FEWEST_ROWS", rows)
    monkeypatch.setattr(work, "MOST_ROWS", rows)
    monkeypatch.setattr(work, "LONGEST_TURN", 0)


def reasons(report: Report) -> list[str]:
    return [str(reject) for reject in report.rejects]


def reading_of(chosen: dict[str, Any]) -> Reading:
    """What ``chosen`` says about how to read a file; those entries are taken out of it."""
    formats = {f.name: chosen.pop(f.name) for f in fields(Formats) if f.name in chosen}
    names = [f.name for f in fields(Reading) if f.name in chosen]
    return Reading(formats=Formats(**formats), **{name: chosen.pop(name) for name in names})


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[tuple[str, ...], list[Row]]]:
    """Reads text or bytes as a file and returns header and rows."""

    def read(content: str | bytes, **chosen: Any) -> tuple[tuple[str, ...], list[Row]]:
        path = tmp_path / "file.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        source = open_source(path, name="file.csv", reading=reading_of(chosen))
        return source.header, list(rows(source))

    return read


@pytest.fixture
def load(app: Flask, tmp_path: Path) -> Callable[..., Report]:
    """Imports text or a file as the named kind and commits; returns the report."""

    def load(
        kind: str, content: str | bytes | Path, *, maps: tuple[str, ...] = (), **chosen: Any
    ) -> Report:
        path = content if isinstance(content, Path) else tmp_path / f"{kind}.csv"
        if isinstance(content, str):
            content = content.encode()
        if isinstance(content, bytes):
            path.write_bytes(content)
        reading = reading_of(chosen)
        mapping = load_mapping(KINDS[kind], chosen.pop("mapping", None), maps)
        with app.app_context():
            source = open_source(path, name=path.name, reading=reading)
            return run_import(KINDS[kind], source, mapping, Choices(**chosen))

    return load


@pytest.fixture
def environ(app: Flask) -> dict[str, str]:
    """The environment of a process that works on the test's database."""
    return os.environ | {
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "SECRET_KEY": SECRET,
        "BACKOFFICE_INSTANCE_PATH": app.instance_path,
    }


@pytest.fixture
def manage(
    commands: Commands, environ: dict[str, str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `manage.py import` on the test's database."""
    return partial(commands.run, "import", environ=environ)


@pytest.fixture
def tables(app: Flask) -> Callable[[], dict[str, list[Any]]]:
    """Reads every row of every table, history included."""

    def tables() -> dict[str, list[Any]]:
        with app.app_context(), db.engine.connect() as connection:
            return {
                table.name: [
                    tuple(row)
                    for row in connection.execute(select(table).order_by(*table.primary_key))
                ]
                for table in Base.metadata.sorted_tables
            }

    return tables


@pytest.fixture
def unchanged(tables: Callable[[], dict[str, list[Any]]]) -> Callable[..., Any]:
    """Asserts that what runs inside ``with unchanged()`` leaves every table as it was."""

    @contextmanager
    def unchanged() -> Iterator[None]:
        before = tables()
        yield
        assert tables() == before

    return unchanged
