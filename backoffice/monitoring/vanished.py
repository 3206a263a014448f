"""Indexes that plans used, that the models declare and that the database has no longer."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from backoffice.indexes.declared import declared_indexes
from backoffice.monitoring.words import all_indexes

SQLITE = "SELECT name FROM sqlite_master WHERE type = 'index' AND name IN :names"
POSTGRESQL = (
    "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid "
    "WHERE indisvalid AND relnamespace = CAST(current_schema() AS regnamespace) "
    "AND relname IN :names"
)


def vanished(session: Session, before: Iterable[str], now: str) -> list[str]:
    """Those that the plans ``before`` used and ``now`` does not."""
    names = dict.fromkeys(name for plan in before for name in all_indexes(plan))
    left = set(names).difference(all_indexes(now))
    missing = missing_of(session, left)
    return [name for name in names if name in missing]


def missing_of(session: Session, names: Collection[str]) -> set[str]:
    """Those of ``names`` that are declared and are not there, or not valid."""
    if not names:
        return set()
    connection = session.connection()
    declared = {str(index.name) for index in declared_indexes(connection)}.intersection(names)
    if not declared:
        return set()
    asked = SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL
    there = text(asked).bindparams(bindparam("names", sorted(declared), expanding=True))
    return declared.difference(connection.scalars(there))
