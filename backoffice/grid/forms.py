"""Forms over records: the version they carry, references looked up at once, what they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session
from wtforms import BooleanField, Field, FieldList, Form, FormField, HiddenField

from backoffice.grid.fields import ReferenceField
from backoffice.grid.reference import Reference, find


class RecordForm(Form):
    """A form over one record; carries the version that it was filled from."""

    version = HiddenField()

    @property
    def shown(self) -> list[Field]:
        """The fields that people see, in order."""
        return [field for field in self if not isinstance(field, HiddenField)]

    def populate_obj(self, obj: Any) -> None:
        """Write the fields to ``obj``, but never the version: the database counts that."""
        for field in self.shown:
            field.populate_obj(obj, field.name)

    def resolve(self, session: Session) -> None:
        """Look up the keys of all reference fields: one statement for each table referred to."""
        wanted: dict[Reference, list[ReferenceField]] = {}
        for field in _reference_fields(self):
            wanted.setdefault(field.reference, []).append(field)
        for reference, fields in wanted.items():
            rows = find(session, reference, {field.data for field in fields if field.data})
            for field in fields:
                field.choose(rows.get(field.data))

    def record_version(self) -> int | None:
        """The version in the form; None when it is missing or not a number."""
        # Not `data`: a field that the form lacks would have the record's own version there.
        text = self.version.raw_data[0] if self.version.raw_data else ""
        return int(text) if text.isdecimal() and len(text) < 10 else None


def said(field: Field) -> str:
    """What a field says, in words: to compare two versions and to show them side by side."""
    if isinstance(field, FieldList):
        return "\n".join(said(entry) for entry in field)
    if isinstance(field, FormField):
        parts = (part for part in field if part.data or not isinstance(part, BooleanField))
        return ", ".join(filter(None, (said(part) for part in parts)))
    if isinstance(field, BooleanField):
        return "yes" if field.data else "no"
    if isinstance(field, HiddenField):
        return ""
    return str(field._value()) if hasattr(field, "_value") else str(field.data)  # noqa: SLF001


def _reference_fields(fields: Any) -> Iterator[ReferenceField]:
    for field in fields:
        if isinstance(field, ReferenceField):
            yield field
        elif isinstance(field, FieldList | FormField):
            yield from _reference_fields(field)
