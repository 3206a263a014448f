"""Which indexes a workload wants: each is built on a copy and measured beside those chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from backoffice.database import Base
from backoffice.indexes.advice.candidates import Candidate
from backoffice.indexes.advice.choice import Choice
from backoffice.indexes.advice.copied import Limits
from backoffice.indexes.advice.needs import Schema
from backoffice.indexes.advice.scratch import scratch
from backoffice.indexes.advice.verdict import Report, Rules
from backoffice.indexes.advice.workload import Workload
from backoffice.indexes.found import Found, found_indexes
from backoffice.querylog.plans import explain


def schema() -> Schema:
    """The tables of the models with their columns."""
    return {
        table.name: frozenset(column.name for column in table.columns)
        for table in Base.metadata.sorted_tables
    }


def advise(
    connection: Connection,
    workload: Workload,
    offered: Iterable[Candidate],
    rules: Rules,
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Measure what ``workload`` suggests and what is ``offered``, on a copy of the tables.

    :param connection: Of the database itself, for what is there; only read.
    :raises ScratchError: no copy could be made.
    """
    offered = list(offered)
    used = _explained(connection, workload)
    tables = {table for question in workload.questions for table in question.tables}
    tables |= {candidate.table for candidate in offered}
    there = _there(connection, tables)
    connection.rollback()
    if not workload.questions:
        return Report([], workload, {}, {})
    with scratch(tables, limits, used=used, progress=progress) as copy:
        choice = Choice(copy, workload, rules, there, progress)
        choice.take(offered)
        choice.choose()
        advice = sorted(choice.advice, key=lambda one: (not one.pays, -one.gain))
        return Report(advice, workload, copy.rows, copy.sampled)


def _there(connection: Connection, tables: set[str]) -> list[Found]:
    """What serves statements about ``tables`` now. SQLite's rows are among it, by their key."""
    there = [index for index in found_indexes(connection) if index.valid and index.table in tables]
    if connection.dialect.name == "sqlite":
        for table in sorted(tables):
            key = tuple(Base.metadata.tables[table].primary_key.columns.keys())
            there.append(Found("the primary key", table, key, "", unique=True, definition=""))
    return there


def _explained(connection: Connection, workload: Workload) -> set[str]:
    """The indexes that the statements use now; those the database refuses are set aside."""
    used: set[str] = set()
    for question in list(workload.questions):
        try:
            with connection.begin_nested():
                plan = explain(connection, question.statement, question.parameters)
        except DBAPIError:
            workload.questions.remove(question)
            workload.unread.append(question.shape)
        else:
            used.update(plan.indexes)
    return used
