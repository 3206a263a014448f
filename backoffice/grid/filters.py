"""The filters on offer: what a list may be narrowed by, how it reads in an address, what serves it.

A filter is over one column and has a test for each way of asking that its type deserves: is,
contains, from, before, empty. Tests go together by AND; several values of one are an OR.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_
from sqlalchemy.orm import InstrumentedAttribute

from backoffice.grid.reference import LAST_CHARACTER, Reference
from backoffice.grid.search import LONGEST, Term, search_of
from backoffice.grid.served import index_of, search_index_of
from backoffice.grid.typed import value_of
from backoffice.models.columns import Exact, UtcDateTime, is_set

MOST_VALUES = 50
"""Values of one test that an address may carry; more would be a file, not a filter."""

Condition = Callable[[str, str], ColumnElement[bool]]
"""One value as it was typed, and the dialect, give a condition; ValueError says what is wrong."""


@dataclass(frozen=True)
class Test:
    """One way of asking.

    :param argument: What the address calls it.
    :param says: What the form calls it, beside the filter's label; empty for a filter's only one.
    :param index: The index that serves it; a test fails where there is none.
    :param control: ``text``, ``number``, ``date``, ``check`` or ``select``; ``choices`` and
        ``reference`` take several values.
    """

    argument: str
    says: str
    condition: Condition
    index: str | None
    control: str = "text"

    def narrowed(self, values: tuple[str, ...], dialect: str) -> ColumnElement[bool]:
        """Rows for which any of ``values`` holds; for the same, the same object again."""
        return _narrowed(self, values, dialect)


@lru_cache(maxsize=1024)
def _narrowed(test: Test, values: tuple[str, ...], dialect: str) -> ColumnElement[bool]:
    return or_(*(test.condition(value, dialect) for value in values))


@dataclass(frozen=True)
class Filter:
    """One column that a list is narrowed by.

    :param choices: Value in the address -> words, where the values are known and few.
    :param reference: Where the column refers to.
    """

    name: str
    label: str
    column: InstrumentedAttribute[Any]
    tests: tuple[Test, ...]
    choices: dict[str, str] = field(default_factory=dict)
    reference: Reference | None = None

    def chip(self, test: Test, value: str) -> str:
        """What a test with this value says."""
        if test.control == "check":
            return f"{self.label} {test.says}".strip()
        return (
            f"{self.label}{' ' if test.says else ''}{test.says}: {self.choices.get(value, value)}"
        )

    def _with(self, *tests: Test) -> Filter:
        return replace(self, tests=(*self.tests, *tests))

    def or_empty(self, says: str = "empty") -> Filter:
        """With a test for rows that have no value; for a nullable column."""
        test = Test(
            f"{self.name}.empty", says, _yes(self.column.is_(None)), index_of(self.column), "check"
        )
        return self._with(test)


def one_of(
    name: str, label: str, column: InstrumentedAttribute[Any], values: Iterable[Any]
) -> Filter:
    """Any of a few known values."""
    known = {value.value: value for value in values}

    def condition(text: str, _dialect: str) -> ColumnElement[bool]:
        matches: ColumnElement[bool] = column == _known(known, text, label)
        return matches

    tests = (Test(name, "", condition, index_of(column), "choices"),)
    return Filter(name, label, column, tests, {text: text.capitalize() for text in known})


def yes_no(
    name: str, label: str, column: InstrumentedAttribute[bool], *, few_without: str
) -> Filter:
    """A boolean that most rows have: any page of the list shows enough of these.

    :param few_without: The partial index over the others.
    """
    known = {"yes": True, "no": False}

    def condition(text: str, _dialect: str) -> ColumnElement[bool]:
        wanted = _known(known, text, label)
        return is_set(column) if wanted else ~is_set(column)

    tests = (Test(name, "", condition, few_without, "select"),)
    return Filter(name, label, column, tests, {"yes": "Yes", "no": "No"})


def flag(
    name: str,
    label: str,
    column: InstrumentedAttribute[Any],
    holds: ColumnElement[bool],
    index: str,
) -> Filter:
    """A condition that a partial index holds the rows of."""
    return Filter(name, label, column, (Test(name, "", _yes(holds), index, "check"),))


def state_of(
    name: str,
    label: str,
    column: InstrumentedAttribute[Any],
    states: Mapping[str, tuple[str, ColumnElement[bool]]],
    *,
    index: str,
) -> Filter:
    """Any of a few states, each a condition.

    :param states: Value in the address -> words and condition.
    :param index: The partial index that holds all rows but those of the state that most have.
    """

    def condition(text: str, _dialect: str) -> ColumnElement[bool]:
        _, holds = _known(states, text, label)
        matches: ColumnElement[bool] = holds
        return matches

    tests = (Test(name, "", condition, index, "choices"),)
    return Filter(name, label, column, tests, {text: words for text, (words, _) in states.items()})


def text(name: str, label: str, column: InstrumentedAttribute[str]) -> Filter:
    """A text: is, begins with, and contains where it is one of the table's searched columns."""
    searched = search_index_of(column.table, [column])

    def is_(value: str, _dialect: str) -> ColumnElement[bool]:
        return column == value if len(value) <= (column.type.length or len(value)) else false()

    def begins(value: str, _dialect: str) -> ColumnElement[bool]:
        return and_(column >= value, column < value + LAST_CHARACTER)

    def contains(value: str, dialect: str) -> ColumnElement[bool]:
        term = Term(value, column.key)
        if not term.by_trigram:
            raise ValueError(f"{label} contains {value!r} is too little: three characters or more")
        return and_(*search_of(column.parent.class_).conditions([term], dialect))

    tests = [
        Test(name, "is", is_, index_of(column)),
        Test(f"{name}.begins", "begins with", begins, index_of(column)),
    ]
    if searched:
        tests.append(Test(f"{name}.contains", "contains", contains, searched))
    return Filter(name, label, column, tuple(tests))


