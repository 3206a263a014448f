"""Rollups of orders and stock, and the queue that keeps them in step; env.py makes the triggers.

They are empty after it: the row of "all" in the queue has them filled by who reads them first, or
by `manage.py rollups rebuild`, in transactions that are short.
"""

import sqlalchemy as sa
from alembic import op

from backoffice.models import columns
from backoffice.models.columns import BIG_KEY
from backoffice.models.rollup_triggers import drop_triggers

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = {"primary_key": True, "autoincrement": False}
SUMS = ("quantity", "units", "rest")


def upgrade() -> None:
    changes = op.create_table(
        "rollup_changes",
        sa.Column("what", sa.String(8), primary_key=True),
        sa.Column("key", sa.BigInteger(), **KEY),
        sa.Column("writer", sa.BigInteger(), **KEY),
        sqlite_with_rowid=False,
    )
    state = op.create_table(
        "rollup_state",
        sa.Column("id", sa.Integer(), **KEY),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date()),
        sa.Column("at", columns.UtcDateTime()),
    )
    op.create_table(
        "sales_days",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("status", sa.String(16), primary_key=True),
        *sums("orders", "units", "rest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sales_hours",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("hour", sa.Integer(), **KEY),
        sa.Column("status", sa.String(16), primary_key=True),
        *sums("orders", "units", "rest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "product_days",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("product_id", BIG_KEY, **KEY),
        *sums(*SUMS),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "product_periods",
        sa.Column("period", sa.String(8), primary_key=True),
        sa.Column("product_id", BIG_KEY, **KEY),
        sa.Column("supplier_id", BIG_KEY, nullable=False),
        *sums(*SUMS),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "supplier_periods",
        sa.Column("period", sa.String(8), primary_key=True),
        sa.Column("supplier_id", BIG_KEY, **KEY),
        *sums(*SUMS),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stock_states",
        sa.Column("state", sa.String(8), primary_key=True),
        sa.Column("writer", sa.BigInteger(), **KEY),
        *sums("products"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        # A queue is emptied over and over, and every page looks whether it is empty.
        op.execute(
            "ALTER TABLE rollup_changes SET (autovacuum_vacuum_scale_factor = 0, "
            "autovacuum_vacuum_threshold = 1000, vacuum_index_cleanup = on)"
        )
    for name, key in (("product_periods", "product_id"), ("supplier_periods", "supplier_id")):
        op.create_index(f"ix_{name}_best", name, ["period", "units", "rest", key])
    op.bulk_insert(state, [{"id": 1, "number": 0, "day": None, "at": None}])
    op.bulk_insert(changes, [{"what": "all", "key": 0, "writer": 0}])


def downgrade() -> None:
    drop_triggers(op.get_bind())
    for name in (
        "stock_states",
        "supplier_periods",
        "product_periods",
        "product_days",
        "sales_hours",
        "sales_days",
        "rollup_state",
        "rollup_changes",
    ):
        op.drop_table(name)


def sums(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]
