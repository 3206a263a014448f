"""A catalog at the size of production, on either database, filled once a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import text

from backoffice.database import analyze, db
from backoffice.indexes.plan import online_indexes
from backoffice.rollups.fold import fold
from backoffice.synthetic.run import Wanted, generate
from tests.conftest import StaffClient, signed_in
from tests.factories import Make

SIZE = Wanted(suppliers=2_000, products=200_000, customers=20_000, orders=50_000)


@dataclass(frozen=True)
class Catalog:
    """The application over it, an admin's browser, and a record in each section."""

    app: Flask
    client: StaffClient
    records: dict[str, Any]

    @property
    def dialect(self) -> str:
        with self.app.app_context():
            return db.engine.dialect.name


@pytest.fixture(scope="session")
def catalogs(new_app: Callable[..., Flask]) -> Iterator[Callable[[str], Catalog]]:
    """The catalog on the named database."""
    made: dict[str, Catalog] = {}

    def catalog(kind: str) -> Catalog:
        if kind not in made:
            made[kind] = filled(new_app(kind, migrated=False))
        return made[kind]

    yield catalog
    for each in made.values():
        with each.app.app_context():
            _remove()


def filled(app: Flask, size: Wanted = SIZE) -> Catalog:
    """The tables are filled before their large indexes are built, which takes half the time."""
    with app.app_context():
        flask_migrate.upgrade()
        tables = [added.table for added in generate(size)]
        with db.engine.begin() as connection:
            for index in online_indexes():
                index.create(connection)
        fold()
        _analyze(tables)
    records: dict[str, Any] = dict.fromkeys(
        ("suppliers", "categories", "products", "customers", "orders"), 1
    )
    make = Make(app)
    records |= {"imports": make.imports()[0], "performance": make.shape()}
    return Catalog(app, signed_in(app, "admin"), records)


def _analyze(tables: list[str]) -> None:
    """What the planner knows some time after a load: vacuumed too, on PostgreSQL."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        return
    with db.engine.begin() as connection:
        analyze(connection, tables)


def _remove() -> None:
    """The file of hundreds of megabytes; a server's data go with the server."""
    if db.engine.dialect.name == "sqlite":
        db.engine.dispose()
        Path(str(db.engine.url.database)).unlink()


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog(request: pytest.FixtureRequest, catalogs: Callable[[str], Catalog]) -> Catalog:
    """The catalog on either database; tests leave it as it was."""
    return catalogs(request.param)
