"""The SQL by which rollups follow the tables. What the databases say differently stands in
``FRAGMENTS``; the rest is the same text for both.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Connection, Date, String, TextClause, bindparam, text
from sqlalchemy.types import TypeEngine

from backoffice.models import REVENUE_STATUSES
from backoffice.models.columns import UtcDateTime
from backoffice.models.rollup import REST
from backoffice.models.rollup_triggers import DAY_KEY, stock_state

# SQLite stores price and discount in ten-thousandths, so that an amount counts in 1e-8. A sum of
# these would overflow at the 93rd of the largest lines: whole units and the rest go apart.
_SCALED = "l.quantity * l.unit_price * (10000 - l.discount)"

FRAGMENTS = {
    "postgresql": {
        "day": "CAST(o.placed_at AT TIME ZONE 'UTC' AS date)",
        "hour": "CAST(extract(hour FROM o.placed_at AT TIME ZONE 'UTC') AS integer)",
        "sums": "sum(l.quantity * l.unit_price * (1 - l.discount)) AS amount",
        "units": "CAST(floor(amount) AS bigint)",
        "rest": f"CAST((amount - floor(amount)) * {REST} AS bigint)",
        "key": DAY_KEY["postgresql"].format("o.placed_at"),
        "placed": (
            "o.placed_at >= CAST(:first AS timestamp) AT TIME ZONE 'UTC' AND "
            "o.placed_at < (CAST(:last AS timestamp) + interval '1 day') AT TIME ZONE 'UTC'"
        ),
    },
    "sqlite": {
        "day": "substr(o.placed_at, 1, 10)",
        "hour": "CAST(substr(o.placed_at, 12, 2) AS integer)",
        "sums": f"sum({_SCALED} / {REST}) AS units, sum({_SCALED} % {REST}) AS rest",
        "units": f"(units + rest / {REST})",
        "rest": f"(rest % {REST})",
        "key": DAY_KEY["sqlite"].format("o.placed_at"),
        # Texts that begin with a day lie between it and it with the largest sign behind.
        "placed": "o.placed_at >= :first AND o.placed_at < :last || '~'",
    },
}
"""Dialect -> name -> SQL.

``day``, ``hour``, ``placed`` (on the days from :first to :last), ``sums`` and ``key`` are over
``orders AS o`` joined to ``order_lines AS l``; ``units`` and ``rest`` are over ``sums``: the exact
sum of the lines' amounts, as rollups keep it.
"""

SOLD = "status IN ({})".format(", ".join(f"'{status}'" for status in REVENUE_STATUSES))
"""The condition that an order counts as sold."""

_WAITING = """
    {0} BETWEEN 10101 AND 99991231 AND {0} NOT IN (
        SELECT key FROM rollup_changes WHERE what = 'day'
        UNION ALL
        SELECT {1} FROM rollup_changes AS c JOIN orders AS o ON o.id = c.key WHERE c.what = 'order'
    )
"""
PLACED = "o.placed_at >= :start AND o.placed_at < :end"
"""The condition that an order was placed between two moments."""

DAYS = "day BETWEEN :first AND :last"


def _total(name: str) -> str:
    return f"CAST(sum({name}) AS bigint)"  # of a bigint, PostgreSQL's sum is numeric


# Sums of differences may be negative: the rest is brought to 0 and above by hand, because both
# databases cut a quotient off towards zero.
_REST = f"((({_total('rest')} % {REST}) + {REST}) % {REST})"
SUMS = (
    f"{_total('quantity')} AS quantity, "
    f"{_total('units')} + ({_total('rest')} - {_REST}) / {REST} AS units, {_REST} AS rest"
)
"""The rollups' three sums, over rows that have them."""

DIFFER = "sum(quantity) <> 0 OR sum(units) <> 0 OR sum(rest) <> 0"

# The supplier that a product's sums are kept under, until they move to its new one together.
_SUPPLIER = """
    coalesce((
        SELECT k.supplier_id FROM product_periods AS k
        WHERE k.period = :period AND k.product_id = d.product_id
    ), p.supplier_id, 0) AS supplier_id
"""

TEMPORARY = {
    "rollup_lines": "day DATE, hour INTEGER, status VARCHAR(16), product_id BIGINT, "
    "quantity BIGINT, units BIGINT, rest BIGINT",
    "rollup_diff": "day DATE, product_id BIGINT, quantity BIGINT, units BIGINT, rest BIGINT",
    "rollup_moves": "period VARCHAR(8), product_id BIGINT, supplier_id BIGINT, "
    "quantity BIGINT, units BIGINT, rest BIGINT",
}
"""Tables of the connection alone: what days have, how that differs, for which period."""

READ_LINES = """
    INSERT INTO rollup_lines
    SELECT day, hour, status, product_id, quantity, {units}, {rest}
    FROM (
        SELECT {day} AS day, {hour} AS hour, o.status AS status, l.product_id AS product_id,
               CAST(sum(l.quantity) AS bigint) AS quantity, {sums}
        FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
        WHERE {placed}
        GROUP BY 1, 2, 3, 4
    ) AS sold
"""

