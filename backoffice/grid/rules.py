"""From a refused write to the rule that was broken and the field where it is told."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Constraint, UniqueConstraint
from sqlalchemy.exc import DBAPIError, IntegrityError
from wtforms import Form

from backoffice.database import Base

SQLITE_UNIQUE = re.compile(r"UNIQUE constraint failed: (.+)")
SQLITE_CHECK = re.compile(r"CHECK constraint failed: (\w+)")


@dataclass(frozen=True)
class Broken:
    """A broken rule in the words of its constraint, and the field that it belongs to."""

    table: str
    field: str
    says: str


def broken_rule(error: DBAPIError) -> Broken | None:
    """The rule of ours that ``error`` is about, or None when it names none.

    PostgreSQL names the constraint; SQLite names a CHECK, but of a UNIQUE only its columns.
    """
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is not None:
        return _told(_by_name(diagnosis.constraint_name))
    text = str(error.orig)
    if match := SQLITE_CHECK.search(text):
        return _told(_by_name(match[1]))
    if match := SQLITE_UNIQUE.search(text):
        return _told(_by_columns(match[1].split(", ")))
    return None


def tell_refusal(form: Form, table: str, error: DBAPIError) -> None:
    """Add to ``form``, over ``table``, why the database refused what it holds."""
    if not isinstance(error, IntegrityError):
        form.form_errors.append("A value is too long or too large for its column.")
        return
    broken = broken_rule(error)
    if broken is None:
        form.form_errors.append(
            "Something this refers to was deleted in the meantime. Choose again and save."
        )
    elif broken.table == table and broken.field in form:
        form[broken.field].errors = [*form[broken.field].errors, broken.says]
    else:
        form.form_errors.append(f"{broken.field.replace('_', ' ').capitalize()}: {broken.says}")


def says(name: str) -> str:
    """What the constraint of this name says when it is broken."""
    constraint = _by_name(name)
    assert constraint is not None, name  # noqa: S101 - a mistake in a declaration
    return str(constraint.info["says"])


def _told(constraint: Constraint | None) -> Broken | None:
    if constraint is None or "says" not in constraint.info:
        return None
    table = constraint.table.name
    return Broken(table, constraint.info["field"], constraint.info["says"])


def _constraints() -> list[Constraint]:
    return [item for table in Base.metadata.tables.values() for item in table.constraints]


def _by_name(name: str | None) -> Constraint | None:
    return next((item for item in _constraints() if item.name == name), None)


def _by_columns(columns: list[str]) -> Constraint | None:
    for item in _constraints():
        if isinstance(item, UniqueConstraint):
            named = [f"{item.table.name}.{column.name}" for column in item.columns]
            if named == columns:
                return item
    return None
