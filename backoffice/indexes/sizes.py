"""How large each index is, and of how many rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median_low

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from backoffice.indexes.found import Found

PAGE = 4096
ENTRY = 5
"""Bytes of an entry beside its values: its place in the page, its length, its header's."""
FILLED = 0.9
"""How full pages are: packed when an index is built, two thirds after writes in any order."""
SAMPLE = 200
"""Rows whose values are measured for an estimate; one after the other, so a page or two."""


@dataclass(frozen=True)
class Size:
    """Bytes and rows, each None where nobody knows. Rows are as of the last ANALYZE, or counted."""

    bytes: int | None = None
    rows: int | None = None
    is_estimate: bool = False


def sizes(
    connection: Connection, indexes: Iterable[Found], *, exact: bool = True
) -> dict[str, Size]:
    """Name -> its size.

    SQLite knows none: it can walk all pages of an index where it is compiled to (dbstat), which
    takes a second for 600 MB. Otherwise the size is estimated from some rows.

    :param exact: False: never walk.
    """
    if connection.dialect.name == "postgresql":
        return _on_postgresql(connection)
    listed = list(indexes)
    rows = _rows_on_sqlite(connection, listed)
    if exact:
        try:
            return {index.name: _walked(connection, index) for index in listed}
        except OperationalError:  # no such table: dbstat
            pass
    return {index.name: _estimated(connection, index, rows.get(index.name)) for index in listed}


def shown(size: int) -> str:
    """A size for people, as PostgreSQL writes it: 41 MB."""
    unit = "bytes"
    number = float(size)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):  # noqa: B007 - the last one reached
        if number < 1000:
            break
        number /= 1024
    return f"{number:.0f} {unit}" if number >= 10 or unit == "bytes" else f"{number:.1f} {unit}"


def _on_postgresql(connection: Connection) -> dict[str, Size]:
    rows = connection.execute(
        text(
            """
            SELECT index.relname, pg_relation_size(index.oid), nullif(index.reltuples, -1)::bigint
            FROM pg_class AS index WHERE index.relkind = 'i' AND index.oid = to_regclass(relname)
            """
        )
    )
    return {name: Size(size, count) for name, size, count in rows}


def _rows_on_sqlite(connection: Connection, indexes: list[Found]) -> dict[str, int]:
    """The rows of each index; of one that has all, those of its table."""
    if not connection.scalar(text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")):
        return {}
    rows = connection.execute(text("SELECT idx, stat FROM sqlite_stat1 WHERE idx IS NOT NULL"))
    analyzed = {name: int(stat.split()[0]) for name, stat in rows}
    # A short ANALYZE is off by a third, for each index in its own way.
    guesses: defaultdict[str, list[int]] = defaultdict(list)
    for index in indexes:
        if index.name in analyzed and not index.condition:
            guesses[index.table].append(analyzed[index.name])
    whole = {
        index.name: median_low(guesses[index.table])
        for index in indexes
        if not index.condition and guesses[index.table]
    }
    return analyzed | whole


def _walked(connection: Connection, index: Found) -> Size:
    # Nothing of a table without rowids: its primary key is the table.
    walk = text("SELECT sum(pgsize), sum(ncell) FROM dbstat WHERE aggregate = TRUE AND name = :n")
    return Size(*connection.execute(walk, {"n": index.name}).one())


def _estimated(connection: Connection, index: Found, rows: int | None) -> Size:
    if rows is None or index.behind == "primary key":
        return Size(rows=rows)
    widths = " + ".join(f"1 + coalesce({_width(key)}, 0)" for key in index.keys)
    # Not in an index's own order: what comes first there, NULL say, is shorter than the rest.
    looked_at = f"WHERE {index.condition}" if index.condition else "NOT INDEXED"
    try:
        width = connection.scalar(
            text(
                f"SELECT avg(width) FROM (SELECT {widths} + 4 AS width "  # noqa: S608 - see Found
                f"FROM {index.table} {looked_at} LIMIT {SAMPLE})"
            )
        )
    except OperationalError:  # somebody's own index, spelled in a way that we cannot repeat
        return Size(rows=rows)
    if width is None:
        return Size(PAGE, rows, is_estimate=True)
    pages = 1 + int(rows * (width + ENTRY) / FILLED / PAGE)
    return Size(pages * PAGE, rows, is_estimate=True)


def _width(key: str) -> str:
    """SQL for the bytes that a value takes in an entry."""
    value = key.removesuffix(" desc")
    if value.isidentifier():
        value = f'"{value}"'  # which may be a word of SQL
    return (
        f"CASE typeof({value}) WHEN 'integer' THEN CASE "
        f"WHEN {value} IN (0, 1) THEN 0 WHEN abs({value}) < 128 THEN 1 "
        f"WHEN abs({value}) < 32768 THEN 2 WHEN abs({value}) < 8388608 THEN 3 "
        f"WHEN abs({value}) < 2147483648 THEN 4 ELSE 6 END "
        f"WHEN 'real' THEN 8 ELSE length(CAST({value} AS blob)) END"
    )