def span(name: str, label: str, column: InstrumentedAttribute[Any]) -> Filter:
    """A number or a moment between two: numbers up to and with the end, moments before it."""
    is_moment = isinstance(column.type, UtcDateTime)
    control = "date" if is_moment else "number"
    end, says_end = ("before", "before") if is_moment else ("to", "to")

    def since(value: str, _dialect: str) -> ColumnElement[bool]:
        matches: ColumnElement[bool] = column >= value_of(column.type, value)
        return matches

    def until(value: str, _dialect: str) -> ColumnElement[bool]:
        last = value_of(column.type, value)
        matches: ColumnElement[bool] = column < last if is_moment else column <= last
        return matches

    tests = (
        Test(f"{name}.from", "from", since, index_of(column), control),
        Test(f"{name}.{end}", says_end, until, index_of(column), control),
    )
    assert is_moment or isinstance(column.type, Exact)  # noqa: S101 - a mistake in a declaration
    return Filter(name, label, column, tests)


def referred(
    name: str, label: str, column: InstrumentedAttribute[Any], reference: Reference
) -> Filter:
    """Rows that refer to any of some rows, by natural key; each is chosen by typeahead."""

    def condition(value: str, _dialect: str) -> ColumnElement[bool]:
        """An unknown key matches nothing, and the list says so; it is no broken address."""
        return column == reference.id_of(value) if len(value) <= LONGEST else false()

    test = Test(name, "", condition, index_of(column), "reference")
    return Filter(name, label, column, (test,), reference=reference)


def _known(known: Mapping[str, Any], text: str, label: str) -> Any:
    if text not in known:
        raise ValueError(f"{label} cannot be {text[:40]!r}: use one of {', '.join(known)}")
    return known[text]


def _yes(holds: ColumnElement[bool]) -> Condition:
    def condition(value: str, _dialect: str) -> ColumnElement[bool]:
        if value != "yes":
            raise ValueError(f"{value[:40]!r} is not 'yes'")
        return holds

    return condition
