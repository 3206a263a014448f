"""The columns of a file beside our fields: proposed, shown in a form, and read from it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backoffice.imports import values
from backoffice.imports.kinds import Kind
from backoffice.imports.mapping import FieldMap, fold
from backoffice.imports.values import Pairs, plain

MOST_COLUMNS = 300
"""Columns offered for mapping; further ones are left aside."""


@dataclass(frozen=True)
class Proposal:
    """Place of a column -> the field that it sets; field -> the value of all rows.

    ``values`` are those of a file's cells that mean one of ours.
    """

    columns: dict[int, str]
    constants: dict[str, str]
    values: dict[str, Pairs]


def proposed(kind: Kind, header: Sequence[str], mapping: FieldMap | None = None) -> Proposal:
    """What ``mapping`` says of ``header``; without one, what the names of the columns say."""
    folded = [fold(name) for name in header]
    if mapping is None:
        names = [re.sub(r"[\s_-]+", "_", name) for name in folded]
        columns = {names.index(field): field for field in kind.fields if field in names}
        return Proposal(columns, {}, {})
    called = {name: name for name in kind.fields if name in folded and name not in mapping.ignored}
    wanted = called | mapping.columns
    columns = {
        folded.index(fold(theirs)): field
        for field, theirs in wanted.items()
        if field not in mapping.constants and fold(theirs) in folded
    }
    said = {field: tuple(pairs.items()) for field, pairs in mapping.values.items()}
    return Proposal(columns, dict(mapping.constants), said)


def chosen(kind: Kind, header: Sequence[str], form: Mapping[str, str]) -> Proposal:
    """What the form says; what it cannot say is left out."""
    columns = {
        place: field
        for place in range(min(len(header), MOST_COLUMNS))
        if (field := form.get(f"column-{place}", "")) in kind.fields
    }
    constants = {
        name: text for name in kind.fields if (text := plain(form.get(f"constant-{name}")))
    }
    return Proposal(columns, constants, values.read(kind, form))


def as_mapping(kind: Kind, header: Sequence[str], proposal: Proposal) -> FieldMap:
    """The same as an import takes it."""
    columns = {field: header[place] for place, field in proposal.columns.items()}
    folded = {fold(name) for name in header}
    ignored = [name for name in kind.fields if name in folded and name not in columns]
    said = {field: dict(pairs) for field, pairs in proposal.values.items()}
    return FieldMap(columns, said, proposal.constants, ignored)


def problems(kind: Kind, header: Sequence[str], proposal: Proposal) -> list[str]:
    """What is wrong with it, each in a sentence."""
    found = []
    names = Counter(fold(name) for name in header)
    for field, times in Counter(proposal.columns.values()).items():
        if times > 1:
            found.append(f"{label(field)} is set by {times} columns: keep one.")
    for place, field in proposal.columns.items():
        if names[fold(header[place])] > 1:
            found.append(
                f"The file has more than one column {header[place]}: rename all but one of them."
            )
        if field in proposal.constants:
            found.append(
                f"{label(field)} is set by a column and by a value for all rows: keep one."
            )
    given = {*proposal.columns.values(), *proposal.constants}
    key = kind.key if not kind.short_key or set(kind.key) <= given else kind.short_key
    missing = [name for name in key if name not in given]
    if missing:
        words = " and ".join(name.replace("_", " ") for name in missing)
        found.append(f"Say which column holds {words}: by it a {kind.noun} is known.")
    for field, pairs in proposal.values.items():
        if field not in proposal.columns.values():
            found.append(f"{label(field)} has other words, but no column sets it.")
        for theirs in values.twice(pairs):
            shown = f"“{theirs}”" if theirs else "a blank cell"
            found.append(f"{label(field)}: {shown} is said to be two things here: keep one.")
    return list(dict.fromkeys(found))


def ours(proposal: Proposal) -> list[tuple[str, str]]:
    """Field and value for all of our values that people typed."""
    translated = [(field, here) for field, said in proposal.values.items() for _, here in said]
    return [*proposal.constants.items(), *translated]


def label(field: str) -> str:
    """What people call a field, here as in the lists."""
    return "SKU" if field == "sku" else field.replace("_", " ").capitalize()
