"""The statements of one page with what the query log knows of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from backoffice.monitoring import queries
from backoffice.monitoring.large import large_tables
from backoffice.monitoring.reading import change_of, in_a_word
from backoffice.querylog.tallies import Tally


@dataclass(frozen=True)
class Known:
    """A tally with what the log knows of its shape: None until it is written.

    ``change`` says what became of its plan, where that got worse.
    """

    tally: Tally
    row: Any
    plan: str = ""
    change: str = ""


def known(session: Session, asked: Sequence[Tally], route: str) -> list[Known]:
    """Each tally with its shape, the line of ``route`` that asked it and its plan."""
    names = {tally.fingerprint for tally in asked}
    shapes: Mapping[str, Any] = {}
    if names:
        rows = session.execute(queries.shapes_named(names, route))
        shapes = {row.fingerprint: row for row in rows}
    large = large_tables(session, [row.shape for row in shapes.values() if row.scans or row.sorts])
    return [_known(tally, shapes.get(tally.fingerprint), large) for tally in asked]


def _known(tally: Tally, row: Any, large: Collection[str]) -> Known:
    if row is None:
        return Known(tally, None)
    word = in_a_word(row.shape, row.scans, row.sorts, large)
    return Known(tally, row, word, change_of(row))
