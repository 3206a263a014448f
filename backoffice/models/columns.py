"""Column types named once."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Numeric, String, Text, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import mapped_column
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeEngine

PLACES = Decimal("0.0001")


class Exact(TypeDecorator[Decimal]):
    """A decimal number with four places, exact on both databases.

    PostgreSQL stores NUMERIC. SQLite would store NUMERIC as a binary fraction, so there the
    column holds the integer number of ten-thousandths. Compared and bound values are converted
    alike, so an expression of one such column and literals reads the same on both; a product of
    two such columns counts in hundred-millionths on SQLite (see ``dashboard.queries``).
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int = 13) -> None:
        """:param precision: Digits in all, four of them behind the point."""
        super().__init__(precision, 4)
        self.precision = precision

    @property
    def limit(self) -> Decimal:
        """The smallest number that is too large."""
        return Decimal(10) ** (self.precision - 4)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(Numeric(self.precision, 4))

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return exact_to_database(Decimal(value), dialect.name)

    def process_literal_param(self, value: Decimal | int | None, dialect: Dialect) -> str:
        return "NULL" if value is None else str(self.process_bind_param(value, dialect))

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        return Decimal(value).scaleb(-4) if dialect.name == "sqlite" else value


def exact_to_database(value: Decimal, dialect: str) -> Decimal | int:
    """``value`` as the column of ``dialect`` stores it.

    :raises ValueError: ``value`` is not finite or has more than four places: rounding silently
        would change somebody's money.
    """
    if not value.is_finite() or value != value.quantize(PLACES):
        raise ValueError(f"{value} is not a number with at most four decimals")
    return int(value.scaleb(4)) if dialect == "sqlite" else value


def exact_to_text(value: Decimal, thousands: str = "") -> str:
    """The amount with the decimals that it has, at least two: ``9.80``, ``0.0125``."""
    text = f"{value:{thousands}.4f}"
    return text[:-2] if text.endswith("00") else text.rstrip("0")


class cents(GenericFunction[Decimal]):  # noqa: N801 - SQL functions are lower case
    """``cents(a, b)``: the product of two amounts, neither negative, half up to two places.

    On SQLite both count in ten-thousandths, and the product must stay below 9.2e18.
    """

    type = Exact()
    inherit_cache = True


@compiles(cents)
def _cents(element: cents, compiler: Any, **options: Any) -> str:
    a, b = (compiler.process(part, **options) for part in element.clauses)
    return f"round({a} * {b}, 2)"


@compiles(cents, "sqlite")
def _cents_sqlite(element: cents, compiler: Any, **options: Any) -> str:
    a, b = (compiler.process(part, **options) for part in element.clauses)
    return f"(({a} * {b} + 500000) / 1000000 * 100)"  # integers: the division cuts off


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, always time-zone aware and in UTC.

    PostgreSQL stores TIMESTAMPTZ. SQLite stores text of one fixed width
    (``2026-01-31 08:00:00.000000``), so that text order is time order.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=dialect.name != "sqlite"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class utc_now(GenericFunction[datetime]):  # noqa: N801 - SQL functions are lower case
    """The database's clock, in the form that ``UtcDateTime`` stores."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(utc_now)
def _now(_element: utc_now, _compiler: Any, **_: Any) -> str:
    return "now()"


@compiles(utc_now, "sqlite")
def _now_sqlite(_element: utc_now, _compiler: Any, **_: Any) -> str:
    # CURRENT_TIMESTAMP has no fraction: such a row would sort before itself in a cursor.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


class is_set(GenericFunction[bool]):  # noqa: N801 - as above
    """A boolean column as a condition, spelled as the partial indexes are: ``active``.

    SQLAlchemy writes ``active = 1`` for SQLite, which then does not see that the index serves it.
    """

    # A Boolean would be compared with 1 again.
    type = Integer()  # type: ignore[assignment]
    inherit_cache = True


@compiles(is_set)
def _bare(element: is_set, compiler: Any, **options: Any) -> str:
    (column,) = element.clauses
    return str(compiler.process(column, **options))


def plain_order(length: int) -> String:
    """Text that sorts by code point on both databases.

    SQLite does so anyway. PostgreSQL would follow the system's locale: then the two would order
    differently, an upgrade of the system would silently break the index under the pages, and
    "begins with" could not read it.
    """
    return String(length).with_variant(String(length, collation="C"), "postgresql")


BIG_KEY = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's rowid is INTEGER only

Key = Annotated[int, mapped_column(BIG_KEY, primary_key=True)]
Code = Annotated[str, mapped_column(plain_order(64))]
Name = Annotated[str, mapped_column(plain_order(200))]
ShortText = Annotated[str, mapped_column(String(200), server_default="", default="")]
LongText = Annotated[str, mapped_column(Text, server_default="", default="")]
Money = Annotated[Decimal, mapped_column(Exact(13))]
Rate = Annotated[Decimal, mapped_column(Exact(5))]
Moment = Annotated[datetime, mapped_column(UtcDateTime)]
