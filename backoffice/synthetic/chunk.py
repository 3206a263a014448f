"""What is being written: a chunk of rows, and the keys of the rows that they refer to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute

from backoffice.synthetic.draw import Draw, Number, numbers

DAY = 86_400
SPAN = 730 * DAY
"""Seconds that the rows are spread over, up to ``Chunk.end``."""

CODES_FROM = 1_000_000
"""Added to the key in codes: they have one length, so text order is key order, for long."""


@dataclass(frozen=True)
class Chunk:
    """The rows of ``table`` from key ``first`` to ``last``; ``done`` of ``total`` went before."""

    table: str
    dialect: str
    seed: int
    first: int
    last: int
    done: int
    total: int
    end: int  # seconds since 1970; nothing is younger

    def rows(self, columns: Any) -> Select[Any]:
        """``columns(draw)``, a mapping of column to value, for each row of the chunk."""
        series = numbers(self.dialect, self.first, self.last)
        draw = self.draw(series.c.n)
        return labelled(columns(draw)).select_from(series)

    def draw(self, number: Number) -> Draw:
        return Draw(self.dialect, self.table, number, self.seed)

    def passed(self, number: Number, scale: int) -> Number:
        """How far the row is in the whole run, from 0 up to, not including, ``scale``."""
        return (number - self.first + self.done) * scale // self.total


@dataclass(frozen=True)
class Keys:
    """The keys of a table that rows refer to: the smallest, and how many up to the largest."""

    low: int
    span: int
    without_gaps: bool

    def any(self, key: InstrumentedAttribute[int], position: Number) -> ColumnElement[int]:
        """The existing key at or after ``position``, which deleted rows may have left a gap at."""
        wanted = self.low + position % self.span
        if self.without_gaps:  # spares each row an index lookup
            return wanted
        return select(func.min(key)).where(key >= wanted).scalar_subquery()


def labelled(columns: Mapping[str, Any]) -> Select[Any]:
    """A row of ``columns``, each under its name."""
    values: list[Any] = [value.label(name) for name, value in columns.items()]
    return select(*values)
