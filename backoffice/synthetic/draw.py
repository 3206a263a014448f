"""Drawing the values of synthetic rows inside the database.

Random functions of the databases cannot be seeded alike, so a draw is arithmetic on the row's
number: the same number, seed and purpose give the same value on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Numeric,
    Text,
    cast,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import Grouping

PRIME = 2_147_483_647
FACTOR = 48_271

Number = ColumnElement[int]


def numbers(dialect: str, first: int, last: int, name: str = "numbers") -> FromClause:
    """The numbers from ``first`` to ``last`` as rows with the column ``n``."""
    low, high = whole(first), whole(last)
    if dialect == "postgresql":
        series = func.generate_series(low, high, type_=BigInteger).table_valued("n", name=name)
        return series.render_derived()
    steps = select(low.label("n")).cte(name, recursive=True)
    return steps.union_all(select(steps.c.n + 1).where(steps.c.n < high))


def whole(value: int) -> Number:
    """``value`` as 64-bit integer: a hash multiplies beyond 32 bits."""
    return literal(value, BigInteger)


class Draw:
    """The draws for the row ``number`` of ``table``."""

    def __init__(self, dialect: str, table: str, number: Number, seed: int) -> None:
        self.dialect = dialect
        self.table = table
        self.number = number
        self.seed = seed

    def below(self, limit: int | Number, purpose: str) -> Number:
        """A whole number from 0 up to, not including, ``limit``.

        The square breaks up the even steps of neighbouring rows. No product reaches 2^63: SQLite
        would go on in floating point, PostgreSQL would refuse.
        """
        shift = (self.seed * 7_919 + crc32(f"{self.table} {purpose}".encode())) % PRIME
        mixed = (self.number * FACTOR + shift) % PRIME
        return (mixed * mixed % PRIME) % limit

    def chance(self, percent: int, purpose: str) -> ColumnElement[bool]:
        """True for ``percent`` of the rows."""
        return self.below(100, purpose) < percent

    def word(self, words: Sequence[str], purpose: str) -> ColumnElement[str]:
        """One of ``words``."""
        return self.entry(words, self.below(len(words), purpose))

    def entry(self, words: Sequence[str], position: Number) -> ColumnElement[str]:
        """The word at ``position``, from 0.

        SQLite has no arrays: there the words stand at equal distance in one text.
        """
        if self.dialect == "postgresql":
            return Grouping(literal(list(words), ARRAY(Text)))[cast(position, Integer) + 1]
        width = max(map(len, words))
        text = "".join(word.ljust(width) for word in words)
        return func.rtrim(func.substr(text, position * width + 1, width), type_=Text())

    def text(self, number: Number) -> ColumnElement[str]:
        return cast(number, Text)

    def money(self, cents: Number) -> ColumnElement[Any]:
        """``cents`` as ``models.columns.Exact`` stores an amount."""
        if self.dialect == "postgresql":
            return cast(cents, Numeric) / literal_column("100.0")
        return cents * 100

    def moment(self, seconds: Number) -> ColumnElement[Any]:
        """``seconds`` since 1970 as ``models.columns.UtcDateTime`` stores a moment."""
        if self.dialect == "postgresql":
            return func.to_timestamp(seconds)
        return func.strftime("%Y-%m-%d %H:%M:%S.000000", seconds, "unixepoch")
