"""Form fields that know the column they fill: text, figures, moments, references by key."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import InstrumentedAttribute
from wtforms import (
    BooleanField,
    Field,
    Form,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields import SelectChoice
from wtforms.validators import (
    InputRequired,
    Length,
    Optional,
    StopValidation,
    ValidationError,
)
from wtforms.widgets import TextInput

from backoffice.grid import typed
from backoffice.grid.reference import Reference
from backoffice.models.columns import Exact, exact_to_text

LONGEST_TEXT = 20_000


class Required(InputRequired):
    """Something was typed, and not blanks alone."""

    def __call__(self, form: Any, field: Field) -> None:
        if not (field.raw_data and str(field.raw_data[0]).strip()):
            field.errors = []
            raise StopValidation("This field is required.")


def trimmed(value: str | None) -> str:
    return (value or "").strip()


def text_field(label: str, column: InstrumentedAttribute[str], **options: Any) -> StringField:
    """A line of text, as long as ``column`` allows; required when the column's rules say so."""
    filled = f"ck_{column.table.name}_{column.key}_filled"
    required = any(item.name == filled for item in column.table.constraints)
    length = column.type.length
    return StringField(
        label,
        [Required() if required else Optional(), Length(max=length)],
        filters=[trimmed],
        render_kw={"maxlength": length},
        **options,
    )


def long_text_field(label: str, **options: Any) -> TextAreaField:
    """Several lines of text."""
    return TextAreaField(label, [Length(max=LONGEST_TEXT)], filters=[trimmed], **options)


def check_field(label: str, **options: Any) -> BooleanField:
    return BooleanField(label, default=True, **options)


class StateField(SelectField):
    """One member of an enumeration."""

    def __init__(self, label: str, kind: type[StrEnum], **options: Any) -> None:
        choices = [SelectChoice(state.value, state.value.capitalize()) for state in kind]
        super().__init__(label, choices=choices, **options)
        self.kind = kind

    def populate_obj(self, obj: Any, name: str) -> None:
        setattr(obj, name, self.kind(self.data))


class WholeField(StringField):
    """An integer that the column can hold."""

    def __init__(
        self, label: str, *, least: int = 0, most: int = typed.MOST_WHOLE, **options: Any
    ) -> None:
        render = {"inputmode": "numeric", "class": "num", **options.pop("render_kw", {})}
        super().__init__(label, [Required()], render_kw=render, **options)
        self.least, self.most = least, most

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else str(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if valuelist and valuelist[0].strip():
            self.data = typed.whole(valuelist[0].strip(), self.least, self.most)


class ExactField(StringField):
    """An amount with at most four decimals."""

    def __init__(self, label: str, column: InstrumentedAttribute[Decimal], **options: Any) -> None:
        assert isinstance(column.type, Exact)  # noqa: S101 - a mistake in a declaration
        self.limit = column.type.limit
        # In the words of the column's own rule, which would refuse it as well.
        rules = [rule.info for rule in column.table.constraints if "says" in rule.info]
        told = [rule["says"] for rule in rules if rule["field"] == column.key]
        self.too_large = told[0] if told else f"Must be below {self.limit:,}."
        render = {"inputmode": "decimal", "class": "num", **options.pop("render_kw", {})}
        super().__init__(label, [Required()], render_kw=render, **options)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        return exact_to_text(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if valuelist and valuelist[0].strip():
            self.data = typed.amount(valuelist[0].strip(), self.limit, self.too_large)


class MomentField(StringField):
    """A moment in UTC, written ``2026-01-31 08:00``."""

    def __init__(self, label: str, *, required: bool = False, **options: Any) -> None:
        options.setdefault("description", "UTC, such as 2026-01-31 08:00")
        validators = [Required()] if required else [Optional()]
        super().__init__(label, validators, **options)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        # Seconds are shown where there are some, fractions kept by `populate_obj`.
        return self.data.replace(tzinfo=None).isoformat(" ", "seconds").removesuffix(":00")

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        text = valuelist[0].strip() if valuelist else ""
        if text:
            self.data = typed.moment(text)

    def populate_obj(self, obj: Any, name: str) -> None:
        """Leave a moment alone that was not edited: the text does not show its fraction."""
        before = getattr(obj, name)
        if before is None or self.data is None or before.replace(microsecond=0) != self.data:
            setattr(obj, name, self.data)


class ReferenceField(Field):
    """A row of another table, by its natural key: a text input with suggestions.

    ``data`` is the key as text. ``RecordForm.resolve`` looks all keys of a form up at once.
    """

    widget = TextInput()

    def __init__(
        self, label: str, reference: Reference, *, required: bool = True, **options: Any
    ) -> None:
        super().__init__(label, [Required()] if required else [Optional()], **options)
        self.reference = reference
        self.chosen_id: int | None = None
        self.chosen_label = ""

    def process_data(self, value: Any) -> None:
        self.data = ""
        if value is not None:
            self.data = getattr(value, self.reference.key.key)
            self.chosen_label = getattr(value, self.reference.label.key)

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = valuelist[0].strip() if valuelist else ""

    def _value(self) -> str:
        return self.data or ""

    def choose(self, row: Any | None) -> None:
        """Take the row found for what was typed, which its key then replaces; or None."""
        self.chosen_id, self.chosen_label = (row[0], row[2]) if row else (None, "")
        if row:
            self.data = row[1]

    def post_validate(self, form: Form, validation_stopped: bool) -> None:
        if self.data and self.chosen_id is None:
            raise ValidationError(
                f"There is no {self.reference.noun} {self.data[:64]!r}. "
                "Type the start of its code or name and choose one."
            )

    def populate_obj(self, obj: Any, name: str) -> None:
        setattr(obj, f"{name}_id", self.chosen_id)
