"""When an index pays, and what is said of one that was tried."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from backoffice.indexes.advice.candidates import Candidate
from backoffice.indexes.advice.measure import ROUNDS, Read, duration
from backoffice.indexes.advice.workload import Workload
from backoffice.indexes.advice.writes import Cost


@dataclass(frozen=True)
class Rules:
    """When an index pays.

    ``worth``: readers gain at least so many times what writers lose. ``least``: and at least this
    share of the time of the statements that use it. ``noticed``: and so many milliseconds of a call
    of one of them. ``smallest``: rows below which a table is
    read whole in no time. ``reads_per_write``: assumed where no write of a table is recorded.
    ``seconds`` end a statement; ``rounds`` is how often the sides take turns.
    """

    worth: float = 2.0
    least: float = 0.1
    noticed: float = 0.1
    smallest: int = 1_000
    reads_per_write: float = 10.0
    seconds: float = 5.0
    rounds: int = ROUNDS


@dataclass
class Advice:
    """What became of one candidate; ``gain`` and ``cost`` are seconds over the period."""

    candidate: Candidate
    pays: bool
    reason: str
    reads: list[Read] = field(default_factory=list)
    writes: Cost | None = None
    gain: float = 0.0
    cost: float = 0.0
    bytes: int = 0
    build_seconds: float = 0.0
    notes: list[str] = field(default_factory=list)


@dataclass
class Report:
    """All candidates with their verdicts, those that pay first, in the order of their gain."""

    advice: list[Advice]
    workload: Workload
    rows: dict[str, int]
    sampled: dict[str, float]

    @property
    def paying(self) -> list[Advice]:
        return [one for one in self.advice if one.pays]


def why_not(reads: list[Read], gain: float, cost: float, rules: Rules) -> str:
    """Why an index does not pay that gains and costs so many seconds, empty where it does."""
    before = sum(read.question.calls * read.before for read in reads) / 1000
    if gain < rules.least * before:
        return f"gains only {duration(gain)} of {duration(before)}"
    if max(read.before - read.after for read in reads) < rules.noticed:
        return f"spares no statement {rules.noticed:g} ms"
    if gain < rules.worth * cost:
        return (
            f"readers gain {duration(gain)}, which is less than {rules.worth:g} times the "
            f"{duration(cost)} that writers lose"
        )
    return ""


def as_json(advice: Advice, values: bool = False) -> dict[str, Any]:
    """The advice as ``--json`` prints it; with the ``values`` as ``IndexAdvice`` keeps it."""
    return {
        "name": advice.candidate.name,
        "table": advice.candidate.table,
        "columns": list(advice.candidate.columns),
        "where": advice.candidate.where,
        "offered": advice.candidate.offered,
        "pays": advice.pays,
        "reason": advice.reason,
        "notes": advice.notes,
        "gain_seconds": round(advice.gain, 6),
        "cost_seconds": round(advice.cost, 6),
        "bytes": advice.bytes,
        "build_seconds": round(advice.build_seconds, 3),
        "reads": [read.as_json(values) for read in advice.reads],
        "writes": advice.writes.as_json() if advice.writes else None,
    }
