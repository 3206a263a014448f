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
class Seen:
    """The rows that a preview says would change, told by sums: so a form carries a million.

    By the sum of ids another row in the place of one is noticed, and by that of versions a change
    whose moment is older than ``newest``: its transaction took long, or a clock was behind.

    :param rows: How many they are.
    :param newest: When one of those matched was last changed.
    """

    rows: int
    ids: int
    versions: int
    newest: datetime


@dataclass(frozen=True)
class Preview:
    """What a change would do: of ``matched`` rows, those ``seen`` differ, ``refused`` among them.

    ``seen`` is None where none differs. ``examples`` are the first of those refused, or else of
    those that change.
    """

    matched: int
    seen: Seen | None
    refused: int
    examples: tuple[Example, ...]

    @property
    def differing(self) -> int:
        return self.seen.rows if self.seen else 0

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
        rows, model = func.count(), self.model
        matched, refused, newest, differing, ids, versions = session.execute(
            select(
                rows,
                rows.filter(self._differs, not_(self._holds)),
                func.max(model.updated_at),
                rows.filter(self._differs),
                func.sum(model.id).filter(self._differs),
                func.sum(model.version).filter(self._differs),
            ).where(*self.conditions)
        ).one()
        if refused:
            examples = self._examples(session, not_(self._holds), NAMED)
        else:
            examples = self._examples(session, true(), EXAMPLES)
        seen = Seen(differing, int(ids), int(versions), newest) if differing else None
        return Preview(matched, seen, refused, examples)

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

    def write(self, session: Session, seen: Seen) -> None:
        """Change the rows, all of them or none, with one history entry; the caller commits.

        Rows that were changed after ``seen.newest`` are left out, and what was written then has to
        be what was seen: so nobody's newer work is changed unseen, nor anything twice by sending
        the form twice.

        :raises OutdatedError: other rows would change than the preview said.
        :raises sqlalchemy.exc.IntegrityError: a rule was broken; DataError: a column was too small.
        """
        # Later than any of them, also by a clock that is behind the one that set ``newest``.
        at = max(datetime.now(UTC), seen.newest + timedelta(microseconds=1))
        model = self.model
        written = session.connection().execute(
            update(model)
            .where(*self.conditions, self._differs, model.updated_at <= seen.newest)
            .values({**self.change.values, "version": model.version + 1, "updated_at": at})
        )
        if written.rowcount != seen.rows or self._sums_at(session, at) != (
            seen.ids,
            seen.versions + seen.rows,
        ):
            raise OutdatedError
        history.add_entry(
            session,
            action="bulk",
            table=self.model.__tablename__,
            label=self.change.done[:300],
            changes={"rows": seen.rows},
            at=at,
            rows=select(model.id).where(model.updated_at == at),
        )

    def _sums_at(self, session: Session, at: datetime) -> tuple[int, int]:
        """The sums of ids and versions of the rows written at ``at``.

        Looked up after the write, which has locked them: on PostgreSQL rows that were compared
        before could change until then, and locking them to compare would write each twice.
        """
        sums = select(func.sum(self.model.id), func.sum(self.model.version))
        ids, versions = session.execute(sums.where(self.model.updated_at == at)).one()
        return int(ids or 0), int(versions or 0)


def _readable(column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[Any]:
    """``value`` of ``column``; of a reference the name of what it refers to."""
    if not column.foreign_keys:
        return value
    (key,) = column.foreign_keys
    other = key.column.table.alias()
    return select(other.c.name).where(other.c[key.column.name] == value).scalar_subquery()