WRITE_SALES = (
    "DELETE FROM sales_hours WHERE {DAYS}",
    """
    INSERT INTO sales_hours (day, hour, status, orders, units, rest)
    SELECT placed.day, placed.hour, placed.status, placed.orders,
           coalesce(units, 0), coalesce(rest, 0)
    FROM (
        SELECT {day} AS day, {hour} AS hour, o.status AS status, count(*) AS orders
        FROM orders AS o WHERE {placed} GROUP BY 1, 2, 3
    ) AS placed
    LEFT JOIN (
        SELECT day, hour, status, {SUMS} FROM rollup_lines GROUP BY day, hour, status
    ) AS amounts
        ON amounts.day = placed.day AND amounts.hour = placed.hour
        AND amounts.status = placed.status
    """,
    "DELETE FROM sales_days WHERE {DAYS}",
    """
    INSERT INTO sales_days (day, status, orders, units, rest)
    SELECT day, status, CAST(sum(orders) AS bigint),
           CAST(sum(units) AS bigint) + CAST(sum(rest) AS bigint) / {REST},
           CAST(sum(rest) AS bigint) % {REST}
    FROM sales_hours WHERE {DAYS} GROUP BY day, status
    """,
)

COMPARE = """
    INSERT INTO rollup_diff
    SELECT day, product_id, {SUMS}
    FROM (
        SELECT day, product_id, quantity, units, rest FROM rollup_lines WHERE {SOLD}
        UNION ALL
        SELECT day, product_id, -quantity, -units, -rest FROM product_days WHERE {DAYS}
    ) AS sides
    GROUP BY day, product_id
    HAVING {DIFFER}
"""

_ADD = f"""
    quantity = {{table}}.quantity + excluded.quantity,
    units = {{table}}.units + excluded.units + ({{table}}.rest + excluded.rest) / {REST},
    rest = ({{table}}.rest + excluded.rest) % {REST}
"""

WRITE_PRODUCTS = (
    """
    INSERT INTO product_days (day, product_id, quantity, units, rest)
    SELECT day, product_id, quantity, units, rest FROM rollup_diff WHERE true
    ORDER BY day, product_id
    ON CONFLICT (day, product_id) DO UPDATE SET """
    + _ADD.format(table="product_days"),
    """
    DELETE FROM product_days
    WHERE quantity = 0
      AND (day, product_id) IN (SELECT day, product_id FROM rollup_diff WHERE quantity < 0)
    """,
)

MOVE_DIFFERENCE = """
    INSERT INTO rollup_moves
    SELECT :period, d.product_id, {SUPPLIER}, d.quantity, d.units, d.rest
    FROM (SELECT product_id, {SUMS} FROM rollup_diff WHERE {DAYS} GROUP BY product_id) AS d
    LEFT JOIN products AS p ON p.id = d.product_id
"""

MOVE_DAYS = """
    INSERT INTO rollup_moves
    SELECT :period, d.product_id, {SUPPLIER}, d.quantity, d.units, d.rest
    FROM (
        SELECT product_id, {SUMS}
        FROM (
            SELECT product_id, :sign * quantity AS quantity, :sign * units AS units,
                   :sign * rest AS rest
            FROM product_days WHERE {DAYS}
        ) AS signed
        GROUP BY product_id
    ) AS d
    LEFT JOIN products AS p ON p.id = d.product_id
"""

ONCE_A_PRODUCT = (
    """
    INSERT INTO rollup_changes (what, key, writer)
    SELECT DISTINCT 'product', key, 0 FROM rollup_changes WHERE what = 'product' AND writer <> 0
    ON CONFLICT DO NOTHING
    """,
    "DELETE FROM rollup_changes WHERE what = 'product' AND writer <> 0",
)

MOVE_SUPPLIERS = (
    """
    INSERT INTO rollup_moves
    SELECT k.period, k.product_id, k.supplier_id, -k.quantity, -k.units, -k.rest
    FROM rollup_changes AS c
    JOIN product_periods AS k ON k.period = :period AND k.product_id = c.key
    JOIN products AS p ON p.id = k.product_id
    WHERE c.what = 'product'
    """,
    """
    INSERT INTO rollup_moves
    SELECT k.period, k.product_id, p.supplier_id, k.quantity, k.units, k.rest
    FROM rollup_changes AS c
    JOIN product_periods AS k ON k.period = :period AND k.product_id = c.key
    JOIN products AS p ON p.id = k.product_id
    WHERE c.what = 'product'
    """,
    """
    UPDATE product_periods SET supplier_id = (
        SELECT p.supplier_id FROM products AS p WHERE p.id = product_periods.product_id
    )
    WHERE period = :period
      AND product_id IN (
          SELECT c.key FROM rollup_changes AS c JOIN products AS p ON p.id = c.key
          WHERE c.what = 'product'
      )
    """,
)
"""Products that changed their supplier take along what they sold; each is in the queue once."""


