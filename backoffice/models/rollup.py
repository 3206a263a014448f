"""Rollups: small tables of sums over orders and products, and the queue of what they have not seen.

Triggers write the queue in the transaction of every change, whoever makes it: a page, an import,
plain SQL. ``backoffice.rollups`` brings the tables up to date from it, and remakes them.

The queue names what has to be read again and not by how much it changed. Sums that a trigger
adds to would drift: of two transactions at once, one cancels an order and the other adds a line
to it, and neither sees what the other did.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    Integer,
    String,
    Table,
)

from backoffice.database import Base
from backoffice.models.columns import BIG_KEY, UtcDateTime

REST = 100_000_000
"""A revenue is whole ``units`` and a ``rest`` from 0 to below this, in 1e-8: so a sum is exact on
both databases, and two of them sort without being put together."""


def revenue_of(units: int | None, rest: int | None) -> Decimal:
    """The exact amount of both parts; 0 of no rows."""
    return Decimal(units or 0) + Decimal(rest or 0).scaleb(-8)


# What changed: of "day" the key is the day as in 20260131, of "order" and "product" an id, of
# "catalog" (what is shown beside the sums), "stock" and "all" 0. PostgreSQL has a row for each
# transaction that says so, because of two that insert the same key one would wait for the other's
# end; ``writer`` tells them apart.
rollup_changes = Table(
    "rollup_changes",
    Base.metadata,
    Column("what", String(8), primary_key=True),
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("writer", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# One row: how often the tables below were brought up to date, the last day of their periods, and
# the moment up to which they have every change.
rollup_state = Table(
    "rollup_state",
    Base.metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("day", Date),
    Column("at", UtcDateTime),
)

# Orders of each status by the day (UTC) on which they were placed, and what their lines amount to.
sales_days = Table(
    "sales_days",
    Base.metadata,
    Column("day", Date, primary_key=True),
    Column("status", String(16), primary_key=True),
    Column("orders", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("rest", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# The same by the hour: so much of a day as is over is compared with as much of another.
sales_hours = Table(
    "sales_hours",
    Base.metadata,
    Column("day", Date, primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("status", String(16), primary_key=True),
    Column("orders", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("rest", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What each product sold for on each day: neither drafts nor cancelled orders.
product_days = Table(
    "product_days",
    Base.metadata,
    Column("day", Date, primary_key=True),
    Column("product_id", BIG_KEY, primary_key=True, autoincrement=False),
    Column("quantity", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("rest", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# The same over the days that end today, for each of ``rollups.periods.PERIODS``: the best of a
# million products are read from the end of an index, and not found by adding up a quarter.
product_periods = Table(
    "product_periods",
    Base.metadata,
    Column("period", String(8), primary_key=True),
    Column("product_id", BIG_KEY, primary_key=True, autoincrement=False),
    Column("supplier_id", BIG_KEY, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("rest", BigInteger, nullable=False),
    # Serves dashboard.queries.best_products.
    Index("ix_product_periods_best", "period", "units", "rest", "product_id"),
    sqlite_with_rowid=False,
)

supplier_periods = Table(
    "supplier_periods",
    Base.metadata,
    Column("period", String(8), primary_key=True),
    Column("supplier_id", BIG_KEY, primary_key=True, autoincrement=False),
    Column("quantity", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("rest", BigInteger, nullable=False),
    # Serves dashboard.queries.best_suppliers.
    Index("ix_supplier_periods_best", "period", "units", "rest", "supplier_id"),
    sqlite_with_rowid=False,
)

# How many products are out of stock, low, in stock or inactive: the sum over ``writer``. Triggers
# add to it, which does not drift, because it depends on no other row than the product itself.
stock_states = Table(
    "stock_states",
    Base.metadata,
    Column("state", String(8), primary_key=True),
    Column("writer", BigInteger, primary_key=True, autoincrement=False),
    Column("products", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

ROLLUPS = (
    rollup_changes,
    rollup_state,
    sales_days,
    sales_hours,
    product_days,
    product_periods,
    supplier_periods,
    stock_states,
)
