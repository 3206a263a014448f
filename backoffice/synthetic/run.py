"""Adding synthetic rows: chunk by chunk, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from time import perf_counter
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, text

from backoffice import history
from backoffice.database import allow_long_work, analyze, db
from backoffice.models import Category, Customer, Order, OrderLine, Product, Supplier
from backoffice.synthetic import rows, words
from backoffice.synthetic.chunk import Chunk, Keys

ROWS_A_CHUNK = 100_000
"""One to three seconds: how long somebody else's write waits on SQLite."""

CACHE_KIB = 262_144
"""SQLite's page cache while we write: room for the indexed pages that a chunk touches."""

Progress = Callable[[int], None]
"""Called after each chunk with its number of rows; those of order lines are left out."""


class UnsuitableError(Exception):
    """The database lacks the rows that the wanted ones refer to; the message says which."""


@dataclass(frozen=True)
class Wanted:
    """How many rows to add."""

    suppliers: int = 0
    products: int = 0
    customers: int = 0
    orders: int = 0

    @property
    def total(self) -> int:
        return self.suppliers + self.products + self.customers + self.orders


@dataclass(frozen=True)
class Added:
    """What was added to one table."""

    table: str
    rows: int
    seconds: float


def generate(
    wanted: Wanted,
    *,
    seed: int = 1,
    until: date | None = None,
    progress: Progress | None = None,
) -> list[Added]:
    """Add ``wanted`` to what is there, keys and codes going on from the largest.

    The same rows for the same arguments and the same rows before, on both databases. Memory and
    temporary space do not grow with the number of rows. What was added before an interruption
    stays and is in the history.

    :param until: The day at whose beginning (UTC) the two years of data end, by default today.
    :raises UnsuitableError: before anything is written.
    """
    until = until or datetime.now(UTC).date()
    end = int(datetime(until.year, until.month, until.day, tzinfo=UTC).timestamp())
    added: list[Added] = []
    with _connection() as connection:
        _refuse_the_impossible(connection, wanted)
        work = _Work(connection, seed, end, progress, added)
        try:
            work.fill("suppliers", wanted.suppliers, work.suppliers)
            work.fill("products", wanted.products, work.products)
            work.fill("customers", wanted.customers, work.customers)
            work.fill("orders", wanted.orders, work.orders)
        finally:
            _record(added, seed, until)
        with connection.begin():
            analyze(connection, [result.table for result in added])
    return added


class _Work:
    """One run: fills one table after the other."""

    def __init__(
        self,
        connection: Connection,
        seed: int,
        end: int,
        progress: Progress | None,
        added: list[Added],
    ) -> None:
        self.connection = connection
        self.seed = seed
        self.end = end
        self.progress = progress
        self.added = added

    def fill(self, table: str, total: int, write: Callable[[Chunk], dict[str, int]]) -> None:
        """Write ``total`` rows to ``table``, and whatever belongs to them, in chunks."""
        counts: dict[str, int] = {}
        started = perf_counter()
        try:
            for done in range(0, total, ROWS_A_CHUNK):
                size = min(ROWS_A_CHUNK, total - done)
                with self.connection.begin():
                    allow_long_work(self.connection)
                    first = reserve(self.connection, table, size)
                    written = write(
                        Chunk(
                            table=table,
                            dialect=self.connection.dialect.name,
                            seed=self.seed,
                            first=first,
                            last=first + size - 1,
                            done=done,
                            total=total,
                            end=self.end,
                        )
                    )
                for name, count in written.items():
                    counts[name] = counts.get(name, 0) + count
                if self.progress:
                    self.progress(size)
        finally:
            seconds = perf_counter() - started
            self.added.extend(Added(name, count, seconds) for name, count in counts.items())

    def suppliers(self, chunk: Chunk) -> dict[str, int]:
        return {"suppliers": self._insert(Supplier, rows.supplier_rows(chunk))}

    def products(self, chunk: Chunk) -> dict[str, int]:
        statement = rows.product_rows(
            chunk,
            _keys(self.connection, Supplier),
            _categories(self.connection),
        )
        return {"products": self._insert(Product, statement)}

    def customers(self, chunk: Chunk) -> dict[str, int]:
        return {"customers": self._insert(Customer, rows.customer_rows(chunk))}

    def orders(self, chunk: Chunk) -> dict[str, int]:
        statement = rows.order_rows(chunk, _keys(self.connection, Customer))
        lines = rows.line_rows(chunk, _keys(self.connection, Product))
        return {
            "orders": self._insert(Order, statement),
            "order_lines": self._insert(OrderLine, lines),
        }

    def _insert(self, model: Any, statement: Select[Any]) -> int:
        names = [column.name for column in statement.selected_columns]
        # Without include_defaults the columns that are left out take the database's defaults.
        done = self.connection.execute(
            insert(model.__table__).from_select(names, statement, include_defaults=False),
            execution_options={"preserve_rowcount": True},
        )
        if self.connection.dialect.name == "sqlite":  # its driver does not count after WITH
            return int(self.connection.scalar(text("SELECT changes()")) or 0)
        return done.rowcount


