"""The kinds of filter on offer; each narrows a list by one argument of the address."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, false
from sqlalchemy.orm import InstrumentedAttribute

from backoffice.grid.reference import Reference


@dataclass(frozen=True)
class Choice:
    """One of a few known values.

    :param choices: Value in the address -> (words, value of the column).
    """

    name: str
    label: str
    column: InstrumentedAttribute[Any]
    choices: dict[str, tuple[str, Any]]

    def condition(self, text: str) -> ColumnElement[bool]:
        """:raises ValueError: ``text`` is not one of the choices."""
        if text not in self.choices:
            known = ", ".join(self.choices)
            raise ValueError(f"{self.label} cannot be {text[:40]!r}: use one of {known}")
        matches: ColumnElement[bool] = self.column == self.choices[text][1]
        return matches

    def words(self, text: str) -> str:
        return self.choices[text][0]


def yes_no(name: str, label: str, column: InstrumentedAttribute[bool]) -> Choice:
    """A filter over a boolean column."""
    return Choice(name, label, column, {"yes": ("Yes", True), "no": ("No", False)})


def one_of(
    name: str, label: str, column: InstrumentedAttribute[Any], values: Iterable[Any]
) -> Choice:
    """A filter over an enumeration."""
    return Choice(name, label, column, {v.value: (v.value.capitalize(), v) for v in values})


@dataclass(frozen=True)
class Text:
    """Exactly the text that a column holds."""

    name: str
    label: str
    column: InstrumentedAttribute[str]

    def condition(self, text: str) -> ColumnElement[bool]:
        return self.column == text

    def words(self, text: str) -> str:
        return text


@dataclass(frozen=True)
class Referred:
    """The row of another table, by its natural key; chosen by typeahead."""

    name: str
    label: str
    column: InstrumentedAttribute[Any]
    reference: Reference

    def condition(self, text: str) -> ColumnElement[bool]:
        """An unknown key matches nothing, and the list says so; it is no broken address."""
        if len(text) > 200:
            return false()
        return self.column == self.reference.id_of(text)

    def words(self, text: str) -> str:
        return text


Filter = Choice | Text | Referred
