"""Whether indexes that were advised do, once they are there, what was promised."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from backoffice.database import begins_reading, db, reading
from backoffice.indexes.advice.advise import schema
from backoffice.indexes.advice.candidates import Candidate, covered_by
from backoffice.indexes.advice.copied import Limits, Scratch
from backoffice.indexes.advice.kept import keep_proof, kept
from backoffice.indexes.advice.measure import compare, duration, times, typical, uses
from backoffice.indexes.advice.needs import parsed, tables_of
from backoffice.indexes.advice.scratch import scratch
from backoffice.indexes.advice.verdict import Rules
from backoffice.indexes.advice.workload import Question
from backoffice.indexes.advice.writes import measure_writes
from backoffice.indexes.found import Found, found_indexes
from backoffice.models import IndexAdvice
from backoffice.querylog.parameters import from_json


@dataclass(frozen=True)
class Now:
    """One statement in milliseconds: without the index on a copy, with it, and as promised."""

    shape: str
    calls: int
    before: float
    after: float
    promised: float


@dataclass
class Proof:
    """What became of one piece of advice; ``writes`` are microseconds a row, by kind."""

    name: str
    confirmed: bool
    says: str
    reads: list[Now] = field(default_factory=list)
    writes: dict[str, float] = field(default_factory=dict)
    promised_writes: dict[str, float] = field(default_factory=dict)
    bytes: int = 0


def prove(
    names: Iterable[str],
    rules: Rules,
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    progress: Callable[[str], None] = lambda _: None,
) -> list[Proof]:
    """Measure again what was advised and is built, and keep what was found.

    Reads run on the real tables, each for ``rules.seconds`` at most; what the index spares them,
    and what it costs writers, shows on a copy.

    :param names: Of advised indexes, those not built included; none for all that are built.
    :raises ScratchError: no copy could be made.
    """
    rows = kept(names)
    with begins_reading(db.engine).connect() as connection:
        there = [index for index in found_indexes(connection) if index.valid]
    built = {row.name: _built(there, row) for row in rows}
    proofs = [
        Proof(row.name, confirmed=False, says="not built: run `manage.py indexes build`")
        for row in rows
        if not built[row.name] and names
    ]
    provable = [(row, built[row.name] or "") for row in rows if built[row.name]]
    if provable:
        tables = {row.on_table for row, _ in provable}
        tables |= {table for row, _ in provable for one in _questions(row) for table in one.tables}
        with scratch(tables, limits, progress=progress) as copy:
            for row, name in provable:
                progress(f"measuring {name}")
                proof = _prove(copy, row, name, rules)
                keep_proof(row, vars(proof) | {"reads": [vars(read) for read in proof.reads]})
                proofs.append(proof)
    return sorted(proofs, key=lambda proof: proof.name)


def _candidate(row: IndexAdvice) -> Candidate:
    return Candidate(row.on_table, tuple(row.columns), row.measured["where"])


def _built(there: Iterable[Found], row: IndexAdvice) -> str | None:
    """The name of the index that is there for it."""
    for index in there:
        if index.name == row.name or covered_by(_candidate(row), [index], db.engine.dialect.name):
            return index.name
    return None


def _questions(row: IndexAdvice) -> list[Question]:
    found = []
    for read in row.measured["reads"]:
        tree = parsed(read["statement"], db.engine.dialect.name)
        found.append(
            Question(
                read["fingerprint"],
                read["shape"],
                read["statement"],
                from_json(read["parameters"]),
                read["calls"],
                tables_of(tree, schema()) if tree else frozenset(),
            )
        )
    return found


def _prove(copy: Scratch, row: IndexAdvice, name: str, rules: Rules) -> Proof:
    questions, promised = _questions(row), row.measured
    on_copy = compare(copy, name, questions, rules.seconds, rules.rounds)
    cost = measure_writes(copy, _candidate(row), rounds=rules.rounds, name=name)
    real, used = _as_they_are(questions, name, rules.seconds)
    reads = [
        Now(one.shape, one.calls, read.before, real[one.fingerprint], then["after"])
        for one, read, then in zip(questions, on_copy, promised["reads"], strict=True)
    ]
    before = sum(read.calls * read.before for read in reads) / 1000
    gain = before - sum(read.calls * read.after for read in reads) / 1000
    confirmed = used and gain >= rules.least * before
    proof = Proof(row.name, confirmed, "", reads)
    proof.writes = {kind: getattr(cost, kind) for kind in cost.bare}
    proof.promised_writes = {kind: promised["writes"][kind] for kind in cost.bare}
    proof.says = _says(proof, used)
    return proof


def _as_they_are(
    questions: list[Question], name: str, seconds: float
) -> tuple[dict[str, float], bool]:
    """(fingerprint -> milliseconds on the real tables, whether any of the plans has the index)."""
    found: dict[str, float] = {}
    used = False
    for one in questions:
        with reading(seconds) as connection:
            used |= uses(connection, one, name)
            found[one.fingerprint] = 1000 * typical(times(Scratch(connection), one, seconds))
    return found, used


def _says(proof: Proof, used: bool) -> str:
    dearest: Any = max(proof.reads, key=lambda read: read.calls * read.before, default=None)
    if not used or dearest is None:
        return "no gain: no statement uses it any more; drop it"
    before, after, promised = (
        duration(each / 1000) for each in (dearest.before, dearest.after, dearest.promised)
    )
    figures = f"{before} → {after} (promised {promised})"
    return f"confirmed: {figures}" if proof.confirmed else f"no gain: {figures}; drop it"
