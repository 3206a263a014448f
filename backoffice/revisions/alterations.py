"""Which rules the clauses of ALTER TABLE break."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backoffice.revisions.known import Known
from backoffice.revisions.words import without_text

STABLE_DEFAULT = re.compile(
    r"(now\(\)|CURRENT_TIMESTAMP|CURRENT_DATE|LOCALTIMESTAMP|statement_timestamp\(\)"
    r"|timezone\('[^']*', (now\(\)|CURRENT_TIMESTAMP)\))$",
    re.I,
)
DEFAULT = re.compile(
    r"\bDEFAULT (.+?)"
    r"(?= (?:NOT NULL|NULL|UNIQUE|PRIMARY|REFERENCES|CHECK|CONSTRAINT|COLLATE)\b|$)",
    re.I,
)


@dataclass(frozen=True)
class Alteration:
    """One clause of ALTER TABLE ``table``."""

    table: str
    action: str
    dialect: str
    known: Known


def broken_by(seen: Alteration) -> Iterator[str]:
    """The names of the rules that it breaks."""
    plain = without_text(seen.action)
    for pattern, rule in _ACTIONS:
        found = re.match(pattern, plain, re.I)
        if found:
            if callable(rule):
                yield from rule(seen, found)
            elif rule:
                yield rule
            return
    yield "unknown"


def _add_constraint(seen: Alteration, found: re.Match[str]) -> Iterator[str]:
    name, kind = found["name"] or "", found["kind"].upper()
    if kind == "CHECK":
        column = re.search(r"CHECK \(\(?(\w+) IS NOT NULL\)?\)", seen.action, re.I)
        if column:
            seen.known.filled[name] = column[1]
    if re.search(r"\bNOT VALID\b", seen.action, re.I):
        seen.known.added.add(name)
    elif not seen.known.is_spared(seen.table) and "USING INDEX" not in seen.action.upper():
        yield {"CHECK": "check", "FOREIGN KEY": "foreign-key"}.get(kind, "unique")


def _validate(seen: Alteration, found: re.Match[str]) -> Iterator[str]:
    if found["name"] in seen.known.added:
        yield "validate-together"
    elif found["name"] in seen.known.filled:
        seen.known.proven.add((seen.table, seen.known.filled[found["name"]]))


def _set_not_null(seen: Alteration, found: re.Match[str]) -> Iterator[str]:
    if (seen.table, found["name"]) not in seen.known.proven:
        yield "set-not-null"


def _add_column(seen: Alteration, found: re.Match[str]) -> Iterator[str]:
    rest = seen.action[found.end("name") :]
    default = DEFAULT.search(rest)
    plain = without_text(rest)
    made = re.search(r"\b(GENERATED|(BIG|SMALL)?SERIAL)\b", plain, re.I)
    if re.search(r"\bNOT NULL\b", plain, re.I) and not default and not made:
        yield "not-null-without-default"
    if made or (default and _is_volatile(default[1], seen.dialect)):
        yield "volatile-default"
    if not seen.known.is_spared(seen.table):
        yield from _rules_of_column(seen.dialect, plain)


def _rules_of_column(dialect: str, plain: str) -> Iterator[str]:
    if re.search(r"\b(UNIQUE|PRIMARY KEY)\b", plain, re.I):
        yield "unique"
    if dialect == "postgresql":  # SQLite looks at no row where the column is empty
        if re.search(r"\bREFERENCES\b", plain, re.I):
            yield "foreign-key"
        if re.search(r"\bCHECK\b", plain, re.I):
            yield "check"


def _is_volatile(default: str, dialect: str) -> bool:
    """A constant is not; a moment is the same for all rows on PostgreSQL, and not on SQLite."""
    value = default.strip()
    while value.startswith("(") and value.endswith(")") and dialect == "postgresql":
        value = value[1:-1].strip()
    if dialect == "postgresql" and STABLE_DEFAULT.match(value):
        return False
    return bool(re.search(r"\(|\bCURRENT_", without_text(value), re.I))


_Act = Callable[[Alteration, re.Match[str]], Iterator[str]]

_ACTIONS: tuple[tuple[str, str | _Act], ...] = (
    (
        r"ADD (CONSTRAINT (?P<name>\w+) )?(?P<kind>CHECK|FOREIGN KEY|UNIQUE|PRIMARY KEY|EXCLUDE)\b",
        _add_constraint,
    ),
    (r"ADD (COLUMN )?(IF NOT EXISTS )?(?P<name>\w+)", _add_column),
    (r"VALIDATE CONSTRAINT (?P<name>\w+)", _validate),
    (r"DROP CONSTRAINT\b", ""),
    (r"DROP (COLUMN )?\w+", "drop-column"),
    (r"RENAME CONSTRAINT\b", ""),
    (r"RENAME TO\b", "rename-table"),
    (r"RENAME (COLUMN )?\w+ TO\b", "rename-column"),
    (r"ALTER (COLUMN )?\w+ (SET DATA )?TYPE\b", "change-type"),
    (r"ALTER (COLUMN )?(?P<name>\w+) SET NOT NULL", _set_not_null),
    (r"ALTER (COLUMN )?\w+ (DROP NOT NULL|(SET|DROP) DEFAULT|SET (STATISTICS|STORAGE)|SET \()", ""),
    (r"SET (LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)\b", "heavy"),
    (r"(SET|RESET) ?\(|OWNER TO\b|(ENABLE|DISABLE) TRIGGER\b|REPLICA IDENTITY\b", ""),
)
