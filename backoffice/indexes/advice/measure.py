"""What statements take with an index and without it, in turn, on a copy."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from backoffice.database import is_busy
from backoffice.indexes.advice.copied import Scratch
from backoffice.indexes.advice.workload import Question
from backoffice.querylog.parameters import to_json
from backoffice.querylog.plans import explain

ROUNDS = 4
SECONDS_A_SIDE = 0.25
"""How long one statement is asked again and again before the other side's turn, at most."""

MOST_CALLS = 15
"""And how often."""


@dataclass(frozen=True)
class Read:
    """One statement's times in milliseconds, see ``typical``, and plans with it and without.

    ``stopped`` says that it ran into the timeout without: then ``before`` is at least that.
    Rows read are known on PostgreSQL only.
    """

    question: Question
    before: float
    after: float
    stopped: bool
    plan_before: str
    plan_after: str
    rows_before: int | None = None
    rows_after: int | None = None

    @property
    def fingerprint(self) -> str:
        return self.question.fingerprint

    @property
    def gain(self) -> float:
        """Seconds over all calls."""
        return self.question.calls * (self.before - self.after) / 1000

    @property
    def factor(self) -> float:
        return self.before / max(self.after, 0.001)

    def as_json(self, values: bool = False) -> dict[str, Any]:
        """Plain; with the statement and its ``values``, people's data, only to ask it again."""
        asked = {name: getattr(self.question, name) for name in ("fingerprint", "shape", "calls")}
        if values:
            asked["statement"] = self.question.statement
            asked["parameters"] = to_json(self.question.parameters)
        measured = {each.name: getattr(self, each.name) for each in fields(self)[1:]}
        return asked | measured


def duration(seconds: float) -> str:
    """``1.2 s``, ``3.4 ms`` or ``56 µs``: a column has tables read whole and keys looked up."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        value = seconds / size
        if abs(value) >= 1 or unit == "µs":
            break
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"


def typical(taken: Sequence[float]) -> float:
    """The lower quartile: what else the machine does only ever adds, and the median has it too."""
    return sorted(taken)[len(taken) // 4]


def uses(connection: Connection, question: Question, name: str) -> bool:
    """Whether the planner means to read the index ``name``."""
    plan = explain(connection, question.statement, question.parameters)
    return bool(re.search(rf"\b{name}\b", plan.text))


def users(scratch: Scratch, questions: Iterable[Question], name: str) -> list[Question]:
    """Those of ``questions`` whose plan has the index."""
    with scratch.transaction():
        return [one for one in questions if uses(scratch.connection, one, name)]


def times(scratch: Scratch, question: Question, seconds: float) -> list[float]:
    """The seconds of some calls, after one that warms; where one is stopped, ``seconds`` alone.

    Within a transaction of the copy.
    """
    plan = explain(scratch.connection, question.statement, question.parameters)
    alone = "Gather" not in plan.text  # no other process of PostgreSQL's takes part
    first = _once(scratch, question, seconds, alone)
    if first is None:
        return [seconds]
    calls = min(MOST_CALLS, int(SECONDS_A_SIDE / max(first, 1e-6)))
    taken = [_once(scratch, question, seconds, alone) for _ in range(calls)]
    return [one for one in taken if one is not None] or [first]


def _once(scratch: Scratch, question: Question, seconds: float, alone: bool) -> float | None:
    try:
        with scratch.connection.begin_nested():
            scratch.allow(seconds)
            started = scratch.clock(alone)
            scratch.run(question.statement, question.parameters)
            return scratch.clock(alone) - started
    except Exception as error:
        # The driver's own, since SQLAlchemy did not run it.
        if not is_busy(OperationalError("", {}, error)):
            raise
        return None


def compare(
    scratch: Scratch,
    name: str,
    questions: list[Question],
    seconds: float,
    rounds: int = ROUNDS,
) -> list[Read]:
    """Ask each statement with the index ``name``, which is there, and without, in turn."""
    taken: dict[tuple[str, bool], list[float]] = defaultdict(list)
    plans: dict[tuple[str, bool], str] = {}
    rows: dict[tuple[str, bool], int | None] = {}
    stopped: set[str] = set()
    for turn in range(rounds):
        # The second side finds more in the caches: each comes first in turn.
        for without in (True, False) if turn % 2 == 0 else (False, True):
            with scratch.transaction([name] if without else [], seconds):
                for one in questions:
                    key = (one.fingerprint, without)
                    if without and one.fingerprint in stopped:
                        continue
                    found = times(scratch, one, seconds)
                    taken[key] += found
                    if without and found == [seconds]:
                        stopped.add(one.fingerprint)
                    if turn == 0:
                        plan = explain(scratch.connection, one.statement, one.parameters)
                        plans[key] = plan.text
                        rows[key] = None if one.fingerprint in stopped else rows_read(scratch, one)
    return [
        Read(
            one,
            1000 * typical(taken[one.fingerprint, True]),
            1000 * typical(taken[one.fingerprint, False]),
            one.fingerprint in stopped,
            plans[one.fingerprint, True],
            plans[one.fingerprint, False],
            rows[one.fingerprint, True],
            rows[one.fingerprint, False],
        )
        for one in questions
    ]


def rows_read(scratch: Scratch, question: Question) -> int | None:
    """The rows of tables and indexes that one call looks at; SQLite does not tell."""
    if scratch.dialect == "sqlite":
        return None
    ((found,),) = scratch.run(
        f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {question.statement}", question.parameters
    )
    return round(_rows(found[0]["Plan"]))


def _rows(node: dict[str, Any]) -> float:
    below = sum(_rows(one) for one in node.get("Plans", ()))
    if "Scan" not in node["Node Type"] or node["Node Type"] == "Bitmap Heap Scan":
        return float(below)
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float(below + node["Actual Loops"] * (node["Actual Rows"] + removed))
