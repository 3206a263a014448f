"""Forms over records: the version they carry, references looked up at once, what they say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session
from wtforms import BooleanField, Field, FieldList, Form, FormField, HiddenField

from backoffice.grid.fields import ReferenceField
from backoffice.grid.reference import Reference, find

EDITION = re.compile(r"[0-9]{1,9}(-[0-9]{1,12})?", re.ASCII)
"""See ``Record.edition``."""


class ReferringForm(Form):
    """A form whose fields may refer to rows of other tables by natural key."""

    @property
    def shown(self) -> list[Field]:
        """The fields that people see, in order."""
        return [field for field in self if not isinstance(field, HiddenField)]

    def resolve(self, session: Session) -> None:
        """Look up the keys of all reference fields: one statement for each table referred to."""
        wanted: dict[Reference, list[ReferenceField]] = {}
        for field in _reference_fields(self):
            wanted.setdefault(field.reference, []).append(field)
        for reference, fields in wanted.items():
            rows = find(session, reference, {field.data for field in fields if field.data})
            for field in fields:
                field.choose(rows.get(field.data))


class RecordForm(ReferringForm):
    """A form over one record; carries the version that it was filled from.

    ``base`` carries what each part said then, so that two people's changes can be told apart.
    It comes back from the browser: whoever forges it misleads himself alone.
    """

    version = HiddenField()
    base = HiddenField()

    def parts(self) -> dict[str, tuple[str, Field]]:
        """Name -> label and field: what two people can change without being in each other's way."""
        return {field.name: (field.label.text, field) for field in self.shown}

    def drop(self, part: Field) -> None:
        """Take a part out that is no longer there."""
        raise TypeError(f"{type(self).__name__} has no rows to drop {part.name} from")

    def adopt(self) -> Field:
        """An empty new part, for one that somebody else added."""
        raise TypeError(f"{type(self).__name__} has no rows to add to")

    def remember(self, source: RecordForm) -> None:
        """Carry along what ``source`` says."""
        words = {name: said(part) for name, (_, part) in source.parts().items()}
        self.base.data = json.dumps(words, ensure_ascii=False)

    def remembered(self) -> dict[str, str]:
        """What each part said when the form was filled; nothing if the browser lost it."""
        try:
            words = json.loads(self.base.data or "{}")
        except (ValueError, RecursionError):
            return {}
        return words if isinstance(words, dict) else {}

    def populate_obj(self, obj: Any) -> None:
        """Write the fields to ``obj``, but never the version: the database counts that."""
        for field in self.shown:
            field.populate_obj(obj, field.name)

    def edition(self) -> str | None:
        """The edition of the record in the form; None when it is missing or makes no sense."""
        # Not `data`: a field that the form lacks would have the record's own version there.
        text = self.version.raw_data[0] if self.version.raw_data else ""
        return text if EDITION.fullmatch(text) else None


def said(field: Field) -> str:
    """What a field says, in words: to compare two versions and to show them side by side."""
    if isinstance(field, FieldList):
        return "\n".join(said(entry) for entry in field)
    if isinstance(field, FormField):
        parts = (part for part in field if part.data or not isinstance(part, BooleanField))
        told = ((part.label.text.lower(), said(part)) for part in parts)
        return ", ".join(f"{label} {words}" for label, words in told if words)
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
