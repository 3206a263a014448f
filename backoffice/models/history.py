"""History: who changed what, when, by what means."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import JSON, Column, Index, Integer, String, Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backoffice.database import Base
from backoffice.models.columns import BIG_KEY, Key, Moment, utc_now

OF_A_LINE = re.compile(r"line (\d+): (\w+)")
"""What ``changes`` calls a field of an order's line."""


class Told(NamedTuple):
    """One change in words: ``name: before → after``; of a line as a whole, ``before`` is None."""

    name: str
    before: str | None
    after: str


class HistoryEntry(Base):
    """One change of one record, or one whole import or bulk change.

    ``changes`` maps a field to ``[before, after]`` for a single record, and names what was done
    (file, counts) for a bulk change, whose ``row_id`` is NULL and whose rows ``history_rows`` has.
    """

    __tablename__ = "history"
    __allow_unmapped__ = True  # of_row
    __table_args__ = (
        # Serves history.entries_of: one record's changes, newest first.
        Index(None, "table_name", "row_id", "id"),
    )

    id: Mapped[Key]
    at: Mapped[Moment] = mapped_column(server_default=utc_now())
    actor: Mapped[str] = mapped_column(String(255))
    means: Mapped[str] = mapped_column(String(16))
    action: Mapped[str] = mapped_column(String(16))
    table_name: Mapped[str] = mapped_column(String(64))
    row_id: Mapped[int | None] = mapped_column(BIG_KEY)
    label: Mapped[str] = mapped_column(String(300), server_default="", default="")
    changes: Mapped[dict[str, Any]] = mapped_column(JSON().with_variant(JSONB(), "postgresql"))

    of_row: dict[str, list[Any]] | None = None
    """What a write of many rows did to the one whose history is shown; set by history.entries."""

    @property
    def row_changes(self) -> dict[str, list[Any]]:
        """Field -> [before, after] of the one row that the entry is shown for."""
        return (self.changes if self.row_id is not None else self.of_row) or {}

    @property
    def others(self) -> str:
        """How many rows were changed with the record: ``12,344 others``, empty for none."""
        number = self.changes.get("rows", 1) - 1
        return f"{number:,} other{'s' if number > 1 else ''}" if number else ""

    @property
    def told(self) -> list[Told]:
        """The changes of one record in words; lines last, by number."""
        told: list[Told] = []
        lines: dict[int, dict[str, list[Any]]] = {}
        for name, pair in self.row_changes.items():
            of_a_line = OF_A_LINE.fullmatch(name)
            if of_a_line:
                lines.setdefault(int(of_a_line[1]), {})[of_a_line[2]] = pair
            else:
                told.append(_told(name, pair))
        for number, changes in sorted(lines.items()):
            told += _told_line(f"Line {number}", changes)
        return told


# One row for each row that an import or a bulk change wrote; they are rows of the entry's table.
# An import notes what it did to each, which is what undoing it goes by: ``changes`` maps a column
# to [before, after] as the database stores them, and is NULL where the import made the row;
# ``version`` is the row's after it.
# Serves history.entries_of by its key. No foreign key: history is only ever added to, and checking
# that 100,000 rows refer to one and the same entry takes five times as long as writing them.
history_rows = Table(
    "history_rows",
    Base.metadata,
    Column("row_id", BIG_KEY, primary_key=True, autoincrement=False),
    Column("history_id", BIG_KEY, primary_key=True, autoincrement=False),
    Column("changes", JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")),
    Column("version", Integer),
    sqlite_with_rowid=False,  # the key is all there is
)


def _told_line(line: str, changes: dict[str, list[Any]]) -> list[Told]:
    """A changed line field by field, a new or removed one in one sentence."""
    before, after = changes.get("line_no", [0, 0])
    if before is not None and after is not None:
        return [_told(name, pair, f"{line} ") for name, pair in changes.items()]
    side, done = (1, "added") if before is None else (0, "removed")
    values = {name: _said(name, pair[side]) for name, pair in changes.items()}
    if "quantity" not in values:
        return [Told(f"{line} {done}", None, "")]
    said = f"{values.get('product')} × {values.get('quantity')} at {values.get('unit_price')}"
    discount = values.get("discount", "0")
    if Decimal(discount):
        said += f", discount {discount}"
    return [Told(f"{line} {done}", None, said)]


def _told(name: str, pair: list[Any], prefix: str = "") -> Told:
    before, after = (_said(name, value) for value in pair)
    words = {"line_no": "number"}.get(name) or name.removesuffix("_at").replace("_", " ")
    return Told(prefix + words, before, after)


def _said(name: str, value: Any) -> str:
    if value is None or value == "":
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_at"):
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S}".removesuffix(":00") + " UTC"
    return str(value)
