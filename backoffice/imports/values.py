"""What a file's cells say beside what that is here: shown in a form, and read from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Boolean, Enum, select
from sqlalchemy.orm import Session

from backoffice.imports.cells import parser
from backoffice.imports.kinds import Field, Kind
from backoffice.imports.words import NOUNS

MOST_PAIRS = 200
"""Values of one field that a form can translate."""

EMPTY_PAIRS = 3
"""Rows of the form that are there to be filled in; with each look at it come new ones."""

LONGEST_TEXT = 200

Pairs = tuple[tuple[str, str], ...]
"""Their value and ours. Theirs is blank for a blank cell, and ``*`` for every other one."""


def translatable(kind: Kind) -> dict[str, tuple[str, ...]]:
    """Field -> the values that it can have; none for a reference, which can have any code."""
    fields = (field for field in kind.fields.values() if field.name not in kind.key)
    return {field.name: ours for field in fields if (ours := _ours(field)) is not None}


def _ours(field: Field) -> tuple[str, ...] | None:
    if field.reference is not None:
        return ()
    if isinstance(field.type, Boolean):
        return ("yes", "no")
    return tuple(field.type.enums) if isinstance(field.type, Enum) else None


def read(kind: Kind, form: Mapping[str, str]) -> dict[str, Pairs]:
    """Field -> what the form says of its values; a row without a value of ours says nothing."""
    found = {}
    for field, known in translatable(kind).items():
        names = [(f"theirs-{field}-{n}", f"ours-{field}-{n}") for n in range(MOST_PAIRS)]
        typed = [(plain(form.get(theirs)), plain(form.get(ours))) for theirs, ours in names]
        pairs = tuple(pair for pair in typed if pair[1] and (not known or pair[1] in known))
        if pairs:
            found[field] = pairs
    return found


def refused(kind: Kind, columns: Mapping[str, str], told: Mapping[str, Any]) -> dict[str, Pairs]:
    """Field -> values that a check refused, without one of ours yet.

    :param columns: Field -> the column that sets it.
    :param told: What is kept of the check.
    """
    found = {}
    for field in translatable(kind):
        header = columns.get(field)
        cells = [reject[2] for reject in told.get("rejects", ()) if reject[1] == header]
        found[field] = tuple((cell, "") for cell in dict.fromkeys(map(str.strip, cells)) if cell)
    return found


def shown(kind: Kind, said: Mapping[str, Pairs], lacking: Mapping[str, Pairs]) -> dict[str, Pairs]:
    """Field -> rows of its form: what was said, what was refused, and empty ones."""
    rows = {}
    for field in translatable(kind):
        pairs = said.get(field, ())
        known = {theirs for theirs, _ in pairs}
        more = [pair for pair in lacking.get(field, ()) if pair[0] not in known]
        empty = [("", "")] * EMPTY_PAIRS
        rows[field] = (*pairs, *more, *empty)[:MOST_PAIRS]
    return rows


def twice(pairs: Pairs) -> Sequence[str]:
    """Their values that are said to be more than one of ours."""
    differing = dict.fromkeys(pairs)
    theirs = [theirs for theirs, _ in differing]
    return [text for text in dict.fromkeys(theirs) if theirs.count(text) > 1]


def wrong(
    session: Session, kind: Kind, typed: Iterable[tuple[str, str]], *, create_missing: bool
) -> Iterator[tuple[str, str]]:
    """Field and complaint for each value of ours that would refuse every row it is given to.

    :param typed: Field and value.
    :param create_missing: Whether the import adds what is not known and can be added.
    """
    dialect = session.get_bind().dialect.name
    for name, text in dict.fromkeys(typed):
        field = kind.fields[name]
        try:
            value = parser(field.type, dialect)(text)
        except ValueError as error:
            yield name, f"“{text}” {error}"
            continue
        key = field.reference
        if key is None or (create_missing and name in kind.creates):
            continue
        if session.scalar(select(key).where(key == value)) is None:
            yield name, f"there is no {NOUNS[key.table.name]} “{text}”"


def plain(typed: str | None) -> str:
    """What was typed into a field."""
    return (typed or "").strip()[:LONGEST_TEXT]
