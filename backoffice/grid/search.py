"""Search text -> terms -> WHERE, over declared columns only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute

MOST_TERMS = 8
LONGEST = 200


def terms_of(text: str) -> tuple[str, ...]:
    """The words of ``text``; all of them have to be found."""
    return tuple(text[:LONGEST].split()[:MOST_TERMS])


def matches(
    columns: Sequence[InstrumentedAttribute[Any]], terms: Sequence[str]
) -> list[ColumnElement[bool]]:
    """One condition a term: any of ``columns`` contains it, in capitals or not."""
    return [or_(*(column.icontains(term, autoescape=True) for column in columns)) for term in terms]
