"""Rows on their way into a file: read in chunks, each value as exact text or a whole number.

The database hands out what it stores, without a Python object in between that would only be
turned into text again: ten-thousandths, a moment's text, a status's name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from time import monotonic
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Enum,
    Integer,
    String,
    cast,
    func,
    text,
    type_coerce,
)

from backoffice.database import SQLITE_PRAGMAS, Rows, begins_reading, db
from backoffice.grid.reference import Reference
from backoffice.models.amounts import ExactSum, UpTo
from backoffice.models.columns import Exact, UtcDateTime, exact_to_text

CHUNK = 1_000
"""Rows held in memory at a time."""

CACHE_KIB = 16_384
"""SQLite's page cache meanwhile; with 2,048 a chunk took twice as long, with more no less."""

MOST_SECONDS = 1_800
"""How long a visitor's export may take in all: each keeps old rows from being cleaned up."""

PATIENCE_MS = 120_000
"""How long a visitor's export may search for a chunk, and wait until the visitor has read one."""

Show = Callable[[Iterable[Any]], Iterable[Any]]
"""The values of one column in a chunk, as the statement found them -> as they are written."""


@dataclass(frozen=True)
class Column:
    """One column of a file.

    :param source: What the statement selects for it.
    :param show: Its values as text or whole numbers; None is an empty cell.
    :param is_text: Whether people wrote it, so that it may look like a formula.
    :param is_decimal: Whether its texts are numbers with decimals.
    """

    name: str
    source: ColumnElement[Any]
    show: Show
    is_text: bool
    is_decimal: bool


@dataclass(frozen=True)
class Extract:
    """What is written: some columns of a statement, which has its order already."""

    statement: Rows
    columns: tuple[Column, ...]

    def chunks(
        self, prepare: Callable[[Connection], None], seconds: float | None = None
    ) -> Generator[Sequence[Sequence[Any]]]:
        """The rows as they are found, on a connection of its own that closes with the generator.

        A page's own connection would be kept from others, and its transaction open, for as long
        as the visitor takes to read.

        :param prepare: Sets the transaction's limits.
        :raises TimeoutError: it took longer than ``seconds`` in all.
        """
        until = monotonic() + seconds if seconds is not None else None
        statement = self.statement.with_only_columns(
            *(column.source.label(column.name) for column in self.columns),
            maintain_column_froms=True,
        )
        with begins_reading(db.engine).connect() as connection, _little_cache(connection):
            prepare(connection)
            reading = connection.execution_options(yield_per=CHUNK)
            with reading.execute(statement) as result:
                for rows in result.partitions():
                    if until is not None and monotonic() > until:
                        raise TimeoutError(f"the export was not read within {seconds:.0f} s")
                    yield rows


def extract(
    statement: Rows, names: Collection[str], references: Mapping[str, Reference] | None = None
) -> Extract:
    """The columns of ``statement`` called ``names``, for a file.

    :param references: Those that are a row of another table, which ``statement`` joins: a file
        has its natural key in place of what people call it.
    """
    sources = dict(statement.selected_columns.items())
    sources |= {name: reference.key.expression for name, reference in (references or {}).items()}
    on_sqlite = db.engine.dialect.name == "sqlite"
    columns = (_column(name, sources[name], on_sqlite) for name in names)
    return Extract(statement, tuple(columns))


def let_be_read(connection: Connection) -> None:
    """Replace the web's limits, which a page keeps within, by those of a visitor's export.

    The first chunk may need a search through everything. Between two of them a slow line needs
    more than a page's 60 s, but who does not read at all must not keep a snapshot, for whose sake
    no old row is cleaned up: then the server ends the connection.
    """
    if connection.dialect.name == "sqlite":
        connection.info["deadline"] = monotonic() + MOST_SECONDS
    else:
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = {PATIENCE_MS}"))


@contextmanager
def _little_cache(connection: Connection) -> Iterator[None]:
    """Keep SQLite from filling a cache of 64 MiB with pages of which none is read twice."""
    if connection.dialect.name != "sqlite":
        yield
        return
    connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE_KIB}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size = {SQLITE_PRAGMAS['cache_size']}")


def _column(name: str, column: ColumnElement[Any], on_sqlite: bool) -> Column:
    kind = column.type
    source: ColumnElement[Any] = column
    show: Show = _as_it_is
    if isinstance(kind, Exact):
        source = type_coerce(column, BigInteger) if on_sqlite else cast(column, String)
        show = _ten_thousandths if on_sqlite else _decimals
    elif isinstance(kind, ExactSum):
        source, show = cast(column, String), _sums
    elif isinstance(kind, UtcDateTime) and on_sqlite:
        source, show = type_coerce(column, String), _moments_of_sqlite
    elif isinstance(kind, UtcDateTime):
        source, show = cast(func.timezone("UTC", column), String), _moments
    elif isinstance(kind, Boolean):
        source, show = type_coerce(column, Integer), _yes_no
    elif isinstance(kind, UpTo):
        show = partial(_up_to, kind.limit)
    elif isinstance(kind, Enum):
        source = type_coerce(column, String)
    is_text = isinstance(kind, String) and not isinstance(kind, Enum)
    return Column(name, source, show, is_text, isinstance(kind, Exact | ExactSum))


def _as_it_is(values: Iterable[Any]) -> Iterable[Any]:
    return values


def _yes_no(values: Iterable[bool | None]) -> Iterable[str | None]:
    return [None if value is None else "yes" if value else "no" for value in values]


def _decimals(texts: Iterable[str | None]) -> Iterable[str | None]:
    """``9.8000`` -> ``9.80``; always four decimals come in, and at least two are kept."""
    return [
        text if text is None else text[:-2] if text.endswith("00") else text.rstrip("0")
        for text in texts
    ]


def _ten_thousandths(numbers: Iterable[int | None]) -> Iterable[str | None]:
    """The same from SQLite's integers; most have two decimals, which divides in no time."""
    return [
        None
        if number is None
        else f"{number // 10_000}.{number // 100 % 100:02}"
        if number >= 0 and not number % 100
        else exact_to_text(Decimal(number).scaleb(-4))
        for number in numbers
    ]


def _sums(texts: Iterable[str | None]) -> Iterable[str | None]:
    """Sums have eight decimals where amounts have four, or none if nothing was added up."""
    parts = (text if text is None else text.partition(".") for text in texts)
    return [part and f"{part[0]}.{part[2].rstrip('0'):0<2}" for part in parts]


def _up_to(limit: int, numbers: Iterable[int]) -> Iterable[int | str]:
    """Counts that stopped are no numbers: who adds them up should notice."""
    return [number if number <= limit else f"{limit}+" for number in numbers]


def _moments(texts: Iterable[str | None]) -> Iterable[str | None]:
    """``2026-01-31 08:00:00``, with all six digits of a fraction if it has one. UTC."""
    return [text.ljust(26, "0") if text is not None and "." in text else text for text in texts]


def _moments_of_sqlite(texts: Iterable[str | None]) -> Iterable[str | None]:
    return [None if text is None else text.removesuffix(".000000") for text in texts]
