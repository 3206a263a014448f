"""Which rules a statement breaks. What is not known to be harmless is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backoffice.revisions.alterations import Alteration, broken_by
from backoffice.revisions.known import COPY, Known
from backoffice.revisions.words import clauses, statements, without_text

HARMLESS = re.compile(
    r"(SELECT|SET|RESET|SHOW|PRAGMA|ANALYZE|COMMENT|GRANT|REVOKE)\b"
    r"|(CREATE|CREATE OR REPLACE) (EXTENSION|SCHEMA|TYPE|DOMAIN|SEQUENCE|FUNCTION|PROCEDURE|VIEW"
    r"|TRIGGER|TEMP TRIGGER|COLLATION)\b"
    r"|DROP (TRIGGER|FUNCTION|PROCEDURE|SEQUENCE|TYPE)\b|ALTER (SEQUENCE|FUNCTION|INDEX)\b",
    re.I,
)
HEAVY = re.compile(r"(LOCK|TRUNCATE|VACUUM|CLUSTER|REINDEX|REFRESH)\b", re.I)

Finding = tuple[str, str]
"""(rule, what was refused)."""


def judge(sql: str, dialect: str, known: Known) -> Iterator[Finding]:
    """What in ``sql`` breaks a rule."""
    for statement in statements(sql):
        yield from _judge(statement, dialect, known)


def subject(sql: str) -> str:
    """The table that ``sql`` is about, or nothing."""
    pattern = (
        r"(?:ALTER|CREATE|DROP|CREATE VIRTUAL) TABLE (?:IF (?:NOT )?EXISTS )?(?:ONLY )?(\w+)"
        r"|CREATE (?:UNIQUE )?INDEX .*? ON (?:ONLY )?(\w+)|UPDATE (?:ONLY )?(\w+)"
    )
    for statement in statements(sql):
        found = re.match(pattern, statement, re.I)
        if found:
            return next(name for name in found.groups() if name)
    return ""


def _judge(statement: str, dialect: str, known: Known) -> Iterator[Finding]:
    plain = without_text(statement)
    for pattern, look in _KINDS:
        found = re.match(pattern, plain, re.I)
        if found:
            if look is not None:
                yield from look(_Seen(statement, plain, found, dialect, known))
            return
    if HEAVY.match(plain):
        yield "heavy", statement
    elif not HARMLESS.match(plain):
        yield "unknown", statement


@dataclass(frozen=True)
class _Seen:
    statement: str
    plain: str
    found: re.Match[str]
    dialect: str
    known: Known

    @property
    def table(self) -> str:
        return self.found["table"]


def _create_table(seen: _Seen) -> Iterator[Finding]:
    seen.known.made.add(seen.table)
    if re.search(r"\bAS \(*(SELECT|TABLE|WITH|EXECUTE)\b", seen.plain, re.I):
        yield from _fills_from(seen)


def _select_into(seen: _Seen) -> Iterator[Finding]:
    seen.known.made.add(seen.table)
    yield from _fills_from(seen)


def _change_limits(seen: _Seen) -> Iterator[Finding]:
    if re.search(r"\b(lock_timeout|statement_timeout|ALL)\b", seen.statement, re.I):
        yield "limits", seen.statement


def _fills_from(seen: _Seen) -> Iterator[Finding]:
    """A table filled from others: as long as those are large."""
    rest = seen.plain[seen.found.end() :]
    sources = set(re.findall(r"\b(?:FROM|JOIN|TABLE) (?:ONLY )?(\w+)", rest, re.I))
    if seen.found["table"].startswith(COPY):
        table = seen.found["table"].removeprefix(COPY)
        seen.known.rebuilt.add(table)
        if not seen.known.is_spared(table):
            yield "rebuild", f"{table} is copied"
    elif any(not seen.known.is_spared(table) for table in sources):
        yield "backfill", seen.statement


def _insert(seen: _Seen) -> Iterator[Finding]:
    if re.search(r"\b(SELECT|TABLE)\b", seen.plain, re.I):
        yield from _fills_from(seen)
    elif re.search(r"VALUES \('rebuild'\)$", seen.statement):
        yield "backfill", seen.statement


def _change_rows(seen: _Seen) -> Iterator[Finding]:
    if not seen.known.is_spared(seen.table):
        yield "backfill", seen.statement


def _create_index(seen: _Seen) -> Iterator[Finding]:
    seen.known.indexes[seen.found["index"]] = seen.table
    if seen.found["concurrently"]:
        yield "index-concurrently", seen.statement
    elif not seen.known.is_spared(seen.table) and seen.table not in seen.known.rebuilt:
        yield "index-in-revision", seen.statement


def _drop_index(seen: _Seen) -> Iterator[Finding]:
    table = seen.known.indexes.get(seen.found["index"], "")
    if seen.found["concurrently"]:
        yield "index-concurrently", seen.statement
    elif seen.dialect == "postgresql" and not seen.known.is_spared(table):
        yield "drop-index", seen.statement


def _drop_table(seen: _Seen) -> Iterator[Finding]:
    if seen.table not in seen.known.made | seen.known.rebuilt:
        yield "drop-table", seen.statement


def _alter_table(seen: _Seen) -> Iterator[Finding]:
    if seen.table.startswith(COPY) or seen.known.is_new(seen.table):
        return
    actions = seen.statement[seen.found.end("table") :].strip()
    for action in clauses(actions):
        for rule in broken_by(Alteration(seen.table, action, seen.dialect, seen.known)):
            yield rule, f"ALTER TABLE {seen.table} {action}"


_Look = Callable[[_Seen], Iterator[Finding]]

_KINDS: tuple[tuple[str, _Look | None], ...] = (
    (
        r"CREATE (TEMP |TEMPORARY |UNLOGGED |VIRTUAL )?TABLE (IF NOT EXISTS )?(?P<table>\w+)",
        _create_table,
    ),
    (r"ALTER TABLE (IF EXISTS )?(ONLY )?(?P<table>\w+)", _alter_table),
    (r"DROP (TABLE|VIEW|MATERIALIZED VIEW) (IF EXISTS )?(?P<table>\w+)", _drop_table),
    (
        (r"CREATE (UNIQUE )?INDEX (?P<concurrently>CONCURRENTLY )?(IF NOT EXISTS )?(?P<index>\w+) "
        r"ON (ONLY )?(?P<table>\w+)"),
        _create_index,
    ),
    (r"DROP INDEX (?P<concurrently>CONCURRENTLY )?(IF EXISTS )?(?P<index>\w+)", _drop_index),
    (r"INSERT (OR \w+ )?INTO (?P<table>\w+)", _insert),
    (r"(UPDATE|DELETE FROM|MERGE INTO) (ONLY )?(?P<table>\w+)", _change_rows),
    (r"WITH .*\b(?:UPDATE|DELETE FROM|INSERT INTO) (?P<table>\w+)", _change_rows),
    (r"SELECT\b.* INTO ((TEMP|TEMPORARY|UNLOGGED) )?(TABLE )?(?P<table>\w+)", _select_into),
    (r"(SET|RESET) (SESSION )?(lock_timeout|statement_timeout|ALL)\b", _change_limits),
    (r"SET LOCAL lock_timeout\b", _change_limits),
    (r"SELECT\b.*\bset_config\b", _change_limits),
    (r"(BEGIN|COMMIT|ROLLBACK|START TRANSACTION|END)\b", lambda seen: iter(
        [("own-commit", seen.statement)]
    )),
)  # fmt: skip
