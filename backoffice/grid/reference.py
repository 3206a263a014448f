"""References by natural key: what people type and files carry instead of ids."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import case, func, select, union
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

    def by_keys(self, keys: Collection[str]) -> Rows:
        """``(id, key, label)`` of the rows with these keys."""
        return select(self.model.id, self.key, self.label).where(self.key.in_(sorted(keys)))

    def suggestions(self, text: str) -> Rows:
        """Rows whose key or label begins with ``text``, ``MOST_SUGGESTIONS`` at most.

        Each way of writing it is a range of an index of its own, read for a few rows only, so
        the cost does not grow with the table.
        """
        ranges = [
            self._begins(column, start)
            for column in dict.fromkeys((self.key, self.label))
            for start in dict.fromkeys(
                (text, text.upper(), text.capitalize(), text.title(), text.lower())
            )
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


def find(session: Session, reference: Reference, keys: Collection[str]) -> dict[str, Any]:
    """Key -> row ``(id, key, label)`` of those ``keys`` that exist, by one statement."""
    if not keys:
        return {}
    return {row[1]: row for row in session.execute(reference.by_keys(keys))}
