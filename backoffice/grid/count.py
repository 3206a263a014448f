"""Counts that stop at a limit, and the planner's estimate: a page never counts a whole table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Dialect, ScalarSelect, func, select, text
from sqlalchemy.orm import Session

from backoffice.database import Rows

LIMIT = 10_000
FAR = 20
"""Of a table with so many times the limit by the planner's estimate, the page shows the estimate
and does not count: to look at 10,001 entries took as long as all the rest of its statement."""
COMMON = 0.05
"""The share of a table from which on the planner's sample is believed."""


@dataclass(frozen=True)
class Count:
    """How many rows there are: exactly, or at least.

    :param estimate: What the planner takes for their number, where only that is known.
    """

    number: int
    exact: bool
    estimate: int | None = None

    def __str__(self) -> str:
        if self.exact:
            return f"{self.number:,}"
        if self.estimate is not None and self.estimate > self.number:
            return f"about {_rounded(self.estimate)}"
        return f"{self.number:,}+"


def _rounded(number: int) -> str:
    """Two digits of it: an estimate does not know more. ``12,000``, ``1.0 million``."""
    digits = len(str(number)) - 2
    number = round(number, -digits)
    for size, name in ((10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{number / size:.{1 if number < 10 * size else 0}f} {name}"
    return f"{number:,}"


def up_to(number: int, limit: int) -> Count:
    """The count that looked at ``limit + 1`` rows at most and found ``number``."""
    return Count(min(number, limit), exact=number <= limit)


def counted(rows: Rows, limit: int) -> ScalarSelect[int]:
    """How many ``rows`` there are, as part of another statement; reads ``limit + 1`` at most."""
    inner = rows.order_by(None).limit(limit + 1).subquery()
    return select(func.count()).select_from(inner).scalar_subquery()


def count_up_to(session: Session, rows: Rows, limit: int = LIMIT) -> Count:
    """How many ``rows`` there are; the database looks at ``limit + 1`` of them at most."""
    return up_to(session.scalar(select(counted(rows, limit))) or 0, limit)


def explained(model: type[Any], hits: Rows, dialect: Dialect) -> tuple[str, dict[str, Any]]:
    """The statement, with its parameters, that has PostgreSQL say how many ``hits`` it expects."""
    parts = [
        rows.cte(name).prefix_with("MATERIALIZED")  # else it would be no part of the plan by itself
        for name, rows in (("hits", hits), ("all", select(model.id)))
    ]
    both = select(*(select(func.count()).select_from(part).scalar_subquery() for part in parts))
    compiled = both.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return f"EXPLAIN (FORMAT JSON) {compiled}", dict(compiled.params)


def common(session: Session, explain: str, parameters: dict[str, Any], limit: int) -> int | None:
    """How many hits the planner expects, where they are far more than ``limit``; else None.

    PostgreSQL keeps a sample of each index's values. What is in a twentieth of it is in far more
    than a hundredth of the rows, and to know so takes 1 ms where counting to 10,001 took 40.

    :param explain: The statement of ``explained``.
    """
    (plan,) = session.connection().exec_driver_sql(explain, parameters).scalar_one()
    expected = {part["Subplan Name"]: part["Plan Rows"] for part in plan["Plan"]["Plans"]}
    least = max(COMMON * expected["CTE all"], 5 * limit)
    return expected["CTE hits"] if expected["CTE hits"] >= least else None


def count_only(model: type[Any], *conditions: ColumnElement[bool]) -> Rows:
    """How many rows of ``model`` there are, to the last: only for who asks, and under a limit."""
    return select(func.count().label("_count")).select_from(model).where(*conditions)


def estimated(table: str, dialect: str) -> ScalarSelect[int]:
    """The rows of ``table`` as the planner's statistics have them, as part of another statement.

    NULL before the first ANALYZE. Of the entries of SQLite, those of partial indexes count less.
    """
    if dialect == "postgresql":
        sql = "SELECT nullif(reltuples, -1)::bigint AS n FROM pg_class WHERE oid = to_regclass(:t)"
    else:
        sql = "SELECT max(CAST(stat AS INTEGER)) AS n FROM sqlite_stat1 WHERE tbl = :t"
    number: Any = text(sql).bindparams(t=table).columns(n=BigInteger)
    return number.scalar_subquery()  # type: ignore[no-any-return]
