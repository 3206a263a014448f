"""Sums that are exact on both databases, and counts that stop."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Dialect, String, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


class ExactSum(TypeDecorator[Decimal]):
    """A sum of amounts: NUMERIC on PostgreSQL, its digits as text on SQLite."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: Any, _dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class UpTo(TypeDecorator[int]):
    """A count that stopped at ``limit + 1``: that value stands for "more than ``limit``"."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit


class sum_of_amounts(GenericFunction[Decimal]):  # noqa: N801 - SQL functions are lower case
    """The lines' quantity × unit price × (1 − discount) together, exact; 0 of no lines.

    Its arguments are these three columns.
    """

    type = ExactSum()
    inherit_cache = True


@compiles(sum_of_amounts)
def _sum(element: sum_of_amounts, compiler: Any, **options: Any) -> str:
    quantity, price, discount = (compiler.process(part, **options) for part in element.clauses)
    return f"coalesce(sum({quantity} * {price} * (1 - {discount})), 0)"


@compiles(sum_of_amounts, "sqlite")
def _sum_sqlite(element: sum_of_amounts, compiler: Any, **options: Any) -> str:
    # There price and discount are integers of ten-thousandths, so that an amount counts in 1e-8.
    # A sum of these would overflow at the 93rd of the largest: whole units and the rest go apart.
    quantity, price, discount = (compiler.process(part, **options) for part in element.clauses)
    amount = f"{quantity} * {price} * (10000 - {discount})"
    units, rest = f"sum({amount} / 100000000)", f"sum({amount} % 100000000)"
    return f"printf('%d.%08d', {units} + {rest} / 100000000, {rest} % 100000000)"
