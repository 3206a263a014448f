"""What hangs on a record: rows of other tables that its page shows, and what keeps it alive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flask import url_for
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Mapper, Session

from backoffice.database import Base, Rows
from backoffice.grid import render
from backoffice.grid.count import Count, count_up_to

SHOWN = 10


@dataclass(frozen=True)
class Related:
    """The newest rows of another table under a record.

    :param statement: Record's id -> the rows, labelled like the list's columns, with ``id``.
    :param columns: The labels shown; a phone has the first three.
    :param endpoint: The view that the first column links to.
    :param filter: The argument that narrows that view's list to this record, by natural key.
    """

    title: str
    statement: Callable[[int], Rows]
    columns: tuple[str, ...]
    endpoint: str
    filter: str
    labels: Mapping[str, str] = field(default_factory=dict)
    title_column: str = ""

    def rows(self, session: Session, row_id: int) -> list[Any]:
        return list(session.execute(self.statement(row_id).limit(SHOWN)).all())

    def table(self, rows: list[Any]) -> Markup:
        """The rows in the look of a list."""
        address = url_for(f"{self.endpoint}.details_view", id="")
        return render.table(self._shown, rows, address)

    @cached_property
    def _shown(self) -> tuple[render.Column, ...]:
        """The columns as they are shown: known once and for all, not anew for each page."""
        return render.columns_of(
            self.statement(0), self.columns, self.labels, self.columns[:3], self.title_column
        )

    def all_url(self, key: str) -> str:
        """The list of all of them."""
        narrowed: dict[str, Any] = {self.filter: key}
        return url_for(f"{self.endpoint}.index_view", **narrowed)


@dataclass(frozen=True)
class Use:
    """Where a record is used: rows of ``table`` that refer to it."""

    table: str
    count: Count
    cascades: bool

    @property
    def words(self) -> str:
        """What they are called, in the number that ``count`` has."""
        words = self.table.replace("_", " ")
        return words.removesuffix("s") if self.count.number == 1 else words


def uses_of(session: Session, mapper: Mapper[Any], row_id: int) -> list[Use]:
    """The rows that refer to a record, found by the foreign keys; empty ones left out."""
    uses = []
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.column.table is mapper.local_table:
                rows = select(table.c.id).where(key.parent == row_id)
                count = count_up_to(session, rows)
                if count.number:
                    uses.append(Use(table.name, count, key.ondelete == "CASCADE"))
    return uses
