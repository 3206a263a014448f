"""Comparing the rollups with the tables they are made of, and remaking them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from backoffice.database import allow_long_work, begins_reading, db
from backoffice.models.rollup_triggers import create_triggers, missing_triggers, stock_state
from backoffice.rollups.fold import fold, state
from backoffice.rollups.periods import PERIODS, days_of
from backoffice.rollups.statements import run

MOST_NAMED = 20
"""Differences of one table that are named; there may be as many as rows."""


@dataclass(frozen=True)
class Difference:
    """A row of a rollup that says something else than the tables; None where there is no row."""

    table: str
    row: str
    kept: str | None
    true: str | None

    def __str__(self) -> str:
        return (
            f"{self.table} {self.row}: {self.kept or 'nothing'}, should be {self.true or 'nothing'}"
        )


@dataclass(frozen=True)
class Verdict:
    """What was found; ``waiting`` changes came meanwhile, and their days were left out."""

    differences: tuple[Difference, ...]
    waiting: int
    triggers: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        return not self.differences and not self.triggers


@dataclass(frozen=True)
class Compared:
    """One rollup: the statement that reads it, and the one that says what it should be."""

    table: str
    key: tuple[str, ...]
    sums: tuple[str, ...]
    kept: str
    true: str


SUMMED = ("quantity", "units", "rest")

_AMOUNTS = """
    SELECT day, hour, status, product_id, quantity, {units} AS units, {rest} AS rest FROM (
        SELECT {day} AS day, {hour} AS hour, o.status AS status, l.product_id AS product_id,
               CAST(sum(l.quantity) AS bigint) AS quantity, {sums}
        FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
        WHERE {LEFT_OUT}
        GROUP BY 1, 2, 3, 4
    ) AS summed
"""

BY_DAY = (
    Compared(
        "sales_hours",
        ("day", "hour", "status"),
        ("orders", "units", "rest"),
        "SELECT day, hour, status, orders, units, rest FROM sales_hours WHERE {LEFT_OUT_DAY}",
        f"""
        SELECT placed.day AS day, placed.hour AS hour, placed.status AS status, orders,
               coalesce(units, 0) AS units, coalesce(rest, 0) AS rest
        FROM (
            SELECT {{day}} AS day, {{hour}} AS hour, o.status AS status, count(*) AS orders
            FROM orders AS o WHERE {{LEFT_OUT}} GROUP BY 1, 2, 3
        ) AS placed
        LEFT JOIN (
            SELECT day, hour, status, {{SUMS}} FROM ({_AMOUNTS}) AS a GROUP BY day, hour, status
        ) AS s ON s.day = placed.day AND s.hour = placed.hour AND s.status = placed.status
        """,
    ),
    # Against the sums by hour, which were compared with the tables just now.
    Compared(
        "sales_days",
        ("day", "status"),
        ("orders", "units", "rest"),
        "SELECT day, status, orders, units, rest FROM sales_days WHERE {LEFT_OUT_DAY}",
        """
        SELECT day, status, CAST(sum(orders) AS bigint) AS orders,
               CAST(sum(units) AS bigint) + CAST(sum(rest) AS bigint) / {REST} AS units,
               CAST(sum(rest) AS bigint) % {REST} AS rest
        FROM sales_hours WHERE {LEFT_OUT_DAY} GROUP BY day, status
        """,
    ),
    Compared(
        "product_days",
        ("day", "product_id"),
        SUMMED,
        "SELECT day, product_id, quantity, units, rest FROM product_days WHERE {LEFT_OUT_DAY}",
        f"""
        SELECT day, product_id, {{SUMS}} FROM ({_AMOUNTS}) AS a WHERE {{SOLD}}
        GROUP BY day, product_id
        """,
    ),
    Compared(
        "stock_states",
        ("state",),
        ("products",),
        "SELECT state, CAST(sum(products) AS bigint) AS products FROM stock_states "
        "GROUP BY state HAVING sum(products) <> 0",
        f"SELECT {stock_state('')} AS state, count(*) AS products FROM products GROUP BY 1",
    ),
)

_OF_DAYS = """
    SELECT {what}, {{SUMS}} FROM product_days AS d JOIN products AS p ON p.id = d.product_id
    WHERE {{DAYS}} GROUP BY {by} HAVING {{DIFFER}}