@contextmanager
def _connection() -> Iterator[Connection]:
    """A connection of our own, thrown away afterwards: its cache is larger than the web's."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            driver = connection.connection.driver_connection
            assert driver is not None  # noqa: S101 - it was opened just now
            driver.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            # The log of a chunk is hundreds of megabytes; after the run it is cut back to this.
            driver.execute("PRAGMA journal_size_limit = 33554432")
        try:
            yield connection
        finally:
            connection.rollback()
            connection.invalidate()


def reserve(connection: Connection, table: str, size: int) -> int:
    """The first of ``size`` free keys of ``table`` that nobody else will get.

    PostgreSQL: its sequence moves past them. SQLite: this transaction holds the write lock.
    """
    if connection.dialect.name == "sqlite":
        return int(connection.scalar(text(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")) or 1)  # noqa: S608 - our own name
    sequence = f"pg_get_serial_sequence('{table}', 'id')"
    last = connection.scalar(
        text(
            f"SELECT setval({sequence}, :size + greatest("  # noqa: S608 - our own name
            f"nextval({sequence}) - 1, (SELECT max(id) FROM {table})))"
        ),
        {"size": size},
    )
    return int(last or size) - size + 1


def _keys(connection: Connection, model: Any) -> Keys:
    low, high, count = connection.execute(
        select(func.min(model.id), func.max(model.id), func.count())
    ).one()
    return Keys(low, high - low + 1, without_gaps=count == high - low + 1)


def _categories(connection: Connection) -> list[int]:
    """The keys of our categories, those made that are missing."""
    ours = select(Category.name, Category.id).where(Category.name.in_(words.CATEGORIES))
    known: dict[str, int] = dict(connection.execute(ours).all())
    for name in words.CATEGORIES:
        if name not in known:
            made = insert(Category).values(name=name).returning(Category.id)
            known[name] = connection.execute(made).scalar_one()
    return [known[name] for name in words.CATEGORIES]


def _refuse_the_impossible(connection: Connection, wanted: Wanted) -> None:
    with connection.begin():
        for needing, model, coming in (
            ("products", Supplier, wanted.suppliers),
            ("orders", Customer, wanted.customers),
            ("orders", Product, wanted.products),
        ):
            needed = getattr(wanted, needing) and not coming
            if needed and connection.scalar(select(model.id).limit(1)) is None:
                table = model.__tablename__
                raise UnsuitableError(
                    f"{needing} need {table}, and there are none: add --{table} N"
                )


def _record(added: list[Added], seed: int, until: date) -> None:
    if added:
        counts = {result.table: [None, result.rows] for result in added}
        history.add_entry(
            db.session(),
            action="generate",
            table="all",
            label=f"synthetic data, seed {seed}, until {until}",
            changes=counts,
            at=datetime.now(UTC),
        )
        db.session.commit()
