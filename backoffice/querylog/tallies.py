"""The statements of one page as its foot hands them on in an address, and reads them back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backoffice.querylog.record import LEAST_REPEATS, Asked

MOST = 40
"""Statements that a page's foot leads to: addresses may not be of any length."""

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


def listed(asked: Iterable[Asked]) -> list[str]:
    """``fingerprint.calls.microseconds.rows`` of those that took most time."""
    most_time = sorted(asked, key=lambda each: -each.seconds)[:MOST]
    return [
        f"{each.fingerprint}.{each.calls}.{1_000_000 * each.seconds:.0f}.{each.rows}"
        for each in most_time
    ]


def tallies(texts: Sequence[str]) -> list[Tally]:
    """What ``listed`` says.

    :raises TallyError: one of them says something else, or there are more than ``MOST``.
    """
    found = [TALLY.fullmatch(text) for text in texts]
    if len(texts) > MOST or not all(found):
        raise TallyError("This list of statements is not one that a page of ours has made.")
    return [
        Tally(match[1], int(match[2]), int(match[3]), int(match[4])) for match in found if match
    ]
