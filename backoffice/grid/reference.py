"""References by natural key: what people type and files carry instead of ids."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select, union
from sqlalchemy.orm import InstrumentedAttribute, Session

from backoffice.database import Rows

MOST_SUGGESTIONS = 10
LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True)
class Reference:
    """How rows of one table are chosen in a form or filter.

    :param key: Its natural key.
    :param label: What people call it, shown beside the key.
    :param endpoint: Its view, which answers `lookup`.
    :param noun: What it is called in messages: "supplier".
    :param extra: More columns that a form wants with the suggestion.
    """

    model: type[Any]
    key: InstrumentedAttribute[str]
    label: InstrumentedAttribute[str]
    endpoint: str
    noun: str
    extra: tuple[InstrumentedAttribute[Any], ...] = field(default=())

    def by_names(self, texts: Collection[str]) -> Rows:
        """``(id, key, label)`` of the rows whose key or label is one of ``texts``.

        Of rows that share a label a few are enough to see that it is not unique.
        """
        row = select(self.model.id, self.key, self.label)
        meant = sorted({way for text in texts for way in ways(text)})
        by_key = row.where(self.key.in_(meant))
        by_label = row.where(self.label.in_(meant)).limit(100 + 2 * len(texts))
        return select(union(by_key, select(by_label.subquery())).subquery())

    def id_of(self, text: str) -> ColumnElement[int | None]:
        """The id of the row that ``text`` is the key of, or else the only label of; else NULL."""
        by_key = select(self.model.id).where(self.key == text).scalar_subquery()
        others = or_(self.key.in_(ways(text)), self.label.in_(ways(text)))
        only = select(func.min(self.model.id)).where(others).having(func.count() == 1)
        return func.coalesce(by_key, only.scalar_subquery())

    def suggestions(self, text: str) -> Rows:
        """Rows whose key or label begins with ``text``, ``MOST_SUGGESTIONS`` at most.

        Each way of writing it is a range of an index of its own, read for a few rows only, so
        the cost does not grow with the table.
        """
        ranges = [
            self._begins(column, start)
            for column in dict.fromkeys((self.key, self.label))
            for start in ways(text)
        ]
        found = union(*(select(part.subquery()) for part in ranges)).subquery()
        is_code = func.lower(found.c.key).startswith(text.lower(), autoescape=True)
        return (
            select(found)
            .order_by(case((is_code, found.c.key), else_=found.c.label), found.c.key)
            .limit(MOST_SUGGESTIONS)
        )

    def _begins(self, column: InstrumentedAttribute[str], start: str) -> Rows:
        return (
            select(self.key.label("key"), self.label.label("label"), *self.extra)
            .where(column >= start, column < start + LAST_CHARACTER)
            .order_by(column)
            .limit(MOST_SUGGESTIONS)
        )


def ways(text: str) -> list[str]:
    """The usual ways of writing it: an index finds each, which it could not in any capitals."""
    several = (text, text.upper(), text.capitalize(), text.title(), text.lower())
    return list(dict.fromkeys(several))


def find(session: Session, reference: Reference, texts: Collection[str]) -> dict[str, Any]:
    """What was typed -> row ``(id, key, label)``, by one statement.

    A text is a key; or else a key in other capitals, or a whole label, of one row only.
    """
    if not texts:
        return {}
    rows = session.execute(reference.by_names(texts)).all()
    by_key = {row[1]: row for row in rows}
    found = {}
    for text in texts:
        meant = {row[0]: row for row in rows if text.lower() in (row[1].lower(), row[2].lower())}
        if text in by_key:
            found[text] = by_key[text]
        elif len(meant) == 1:
            found[text] = next(iter(meant.values()))
    return found
