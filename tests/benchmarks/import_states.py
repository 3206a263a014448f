"""The databases that imports start from: each a copy of the one before with more in it, kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import flask_migrate
from sqlalchemy import text

from backoffice.database import allow_long_work, db
from backoffice.indexes.build import build
from backoffice.synthetic.keys import category_keys
from backoffice.synthetic.run import Wanted, generate
from tests.benchmarks.data import Size, let_staff_in, our_app, tidy_up
from tests.benchmarks.servers import beside, copy, drop, exists, named, rename

LINES_AN_ORDER = 3


@dataclass(frozen=True)
class States:
    """States with ``rows`` products and about ``lines`` order lines, made when first asked for.

    Their names tell their sizes, so that one folder may hold several; a state gets its name once
    it is whole. All have every index and trigger that the models declare.

    :param url: Any database of the server.
    """

    url: str
    folder: Path
    rows: int
    lines: int

    @property
    def empty(self) -> str:
        """All that products refer to, and no product."""
        return self._made(f"empty_{self.rows}", lambda: beside(self.url, "draft"), self._begin)

    @property
    def full(self) -> str:
        """The products as well."""
        return self._made(
            f"full_{self.rows}",
            lambda: copy(self.empty, "draft"),
            lambda: generate(Wanted(products=self.rows)),
        )

    @property
    def lined(self) -> str:
        """Orders of these products with their lines."""
        orders = Wanted(orders=self.lines // LINES_AN_ORDER)
        return self._made(
            f"lined_{self.rows}_{self.lines}",
            lambda: copy(self.full, "draft"),
            lambda: generate(orders),
        )

    @property
    def unlined(self) -> str:
        """The same orders without a line."""
        return self._made(
            f"unlined_{self.rows}_{self.lines}", lambda: copy(self.lined, "draft"), _delete_lines
        )

    def _made(self, name: str, start: Callable[[], str], add: Callable[[], object]) -> str:
        there = named(self.url, name)
        if exists(there):
            return there
        started = perf_counter()
        drop(named(self.url, "draft"))
        draft = start()
        with our_app(draft, self.folder).app_context():
            add()
            db.session.remove()
            db.engine.dispose()
        tidy_up(draft)
        print(f"{there}: made in {perf_counter() - started:.0f} s", file=sys.stderr)
        return rename(draft, name)

    def _begin(self) -> None:
        with redirect_stdout(sys.stderr):
            flask_migrate.upgrade()
        list(build())
        others = Size(products=self.rows, orders=self.lines // LINES_AN_ORDER).wanted
        generate(Wanted(suppliers=others.suppliers, customers=others.customers))
        with db.engine.begin() as connection:
            category_keys(connection)
        let_staff_in()


def _delete_lines() -> None:
    # In a way that leaves no dead rows and no free pages behind.
    is_sqlite = db.engine.dialect.name == "sqlite"
    with db.engine.begin() as connection:
        allow_long_work(connection)
        connection.execute(text(f"{'DELETE FROM' if is_sqlite else 'TRUNCATE'} order_lines"))
    if is_sqlite:
        with db.engine.connect() as connection:
            connection.connection.cursor().execute("VACUUM")
