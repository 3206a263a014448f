"""What the database is asked: as the query log recorded it, or as a file says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlglot import exp

from backoffice.indexes.advice.needs import Need, Schema, Write, needs, parsed, tables_of, write_of
from backoffice.models import QueryHour, QueryShape
from backoffice.querylog.parameters import Values, from_json
from backoffice.querylog.shape import fingerprint_of, shape_of

CALLS = re.compile(r"--\s*calls:\s*([\d_,]+)")
STATEMENT = re.compile(r"(?:[^;'\"]|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")+")


@dataclass(frozen=True)
class Question:
    """A statement that reads, with the values of one call, and how often it is asked."""

    fingerprint: str
    shape: str
    statement: str
    parameters: Values
    calls: int
    tables: frozenset[str]
    needs: tuple[Need, ...] = field(compare=False, hash=False, default=())


@dataclass
class Writes:
    """The rows written to one table over the period; ``updates`` by the columns set."""

    inserts: float = 0
    deletes: float = 0
    updates: Counter[frozenset[str]] = field(default_factory=Counter)
    assumed: bool = False


@dataclass
class Workload:
    """All that was asked; ``unread`` are shapes that are not understood."""

    questions: list[Question] = field(default_factory=list)
    writes: dict[str, Writes] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def writes_to(self, table: str, reads_per_write: float) -> Writes:
        """Those recorded, otherwise one row written per so many reads, half of them new."""
        if table in self.writes:
            return self.writes[table]
        reads = sum(question.calls for question in self.questions if table in question.tables)
        rows = reads / reads_per_write / 2
        anything: Counter[frozenset[str]] = Counter()
        anything[frozenset({"*"})] = round(rows)
        return Writes(rows, 0, anything, assumed=True)


@dataclass(frozen=True)
class Asked:
    """One statement with what is known of its calls; ``rows`` counts those that they wrote."""

    statement: str
    parameters: Values
    calls: int
    rows: int = 0


def recorded(connection: Connection, since: datetime, fingerprint: str = "") -> Iterator[Asked]:
    """The shapes of the query log since then, the most time first."""
    period = (
        select(
            QueryHour.shape_id,
            func.sum(QueryHour.calls).label("calls"),
            func.sum(QueryHour.rows).label("rows"),
            func.sum(QueryHour.microseconds).label("microseconds"),
        )
        .where(QueryHour.hour >= since)
        .group_by(QueryHour.shape_id)
        .subquery()
    )
    statement = (
        select(QueryShape.statement, QueryShape.parameters, period.c.calls, period.c.rows)
        .join(period, period.c.shape_id == QueryShape.id)
        .order_by(period.c.microseconds.desc(), QueryShape.id)
    )
    if fingerprint:
        statement = statement.where(QueryShape.fingerprint == fingerprint)
    for asked, parameters, calls, rows in connection.execute(statement):
        yield Asked(asked, from_json(parameters), int(calls), int(rows))


def in_file(text: str) -> Iterator[Asked]:
    """The statements of a file, separated by ``;``, each with ``-- calls: 120`` or one call."""
    for part in STATEMENT.findall(text):
        statement = "\n".join(
            line for line in part.splitlines() if not line.strip().startswith("--")
        ).strip()
        if statement:
            calls = CALLS.search(part)
            asked = int(re.sub(r"\D", "", calls[1])) if calls else 1
            yield Asked(statement, (), asked, asked)


def workload(
    asked: Iterable[Asked], dialect: str, schema: Schema, *, table: str = "", limit: int = 100
) -> Workload:
    """The questions about ``schema``, ``limit`` of them at most, and the writes to its tables.

    :param table: Only the questions that read it, and what they ask of it.
    """
    found = Workload()
    for one in asked:
        tree = parsed(one.statement, dialect)
        if tree is None:
            found.unread.append(shape_of(one.statement))
        elif write := write_of(tree):
            _count(found, write, one)
        elif _only_reads(tree) and len(found.questions) < limit:
            tables = tables_of(tree, schema)
            if tables and (not table or table in tables):
                asks = tuple(
                    need
                    for need in needs(tree, dialect, schema)
                    if not table or need.table == table
                )
                found.questions.append(_question(one, tables, asks))
    return found


def _only_reads(tree: exp.Expr) -> bool:
    """Whether it can be run again and again: SELECT ... FOR UPDATE locks rows of staff."""
    return isinstance(tree, exp.Query) and not any(tree.find_all(exp.Lock, exp.DML))


def _question(one: Asked, tables: frozenset[str], asks: tuple[Need, ...]) -> Question:
    return Question(
        fingerprint_of(one.statement),
        shape_of(one.statement),
        one.statement,
        one.parameters,
        one.calls,
        tables,
        asks,
    )


def _count(found: Workload, write: Write, one: Asked) -> None:
    writes = found.writes.setdefault(write.table, Writes())
    rows = max(one.calls, one.rows)
    if write.kind == "insert":
        writes.inserts += rows
    elif write.kind == "delete":
        writes.deletes += rows
    else:
        writes.updates[write.columns] += rows
