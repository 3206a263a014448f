"""Whether a statement reads a large table whole, or sorts more rows than a page may wait for.

What is large begins at ``LARGE`` rows. A statement may read such a table through an index, or
along one until a LIMIT stops it; and it may sort what an index search found, up to ``MOST_SORTED``
rows, which is what the lists promise (``backoffice.grid.count.LIMIT``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, text

from backoffice.querylog.plans import explain
from tests.gate.bytecode import judge_program
from tests.watch import Ran

LARGE = 10_000
MOST_SORTED = 10_001
WHOLE = 0.9
"""The share of a table's rows from which on it counts as read whole, in whatever way."""


@dataclass(frozen=True)
class Fault:
    """What a statement does that it should not: ``table`` is empty for a sort of several."""

    kind: str
    table: str
    says: str


@dataclass(frozen=True)
class Verdict:
    """The faults of one statement, with its plan."""

    ran: Ran
    faults: tuple[Fault, ...]
    plan: str = ""


class Judge(Protocol):
    """Explains one statement with the values that it ran with."""

    def __call__(self, ran: Ran) -> Verdict: ...


def judge_of(connection: Connection) -> Judge:
    """Judges the statements of one database; each is looked at once for the same values."""
    look = _on_sqlite if connection.dialect.name == "sqlite" else _on_postgresql
    sizes = rows_of_tables(connection)
    seen: dict[tuple[str, str], Verdict] = {}

    def judge(ran: Ran) -> Verdict:
        key = ran.statement, repr(ran.parameters)
        if key not in seen:
            faults = tuple(dict.fromkeys(look(connection, ran, sizes)))
            plan = explain(connection, ran.statement, ran.parameters).text if faults else ""
            seen[key] = Verdict(ran, faults, plan)
        verdict = seen[key]
        return Verdict(ran, verdict.faults, verdict.plan)

    return judge


def rows_of_tables(connection: Connection) -> dict[str, int]:
    """Table -> its rows; on SQLite also index -> its entries."""
    if connection.dialect.name == "postgresql":
        sql = "SELECT relname, reltuples::bigint FROM pg_class WHERE relkind = 'r'"
        return dict(tuple(row) for row in connection.execute(text(sql)))
    # Its own statistics are from a sample, and off by a factor of three: good enough to tell a
    # partial index from a whole one.
    stats = connection.execute(text("SELECT tbl, idx, CAST(stat AS INTEGER) FROM sqlite_stat1"))
    told = [(table, index or table, entries) for table, index, entries in stats]
    most = {table: max(n for other, _, n in told if other == table) for table, _, _ in told}
    sizes = {table: _count(connection, table) for table in most}
    return sizes | {index: sizes[table] * entries // most[table] for table, index, entries in told}


def _count(connection: Connection, table: str) -> int:
    return connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()


def _on_sqlite(connection: Connection, ran: Ran, sizes: Mapping[str, int]) -> Iterator[Fault]:
    driver = connection.connection.driver_connection
    for kind, table in judge_program(driver, ran.statement, ran.parameters, sizes, LARGE):
        if kind == "reads":
            says = f"reads {table} whole, with its {sizes[table]:,} rows"
        else:
            says = f"sorts rows of {table} that no index has in that order"
        yield Fault(kind, table, says)


def _on_postgresql(connection: Connection, ran: Ran, sizes: Mapping[str, int]) -> Iterator[Fault]:
    """By what the statement did when it was run: its LIMITs and its values are in the numbers."""
    (((found, *_),),) = connection.exec_driver_sql(
        f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {ran.statement}", ran.parameters
    ).all()
    yield from _faults(found["Plan"], sizes)


def _faults(node: dict[str, Any], sizes: Mapping[str, int]) -> Iterator[Fault]:
    below = node.get("Plans", ())
    if node["Node Type"] in {"Sort", "Incremental Sort"}:
        rows = sum(_rows(part) for part in below if part["Parent Relationship"] == "Outer")
        if rows > MOST_SORTED:
            tables = ", ".join(sorted(set(_tables(node))))
            yield Fault("sorts", tables, f"sorts {rows:,.0f} rows of {tables or 'subqueries'}")
    table = node.get("Relation Name", "")
    size = sizes.get(table, 0)
    if "Scan" in node["Node Type"] and size >= LARGE:
        read = _rows(node, "Rows Removed by Filter", "Rows Removed by Index Recheck")
        if read >= WHOLE * size and node["Actual Loops"] < size / 10:
            yield Fault("reads", table, f"reads {read:,.0f} of the {size:,} rows of {table}")
    for part in below:
        yield from _faults(part, sizes)


def _rows(node: dict[str, Any], *more: str) -> float:
    return node["Actual Loops"] * sum(node.get(name, 0) for name in ("Actual Rows", *more))


def _tables(node: dict[str, Any]) -> Iterator[str]:
    if "Relation Name" in node:
        yield node["Relation Name"]
    for part in node.get("Plans", ()):
        yield from _tables(part)
