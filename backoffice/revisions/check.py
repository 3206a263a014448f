"""All revisions held against the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alembic.script import ScriptDirectory

from backoffice.revisions.judge import judge, subject
from backoffice.revisions.known import Known
from backoffice.revisions.recorded import DIALECTS, Recorded, Statement, record, was_read
from backoffice.revisions.rules import RULES, SMALL
from backoffice.revisions.squawk import squawk

FEWEST_LETTERS = 20
"""Of a reason in ACCEPTED: "ok" is none."""


@dataclass(frozen=True)
class Refusal:
    """One thing in one revision that is not safe while staff work."""

    file: Path
    line: int | None
    dialects: tuple[str, ...]
    rule: str
    what: str
    why: str
    safe: str

    def __str__(self) -> str:
        place = f"{self.file.name}:{self.line}" if self.line else self.file.name
        what = self.what if len(self.what) <= 120 else f"{self.what[:120]}…"
        return (
            f"{place}: {self.rule} ({' and '.join(self.dialects)}): {what}\n"
            f"  {self.why}\n  safe: {self.safe}"
        )


@dataclass(frozen=True)
class Verdict:
    """What is refused, and how many things a revision has accepted with a reason."""

    revisions: int
    refusals: list[Refusal]
    accepted: list[tuple[str, str, str]]
    """(revision, rule, reason)."""


def check(scripts: ScriptDirectory) -> Verdict:
    """Judge every revision of ``scripts``, applied or pending, on both databases."""
    recorded = record(scripts)
    known = {dialect: Known() for dialect in DIALECTS}
    refusals: list[Refusal] = []
    accepted = []
    for revision in recorded:
        found = _merged(_refusals(revision, known))
        refusals += [refusal for refusal in found if not _is_accepted(revision, refusal)]
        refusals += _wrong_acceptances(revision, {refusal.rule for refusal in found})
        accepted += [(revision.revision, rule, why) for rule, why in revision.accepted.items()]
    return Verdict(len(recorded), refusals, accepted)


def _refusals(revision: Recorded, known: dict[str, Known]) -> Iterator[Refusal]:
    for dialect in DIALECTS:
        known[dialect].begin_revision()
        statements = [each for each in revision.statements if each.dialect == dialect]
        explained = set()
        for statement in statements:
            found = list(_judged(statement, known[dialect]))
            for rule, what in found:
                yield _refusal(revision, statement.line, dialect, rule, what)
            if found or subject(statement.sql) in SMALL:
                explained.add(statement)
        if dialect == "postgresql":
            yield from _squawks(revision, statements, explained)
    for dialect, line, error in revision.failures:
        what = " ".join(str(error).split()) or type(error).__name__
        yield _refusal(revision, line, dialect, "fails", what)


def _judged(statement: Statement, known: Known) -> Iterator[tuple[str, str]]:
    if was_read(statement.sql):
        yield "reads-rows", statement.sql
    elif statement.line is not None:
        yield from judge(statement.sql, statement.dialect, known)


def _squawks(
    revision: Recorded, statements: list[Statement], explained: set[Statement]
) -> Iterator[Refusal]:
    """What squawk says beside our rules, which explain better what both see."""
    for finding in squawk([statement.sql for statement in statements]):
        statement = statements[finding.index]
        if statement in explained:
            continue
        yield Refusal(
            revision.file,
            statement.line,
            ("postgresql",),
            finding.rule,
            " ".join(statement.sql.split()),
            finding.why,
            finding.safe,
        )


def _merged(found: Iterator[Refusal]) -> list[Refusal]:
    """The same of both databases as one; a batch's copy is what the operation needs on SQLite."""
    merged: dict[tuple[int | None, str], Refusal] = {}
    for one in found:
        key = (one.line, one.rule)
        first = merged.get(key)
        dialects = tuple(dict.fromkeys((*first.dialects, *one.dialects))) if first else one.dialects
        what = first.what if first else one.what
        merged[key] = Refusal(one.file, one.line, dialects, one.rule, what, one.why, one.safe)
    return list(merged.values())


def _refusal(revision: Recorded, line: int | None, dialect: str, rule: str, what: str) -> Refusal:
    said = RULES[rule]
    return Refusal(revision.file, line, (dialect,), rule, what, said.why, said.safe)


def _is_accepted(revision: Recorded, refusal: Refusal) -> bool:
    return len(revision.accepted.get(refusal.rule, "")) >= FEWEST_LETTERS


def _wrong_acceptances(revision: Recorded, found: set[str]) -> Iterator[Refusal]:
    for rule, reason in revision.accepted.items():
        if rule not in found:
            what = f"ACCEPTED names {rule}, which nothing in it does"
        elif len(reason) < FEWEST_LETTERS:
            what = f"ACCEPTED gives no reason for {rule}: {reason!r}"
        else:
            continue
        yield _refusal(revision, None, "postgresql", "not-accepted", what)
