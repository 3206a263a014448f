"""What every table that staff edit has in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ColumnElement, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from backoffice.models.columns import Key, UtcDateTime, utc_now

LARGE = {"online": True}
"""Marks an index of a large table: `indexes build` makes it, migrations leave it alone."""

INACTIVE = text("NOT active")
"""The few rows that are out of use: an index of these alone is small, and seldom written."""

NO_ID_TWICE = {"sqlite_autoincrement": True}
"""Last in a table's arguments: SQLite would give a deleted row's id, and history, to the next."""


class Record:
    """Key, moments and version of a row.

    ``version`` counts the row's changes. Every writer raises it, so a form that carries the
    ``edition`` it was filled from notices that somebody else saved in between.
    """

    __tablename__: Any

    id: Mapped[Key]
    created_at: Mapped[datetime] = mapped_column(
        UtcDateTime, server_default=utc_now(), sort_order=90
    )
    updated_at: Mapped[datetime] = mapped_column(
        UtcDateTime, server_default=utc_now(), onupdate=lambda: datetime.now(UTC), sort_order=91
    )
    version: Mapped[int] = mapped_column(server_default="1", sort_order=92)

    @property
    def edition(self) -> str:
        """What a form of the record carries: the versions of all that can be changed in it."""
        return str(self.version)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805
        return {"version_id_col": cls.version}


def rule(
    name: str, sqltext: str | ColumnElement[bool], *, field: str, says: str
) -> CheckConstraint:
    """A named CHECK with the form field it belongs to and the sentence shown there."""
    return CheckConstraint(sqltext, name=name, info={"field": field, "says": says})


def filled(field: str) -> CheckConstraint:
    """The rule that ``field`` is not empty."""
    return rule(f"{field}_filled", f"{field} <> ''", field=field, says="Must not be empty.")
