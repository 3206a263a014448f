"""One change of many rows: what it would do, and doing it by one UPDATE. Knows no table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, not_, null, or_, select, true, update
from sqlalchemy.orm import Session

from backoffice import history
from backoffice.grid.forms import ReferringForm

EXAMPLES = 3
NAMED = 10
"""Refused rows that a preview names; of the others it says how many they are."""


@dataclass(frozen=True)
class Rule:
    """What a changed row has to satisfy: a rule of the database with the words for it."""

    holds: ColumnElement[bool]
    says: str


@dataclass(frozen=True)
class Change:
    """What an action does to each row, now that its parameters are chosen.

    :param values: Column -> its new value, as an expression over the row.
    :param done: What it did, for messages and history: ``price raised by 5 %``.
    :param button: ``12 products`` -> ``Raise the price of 12 products by 5 %``.
    :param rules: Those of the database that the new values might break.
    """

    values: Mapping[str, ColumnElement[Any]]
    done: str
    button: Callable[[str], str]
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class BulkAction:
    """Something that can be done to many rows of a list at once.

    :param name: What it is called in a form.
    :param label: A verb; ends in ``…`` where ``form`` asks for parameters.
    :param change: The filled form, or None where there is none -> what to do.
    """

    name: str
    label: str
    change: Callable[[Any], Change]
    form: type[ReferringForm] | None = None


@dataclass(frozen=True)
class Example:
    """One row as it is and as it would be: name of a column -> before, after."""

    key: str
    title: str
    values: dict[str, tuple[Any, Any]]
    broken: Rule | None = None


@dataclass(frozen=True)
class Preview:
    """What a change would do: of ``matched`` rows, those that differ, ``refused`` among them.

    ``newest`` is when one of the matched rows was last changed, None without rows. ``examples``
    are the first of those refused, or else of those that change.
    """

    matched: int
    differing: int
    refused: int
    newest: datetime | None
    examples: tuple[Example, ...]

    @property
    def unchanged(self) -> int:
        return self.matched - self.differing


class OutdatedError(Exception):
    """Rows were changed since the preview."""


@dataclass(frozen=True)
class Bulk:
    """``change`` applied to the rows of ``model`` that satisfy ``conditions``.

    :param key: The column that people know a row by.
    :param title: The column that names it.
    """

    model: type[Any]
    key: str
    title: str
    conditions: Sequence[ColumnElement[bool]]
    change: Change

    @cached_property
    def _columns(self) -> dict[str, ColumnElement[Any]]:
        return {name: getattr(self.model, name) for name in self.change.values}

    @cached_property
    def _differs(self) -> ColumnElement[bool]:
        values = self.change.values
        return or_(*(c.is_distinct_from(values[name]) for name, c in self._columns.items()))

    @cached_property
    def _holds(self) -> ColumnElement[bool]:
        return and_(true(), *(rule.holds for rule in self.change.rules))

    def look(self, session: Session) -> Preview:
        """What the change would do now, by two statements."""
        rows = func.count()
        matched, differing, refused, newest = session.execute(
            select(
                rows,
                rows.filter(self._differs),
                rows.filter(self._differs, not_(self._holds)),
                func.max(self.model.updated_at),
            ).where(*self.conditions)
        ).one()
        if refused:
            examples = self._examples(session, not_(self._holds), NAMED)
        else:
            examples = self._examples(session, true(), EXAMPLES)
        return Preview(matched, differing, refused, newest, examples)

    def _examples(
        self, session: Session, condition: ColumnElement[bool], most: int
    ) -> tuple[Example, ...]:
        pairs = [
            _readable(column, value)
            for name, column in self._columns.items()
            for value in (column, self.change.values[name])
        ]
        rules = self.change.rules
        broken = case(*((not_(rule.holds), i) for i, rule in enumerate(rules))) if rules else null()
        statement = (
            select(getattr(self.model, self.key), getattr(self.model, self.title), broken, *pairs)
            .where(*self.conditions, self._differs, condition)
            .order_by(self.model.id)
            .limit(most)
        )
        examples = []
        for key, title, rule, *values in session.execute(statement):
            changes = zip(values[::2], values[1::2], strict=True)
            told = dict(zip(self._columns, changes, strict=True))
            examples.append(Example(key, title, told, None if rule is None else rules[rule]))
        return tuple(examples)

    def write(self, session: Session, differing: int, newest: datetime) -> None:
        """Change the rows, all of them or none, with one history entry; the caller commits.

        A row that was changed after ``newest`` is left out, and then the count is not
        ``differing``: so nobody's newer work is changed unseen, nor anything twice by sending
        the form twice.

        :raises OutdatedError: other rows would change than the preview said.
        :raises sqlalchemy.exc.IntegrityError: a rule was broken; DataError: a column was too small.
        """
        # Later than any of them, also by a clock that is behind the one that set ``newest``.
        at = max(datetime.now(UTC), newest + timedelta(microseconds=1))
        written = session.connection().execute(
            update(self.model)
            .where(*self.conditions, self._differs, self.model.updated_at <= newest)
            .values({**self.change.values, "version": self.model.version + 1, "updated_at": at})
        )
        if written.rowcount != differing:
            raise OutdatedError
        history.add_entry(
            session,
            action="bulk",
            table=self.model.__tablename__,
            label=self.change.done[:300],
            changes={"rows": differing},
            at=at,
            rows=select(self.model.id).where(self.model.updated_at == at),
        )


def _readable(column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[Any]:
    """``value`` of ``column``; of a reference the name of what it refers to."""
    if not column.foreign_keys:
        return value
    (key,) = column.foreign_keys
    other = key.column.table.alias()
    return select(other.c.name).where(other.c[key.column.name] == value).scalar_subquery()
