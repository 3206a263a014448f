"""Adding synthetic rows: chunk by chunk, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from time import perf_counter
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, text
from sqlalchemy.orm import Session

from backoffice.database import allow_long_work, analyze, db
from backoffice.history import add_entry
from backoffice.models import Customer, HistoryEntry, Order, OrderLine, Product, Supplier
from backoffice.synthetic import rows
from backoffice.synthetic.chunk import Chunk
from backoffice.synthetic.keys import category_keys, keys_of, reserve

ROWS_A_CHUNK = 100_000
"""One to three seconds: how long somebody else's write waits on SQLite."""

CACHE_KIB = 262_144
"""SQLite's page cache while we write: room for the indexed pages that a chunk touches."""

EARLIEST_END, LATEST_END = date(1902, 1, 2), date(2199, 12, 31)
"""The two years before these days lie in the years that pages show, 1900 to 2199."""

Progress = Callable[[int], None]
"""Called after each chunk with its number of rows; those of order lines are left out."""


class UnsuitableError(Exception):
    """The wanted rows cannot be: the message says why, and what to do."""


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
    if not EARLIEST_END <= until <= LATEST_END:
        raise UnsuitableError(
            f"{until} is too far away: the two years of data end from "
            f"{EARLIEST_END} to {LATEST_END}"
        )
    with _connection() as connection:
        _refuse_the_impossible(connection, wanted)
        work = _Work(connection, seed, until, progress)
        work.fill("suppliers", wanted.suppliers, work.suppliers)
        work.fill("products", wanted.products, work.products)
        work.fill("customers", wanted.customers, work.customers)
        work.fill("orders", wanted.orders, work.orders)
        with connection.begin():
            allow_long_work(connection)
            analyze(connection, work.rows)
    return [Added(table, count, work.seconds[table]) for table, count in work.rows.items()]


class _Work:
    """One run: fills one table after the other, and counts what it added to each."""

    def __init__(
        self, connection: Connection, seed: int, until: date, progress: Progress | None
    ) -> None:
        self.connection = connection
        self.seed = seed
        self.until = until
        self.progress = progress
        self.rows: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self.entry: int | None = None

    def fill(self, table: str, total: int, write: Callable[[Chunk], dict[str, int]]) -> None:
        """Write ``total`` rows to ``table``, and whatever belongs to them, in chunks."""
        until = self.until
        end = int(datetime(until.year, until.month, until.day, tzinfo=UTC).timestamp())
        for done in range(0, total, ROWS_A_CHUNK):
            size = min(ROWS_A_CHUNK, total - done)
            started = perf_counter()
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
                        end=end,
                    )
                )
                for name, count in written.items():
                    self.rows[name] = self.rows.get(name, 0) + count
                self._record()
            for name in written:
                self.seconds[name] = self.seconds.get(name, 0) + perf_counter() - started
            if self.progress:
                self.progress(size)

    def _record(self) -> None:
        """Say in the history how far the run has come, in the transaction of each chunk.

        Killed at any moment, it has said what it added. An entry takes the place of the one
        before: the run has one, and its id tells the dashboard that there is more.
        """
        with Session(self.connection, join_transaction_mode="rollback_only") as session:
            entry = add_entry(
                session,
                action="generate",
                table="all",
                label=f"synthetic data, seed {self.seed}, until {self.until}",
                changes={table: [None, count] for table, count in self.rows.items()},
                at=datetime.now(UTC),
            )
        # After the insert: SQLite would give the id of a newest row that is gone again.
        self.connection.execute(delete(HistoryEntry).where(HistoryEntry.id == self.entry))
        self.entry = entry

    def suppliers(self, chunk: Chunk) -> dict[str, int]:
        return {"suppliers": self._insert(Supplier, rows.supplier_rows(chunk))}

    def products(self, chunk: Chunk) -> dict[str, int]:
        statement = rows.product_rows(
            chunk,
            keys_of(self.connection, Supplier),
            category_keys(self.connection),
        )
        return {"products": self._insert(Product, statement)}

    def customers(self, chunk: Chunk) -> dict[str, int]:
        return {"customers": self._insert(Customer, rows.customer_rows(chunk))}

    def orders(self, chunk: Chunk) -> dict[str, int]:
        statement = rows.order_rows(chunk, keys_of(self.connection, Customer))
        lines = rows.line_rows(chunk, keys_of(self.connection, Product))
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