def apply_moves(table: str, key: str) -> tuple[str, str]:
    """Add ``rollup_moves`` to one of the tables by period, and drop what sold nothing."""
    also = "max(supplier_id), " if key == "product_id" else ""
    names = "supplier_id, " if key == "product_id" else ""
    add = (
        f"INSERT INTO {table} (period, {key}, {names}quantity, units, rest) "
        f"SELECT period, {key}, {also}{{SUMS}} FROM rollup_moves GROUP BY period, {key} "
        f"HAVING {{DIFFER}} ORDER BY period, {key} "
        f"ON CONFLICT (period, {key}) DO UPDATE SET {_ADD.format(table=table)}"
    )
    drop = (
        f"DELETE FROM {table} WHERE quantity = 0 AND (period, {key}) IN "
        f"(SELECT period, {key} FROM rollup_moves WHERE quantity < 0)"
    )
    return add, drop


ORDERS_TO_DAYS = (
    """
    INSERT INTO rollup_changes (what, key, writer)
    SELECT DISTINCT 'day', {key}, 0
    FROM rollup_changes AS c JOIN orders AS o ON o.id = c.key
    WHERE c.what = 'order' AND c.key <= :last
    ON CONFLICT DO NOTHING
    """,
    "DELETE FROM rollup_changes WHERE what = 'order' AND key <= :last",
)

LAST_ORDER = """
    SELECT max(key) FROM (
        SELECT key FROM rollup_changes WHERE what = 'order' ORDER BY key LIMIT :most
    ) AS first
"""

COUNT_STOCK = (
    "DELETE FROM stock_states",
    f"""
    INSERT INTO stock_states (state, writer, products)
    SELECT {stock_state("")}, 0, count(*) FROM products GROUP BY 1
    """,
)

# Days keep what all sold until they are read again. What each product sold goes at once, and
# comes back day by day: to add up the periods of a large table takes longer than writers may wait.
BEGIN_ANEW = (
    "DELETE FROM product_days",
    """
    INSERT INTO rollup_changes (what, key, writer)
    SELECT 'day', day, 0 FROM (
        SELECT DISTINCT {key} AS day FROM orders AS o
        UNION SELECT DISTINCT {sales_key} FROM sales_days
    ) AS days
    WHERE true ON CONFLICT DO NOTHING
    """,
    *COUNT_STOCK,
)

NOTE = """
    INSERT INTO rollup_state (id, number, day, at) VALUES (1, 1, :day, :at)
    ON CONFLICT (id) DO UPDATE SET
        number = rollup_state.number + 1, day = excluded.day,
        at = coalesce(excluded.at, rollup_state.at)
"""

ADD_UP_STOCK = (
    """
    INSERT INTO stock_states (state, writer, products)
    SELECT state, 0, CAST(sum(products) AS bigint) FROM stock_states WHERE writer <> 0
    GROUP BY state
    ON CONFLICT (state, writer) DO UPDATE SET products = stock_states.products + excluded.products
    """,
    "DELETE FROM stock_states WHERE writer <> 0",
)
"""PostgreSQL's transactions have a row each; now and then they are made one."""


def run(connection: Connection, *statements: str, **values: Any) -> Any:
    """Run ``statements`` with the fragments of the database; returns what the last one found.

    :param values: Of the parameters; each statement takes those that it names.
    """
    fragments = FRAGMENTS[connection.dialect.name]
    result = None
    for statement in statements:
        filled = statement.format(
            **fragments,
            DAYS=DAYS,
            SOLD=SOLD,
            SUMS=SUMS,
            REST=REST,
            DIFFER=DIFFER,
            SUPPLIER=_SUPPLIER,
            sales_key=_day_to_key(connection.dialect.name),
            LEFT_OUT=_WAITING.format(fragments["key"], fragments["key"]),
            LEFT_OUT_DAY=_WAITING.format(_day_to_key(connection.dialect.name), fragments["key"]),
        )
        result = connection.execute(_bound(text(filled), values))
    return result


def _day_to_key(dialect: str) -> str:
    if dialect == "sqlite":
        return DAY_KEY["sqlite"].format("day")
    return "CAST(to_char(day, 'YYYYMMDD') AS bigint)"


TYPES: dict[str, TypeEngine[Any]] = {
    "day": Date(),
    "at": UtcDateTime(),
    "first": Date(),
    "last": Date(),
    "period": String(),
}


def _bound(clause: TextClause, values: dict[str, Any]) -> TextClause:
    named = clause._bindparams  # noqa: SLF001 - no public way to ask which parameters it has
    return clause.bindparams(
        *(
            bindparam(name, value, BigInteger())
            if isinstance(value, int)
            else bindparam(name, value, TYPES[name])
            for name, value in values.items()
            if name in named
        )
    )
