"""Two people in one record: what each changed since the form was filled, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wtforms import Field, FormField

from backoffice.grid.fields import ReferenceField
from backoffice.grid.forms import RecordForm, said


@dataclass(frozen=True)
class Difference:
    """A part of the record about which the form and the database disagree.

    ``changed_by`` is ``me``, ``them`` (then the form now holds theirs) or ``both``.
    """

    label: str
    mine: str
    theirs: str
    changed_by: str


def merge(form: RecordForm, theirs: RecordForm) -> list[Difference]:
    """Take over into ``form`` what only they changed; what both changed stays as typed.

    Without it, saving again would put back every field that the form merely carries along.
    """
    differences = list(_merged(form, theirs))
    form.remember(theirs)
    return differences


def _merged(form: RecordForm, theirs: RecordForm) -> Iterator[Difference]:
    base, others = form.remembered(), theirs.parts()
    for name, (label, part) in form.parts().items():
        _, other = others.pop(name, (label, None))
        my_words, their_words = said(part), said(other) if other is not None else ""
        if my_words == their_words:
            continue
        changed_by = _changed_by(base.get(name), my_words, their_words)
        if changed_by == "them":
            if other is None:
                form.drop(part)
            else:
                take(part, other)
        yield Difference(label, my_words, their_words, changed_by)
    for label, other in others.values():
        take(form.adopt(), other)
        yield Difference(label, "", said(other), "them")


def _changed_by(base: str | None, mine: str, theirs: str) -> str:
    if base == mine:
        return "them"
    return "me" if base == theirs else "both"


def take(field: Field, other: Any) -> None:
    """Put into ``field`` what ``other``, its twin in another form, holds."""
    if isinstance(field, FormField):
        for part, twin in zip(field, other, strict=True):
            take(part, twin)
        return
    field.data, field.raw_data = other.data, None
    if isinstance(field, ReferenceField):
        field.chosen_id, field.chosen_label = other.chosen_id, other.chosen_label
