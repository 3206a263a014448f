"""The forms of an import: the file, how it is written, what becomes of its rows."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, Field, FileField, Form, IntegerField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError

from backoffice.grid.fields import trimmed
from backoffice.imports.cells import DATES, Formats
from backoffice.imports.kinds import KINDS
from backoffice.imports.read import Reading

ENCODINGS = {
    "": "As the file tells",
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
}
DELIMITERS = {"": "As the file tells", ",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Pipe"}
DECIMALS = {".": "Point: 1234.50", ",": "Comma: 1234,50"}
THOUSANDS = {
    "": "Nothing: 1234",
    "space": "Space: 1 234",
    "comma": "Comma: 1,234",
    "point": "Point: 1.234",
    "apostrophe": "Apostrophe: 1'234",
}
NAMES = {name: name.replace("-", " ").capitalize() for name in KINDS}


def _choices(words: dict[str, str]) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in words.items()]


class ReadingForm(Form):
    """What a file cannot tell by itself."""

    encoding = SelectField("Encoding", choices=_choices(ENCODINGS))
    delimiter = SelectField("Between columns", choices=_choices(DELIMITERS))
    skip_lines = IntegerField(
        "Lines above the header", [Optional(), NumberRange(0, 1000)], default=0
    )
    sheet = StringField(
        "Sheet",
        [Optional(), Length(max=100)],
        filters=[trimmed],
        description="Of a workbook; else the first that shows.",
    )
    decimal = SelectField("Before decimals", choices=_choices(DECIMALS))
    thousands = SelectField("Between thousands", choices=_choices(THOUSANDS))
    dates = SelectField(
        "Dates",
        choices=_choices({name: f"{words}: {text}" for name, (words, text) in DATES.items()}),
    )

    @property
    def shown(self) -> list[Field]:
        """The fields that people see."""
        return list(self)

    def validate_thousands(self, field: Field) -> None:
        """Refuse one sign for both."""
        if self.decimal.data and self.decimal.data in Formats(thousands=field.data or "").grouping:
            raise ValidationError("The same sign cannot stand before the decimals as well.")

    @property
    def reading(self) -> Reading:
        """What was said."""
        return Reading(
            encoding=self.encoding.data or None,
            delimiter=self.delimiter.data or None,
            skip_lines=self.skip_lines.data or 0,
            sheet=self.sheet.data or None,
            formats=Formats(self.decimal.data, self.thousands.data, self.dates.data),
        )

    @classmethod
    def over(cls, reading: dict[str, Any]) -> ReadingForm:
        """The form that says what ``reading`` says, as the ledger keeps it."""
        formats = reading["formats"]
        said = {name: reading[name] or "" for name in ("encoding", "delimiter", "sheet")}
        return cls(
            skip_lines=reading["skip_lines"],
            **said,
            **{name: formats[name] for name in ("decimal", "thousands", "dates")},
        )


class UploadForm(ReadingForm):
    """A new import."""

    kind = SelectField("What it holds", choices=_choices(NAMES))
    file = FileField(
        "File",
        [InputRequired("Choose a file.")],
        description="CSV or XLSX, one line a row, the names of the columns on top.",
    )

    @property
    def first(self) -> list[Field]:
        """What everybody has to say."""
        return [self.kind, self.file]

    @property
    def details(self) -> list[Field]:
        """What few have to say."""
        return [field for field in self if field not in self.first]


class RowsForm(Form):
    """What becomes of the rows."""

    clears = SelectField(
        "Blank cells", choices=_choices({"": "Leave what is stored", "yes": "Clear what is stored"})
    )
    on_error = SelectField(
        "Rows with a fault",
        choices=_choices(
            {"stop": "One refuses the file", "skip": "Leave them out, import the others"}
        ),
    )
    create_missing = BooleanField("Add what rows refer to and is not there yet, named by its key")

    @property
    def how(self) -> dict[str, bool]:
        """What was said, as an import takes it."""
        return {
            "create_missing": bool(self.create_missing.data),
            "skip_refused": self.on_error.data == "skip",
            "clears": self.clears.data == "yes",
        }

    @classmethod
    def over(cls, how: dict[str, bool]) -> RowsForm:
        """The form that says what ``how`` says."""
        return cls(
            clears="yes" if how.get("clears") else "",
            on_error="skip" if how.get("skip_refused") else "stop",
            create_missing=how.get("create_missing", False),
        )
