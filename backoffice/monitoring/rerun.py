"""A recorded statement asked about again: how it would be planned, or how long it takes now."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from backoffice.database import complaint, is_busy, reading
from backoffice.models import QueryShape
from backoffice.querylog import UNRECORDED
from backoffice.querylog.parameters import Values, from_json
from backoffice.querylog.plans import Plan, explain

PLAN_SECONDS = 2.0
RUN_SECONDS = 60.0


class NotExplainedError(Exception):
    """The database did not take the statement; the message says why, without values."""


@dataclass(frozen=True)
class Ran:
    """What a run came to. ``text`` is the plan, with no value; PostgreSQL's has what each took."""

    text: str
    milliseconds: float
    rows: int


def explain_now(shape: QueryShape) -> Plan:
    """The plan of the slowest call kept of ``shape``; it is not run.

    :raises NotExplainedError: it has none.
    """
    values = _values(shape)
    try:
        with reading(PLAN_SECONDS) as connection:
            connection.execution_options(**{UNRECORDED: True})
            return explain(connection, shape.statement, values)
    except DBAPIError as error:
        raise NotExplainedError(_why(error)) from error


def run_now(shape: QueryShape) -> Ran:
    """Run that call, which must only read, in a transaction that the database keeps from writing.

    :raises NotExplainedError: it writes, takes longer than ``RUN_SECONDS`` or is not understood.
    """
    values = _values(shape)
    try:
        with reading(RUN_SECONDS) as connection:
            connection.execution_options(**{UNRECORDED: True})
            if connection.dialect.name == "sqlite":
                return _run_sqlite(connection, shape.statement, values)
            return _run_postgresql(connection, shape.statement, values)
    except DBAPIError as error:
        raise NotExplainedError(_why(error)) from error


def _run_sqlite(connection: Connection, statement: str, values: Values) -> Ran:
    started = perf_counter()
    rows = _count(connection.exec_driver_sql(statement, values))
    took = 1000 * (perf_counter() - started)
    return Ran(explain(connection, statement, values).text, took, rows)


def _run_postgresql(connection: Connection, statement: str, values: Values) -> Ran:
    asked = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
    ((found,),) = connection.exec_driver_sql(asked, values or None).all()
    lines: list[str] = []
    _write(found[0]["Plan"], 0, lines)
    return Ran("\n".join(lines), found[0]["Execution Time"], int(found[0]["Plan"]["Actual Rows"]))


def _write(node: dict[str, Any], depth: int, lines: list[str]) -> None:
    """``node`` with what its run measured and those below it, a line each."""
    says = str(node["Node Type"])
    if "Index Name" in node:
        says += f" using {node['Index Name']}"
    if "Relation Name" in node:
        says += f" on {node['Relation Name']}"
    blocks = node.get("Shared Hit Blocks", 0) + node.get("Shared Read Blocks", 0)
    says += f"  ({node['Actual Total Time']} ms, {node['Actual Rows']:g} rows, {blocks} blocks"
    lines.append("  " * depth + f"{says}, {node['Actual Loops']:g} times)")
    for below in node.get("Plans", ()):
        _write(below, depth + 1, lines)


def _count(result: Any) -> int:
    return sum(1 for _ in result) if result.returns_rows else 0


def _values(shape: QueryShape) -> Values:
    try:
        return from_json(shape.parameters)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise NotExplainedError("its values were not kept in a form that is understood") from error


def _why(error: DBAPIError) -> str:
    """What the database says, or what that means."""
    if is_busy(error):
        return "the database stopped it: it took too long"
    said = complaint(error)
    if "readonly" in said or "read-only" in said:
        return "it writes: only what reads is run"
    return f"the database does not take it: {said}"
