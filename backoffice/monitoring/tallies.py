"""The statements of one page as its footer's badge hands them on: by what the request counted."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from backoffice.monitoring import queries
from backoffice.monitoring.large import large_tables
from backoffice.monitoring.reading import change_of, in_a_word
from backoffice.querylog.record import LEAST_REPEATS

MOST = 40
TALLY = re.compile(r"([0-9a-f]{16})\.([0-9]{1,9})\.([0-9]{1,15})\.([0-9]{1,12})")


class TallyError(ValueError):
    """The address was not made by a page of ours."""


@dataclass(frozen=True)
class Tally:
    """What one shape came to within one request."""

    fingerprint: str
    calls: int
    microseconds: int
    rows: int

    @property
    def is_repeated(self) -> bool:
        """It was asked over and over."""
        return self.calls >= LEAST_REPEATS


@dataclass(frozen=True)
class Known:
    """A tally with what the log knows of its shape: None until it is written.

    ``change`` says what became of its plan, where that got worse.
    """

    tally: Tally
    row: Any
    plan: str = ""
    change: str = ""


def tallies(texts: Sequence[str]) -> list[Tally]:
    """What ``fingerprint.calls.microseconds.rows`` say.

    :raises TallyError: one of them says something else, or there are more than ``MOST``.
    """
    found = [TALLY.fullmatch(text) for text in texts]
    if len(texts) > MOST or not all(found):
        raise TallyError("This list of statements is not one that a page of ours has made.")
    return [
        Tally(match[1], int(match[2]), int(match[3]), int(match[4])) for match in found if match
    ]


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
