"""What was measured of each index, kept as long as the query log keeps what it was measured by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from backoffice.database import db
from backoffice.indexes.advice.verdict import Advice, as_json
from backoffice.models import IndexAdvice


def keep(advice: Iterable[Advice]) -> None:
    """Write the verdicts in the place of older ones; what was proved of those goes with them."""
    found = {one.candidate.name: one for one in advice}
    kept = select(IndexAdvice).where(IndexAdvice.name.in_(found))
    rows = {row.name: row for row in db.session.scalars(kept)}
    for name, one in found.items():
        row = rows.get(name) or IndexAdvice(name=name)
        row.on_table = one.candidate.table
        row.columns = list(one.candidate.columns)
        row.measured = as_json(one, values=True)
        row.measured_at = datetime.now(UTC)
        row.proved, row.proved_at = None, None
        db.session.add(row)
    db.session.commit()


def kept(names: Iterable[str] = ()) -> list[IndexAdvice]:
    """The indexes that were found to pay, or those of ``names`` alone, by name."""
    wanted = set(names)
    rows = db.session.scalars(select(IndexAdvice).order_by(IndexAdvice.name)).all()
    # Read and done: a transaction that stayed open would hold SQLite's lock while all is measured.
    db.session.expunge_all()
    db.session.rollback()
    return [row for row in rows if row.measured["pays"] and (not wanted or row.name in wanted)]


def keep_proof(row: IndexAdvice, proved: dict[str, Any]) -> None:
    """Write what an index did once it was there."""
    row = db.session.merge(row)
    row.proved, row.proved_at = proved, datetime.now(UTC)
    db.session.commit()
