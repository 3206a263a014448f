"""The dashboard's figures as plain aggregates over orders and lines, with our indexes beneath.

What one writes without rollups: each figure is one statement, none of them cached.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import BindParameter, Engine, bindparam, text

from backoffice.database import allow_long_work, begins_reading
from backoffice.models.columns import UtcDateTime
from backoffice.rollups.periods import days_of
from backoffice.rollups.statements import FRAGMENTS, PLACED, SOLD
from tests.benchmarks.timing import milliseconds

_LINES = f"FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id WHERE {PLACED} AND o.{SOLD}"

STATEMENTS = {
    "revenue per day": f"""
        SELECT {{day}} AS day, count(DISTINCT o.id), {{sums}} {_LINES} GROUP BY 1 ORDER BY 1
    """,
    "best products": f"""
        SELECT p.sku, p.name, best.* FROM (
            SELECT l.product_id, sum(l.quantity), {{sums}} {_LINES}
            GROUP BY l.product_id ORDER BY {{most}} DESC LIMIT 10
        ) AS best JOIN products AS p ON p.id = product_id
    """,
    "best suppliers": f"""
        SELECT s.code, s.name, best.* FROM (
            SELECT p.supplier_id, {{sums}}
            FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
            JOIN products AS p ON p.id = l.product_id
            WHERE {PLACED} AND o.{SOLD}
            GROUP BY p.supplier_id ORDER BY {{most}} DESC LIMIT 10
        ) AS best JOIN suppliers AS s ON s.id = supplier_id
    """,
    "orders by status": f"SELECT o.status, count(*) FROM orders AS o WHERE {PLACED} GROUP BY 1",
    "products by state of stock": """
        SELECT active, stock = 0, stock <= reorder_level, count(*) FROM products GROUP BY 1, 2, 3
    """,
    "slowest products": f"""
        SELECT p.sku, p.stock, coalesce(sold.quantity, 0)
        FROM (SELECT * FROM products WHERE active AND stock > 0
              ORDER BY stock * price DESC LIMIT 500) AS p
        LEFT JOIN (SELECT l.product_id, sum(l.quantity) AS quantity {_LINES} GROUP BY 1) AS sold
            ON sold.product_id = p.id
        ORDER BY 3, p.stock * p.price DESC LIMIT 10
    """,
}


def time_plain(engine: Engine, period: str, times: int) -> dict[str, float]:
    """Figure -> median milliseconds of its statement for the period that ends today."""
    days = days_of(period, datetime.now(UTC).date())
    start = datetime.combine(days.first, time(), UTC)
    end = datetime.combine(days.last, time(), UTC) + timedelta(days=1)
    moments = [bindparam("start", start, UtcDateTime()), bindparam("end", end, UtcDateTime())]
    found = {}
    for name, sql in STATEMENTS.items():
        dialect = engine.dialect.name
        most = {"postgresql": "amount", "sqlite": "units"}[dialect]
        statement = sql.format(**FRAGMENTS[dialect], most=most)
        found[name] = milliseconds(times, lambda s=statement: _run(engine, s, moments))
    return found


def _run(engine: Engine, sql: str, moments: list[BindParameter[Any]]) -> None:
    with begins_reading(engine).connect() as connection:
        allow_long_work(connection)
        clause = text(sql)
        if ":start" in sql:
            clause = clause.bindparams(*moments)
        connection.execute(clause).all()