"""

# Against the sums by day, which are compared with the tables before.
BY_PERIOD = (
    Compared(
        "product_periods",
        ("product_id", "supplier_id"),
        SUMMED,
        "SELECT product_id, supplier_id, quantity, units, rest FROM product_periods "
        "WHERE period = :period",
        _OF_DAYS.format(
            what="d.product_id AS product_id, p.supplier_id AS supplier_id",
            by="d.product_id, p.supplier_id",
        ),
    ),
    Compared(
        "supplier_periods",
        ("supplier_id",),
        SUMMED,
        "SELECT supplier_id, quantity, units, rest FROM supplier_periods WHERE period = :period",
        _OF_DAYS.format(what="p.supplier_id AS supplier_id", by="p.supplier_id"),
    ),
)


def verify() -> Verdict:
    """Bring the rollups up to date, then read everything and compare, all as of one moment.

    Reads all orders and lines: seconds a million. Days that change in between are left out.
    """
    fold()
    engine = begins_reading(db.engine)
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection, connection.begin():
        allow_long_work(connection)
        waiting = connection.scalar(text("SELECT count(DISTINCT key) FROM rollup_changes"))
        found = [d for compared in BY_DAY for d in _differences(connection, compared)]
        today = state(connection).day
        if today and not waiting:
            found += _periods(connection, today)
        return Verdict(tuple(found), waiting or 0, tuple(missing_triggers(connection)))


def rebuild(progress: Callable[[int, int], None] | None = None) -> int:
    """Remake all of them in short transactions, newest days first; returns how many days.

    The dashboard goes on and says that it is catching up.

    :param progress: Called now and then with the number of days that are done, and of all.
    """
    with begins_reading(db.engine, reads=False).connect() as connection, connection.begin():
        create_triggers(connection)
        connection.execute(
            text("INSERT INTO rollup_changes VALUES ('all', 0, 0) ON CONFLICT DO NOTHING")
        )
    days = 0
    while True:
        folded = fold(seconds=1)
        days += folded.days
        if progress:
            progress(days, days + folded.left)
        if folded.is_done:
            return days


def _periods(connection: Connection, today: date) -> Iterator[Difference]:
    for period in PERIODS:
        days = days_of(period, today)
        within = {"period": period, "first": days.first, "last": days.last}
        for compared in BY_PERIOD:
            for found in _differences(connection, compared, **within):
                yield replace(found, row=f"{period} {found.row}")


def _differences(connection: Connection, compared: Compared, **values: Any) -> Iterator[Difference]:
    """The first rows in which the two statements differ.

    Both sides are read once and put side by side: EXCEPT would read each of them twice.
    """
    keys, sums = ", ".join(compared.key), compared.sums
    sides = [[f"sum(CASE WHEN side = {n} THEN {name} END)" for name in sums] for n in (0, 1)]
    differs = " OR ".join(
        f"coalesce({kept}, -1) <> coalesce({true}, -1)" for kept, true in zip(*sides, strict=True)
    )
    statement = f"""
        SELECT {keys}, {", ".join(sides[0] + sides[1])}
        FROM (
            SELECT {keys}, {", ".join(sums)}, 0 AS side FROM ({compared.kept}) AS kept
            UNION ALL
            SELECT {keys}, {", ".join(sums)}, 1 AS side FROM ({compared.true}) AS computed
        ) AS both_sides
        GROUP BY {keys} HAVING {differs} ORDER BY {keys} LIMIT {MOST_NAMED}
    """
    for row in run(connection, statement, **values):
        key, found = row[: len(compared.key)], row[len(compared.key) :]
        yield Difference(
            compared.table,
            " ".join(str(part) for part in key),
            _said(sums, found[: len(sums)]),
            _said(sums, found[len(sums) :]),
        )


def _said(names: Sequence[str], values: Sequence[Any]) -> str | None:
    if all(value is None for value in values):
        return None
    return ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
