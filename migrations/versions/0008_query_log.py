"""The query log, what index advice measured, and the ledger of backfills."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from backoffice.models.columns import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PLAIN_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def count(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def upgrade() -> None:
    op.create_table(
        "query_shapes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("fingerprint", sa.String(16), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("parameters", PLAIN_JSON, nullable=False),
        count("microseconds"),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_query_shapes"),
        sa.UniqueConstraint("fingerprint", name="uq_query_shapes_fingerprint"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "query_hours",
        sa.Column("shape_id", KEY, nullable=False),
        sa.Column("route", sa.String(200), nullable=False),
        sa.Column("line", sa.String(200), nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        count("calls"),
        count("microseconds"),
        count("slowest"),
        count("rows"),
        sa.ForeignKeyConstraint(
            ["shape_id"], ["query_shapes.id"], "fk_query_hours_shape_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("shape_id", "route", "line", "hour", name="pk_query_hours"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_query_hours_hour", "query_hours", ["hour"])
    op.create_table(
        "query_plans",
        sa.Column("id", KEY, nullable=False),
        sa.Column("shape_id", KEY, nullable=False),
        sa.Column("fingerprint", sa.String(16), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("scans", PLAIN_JSON, nullable=False),
        sa.Column("sorts", sa.Boolean(), nullable=False),
        sa.Column("worse", sa.Boolean(), nullable=False),
        sa.Column("release", sa.String(64), nullable=False),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shape_id"], ["query_shapes.id"], "fk_query_plans_shape_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_query_plans"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_query_plans_shape_id_id", "query_plans", ["shape_id", "id"])
    op.create_table(
        "slow_queries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("shape_id", KEY, nullable=False),
        sa.Column("plan_id", KEY),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("route", sa.String(200), nullable=False),
        sa.Column("line", sa.String(200), nullable=False),
        sa.Column("microseconds", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("kinds", PLAIN_JSON, nullable=False),
        sa.Column("parameters", PLAIN_JSON, nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("release", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["query_plans.id"], "fk_slow_queries_plan_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["shape_id"], ["query_shapes.id"], "fk_slow_queries_shape_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_slow_queries"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_slow_queries_plan_id", "slow_queries", ["plan_id"])
    op.create_index("ix_slow_queries_shape_id_id", "slow_queries", ["shape_id", "id"])
    op.create_table(
        "page_hours",
        sa.Column("route", sa.String(200), nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        count("requests"),
        count("microseconds"),
        count("slowest"),
        count("in_database"),
        count("statements"),
        count("most_statements"),
        count("rows"),
        count("repeats"),
        count("failed"),
        sa.PrimaryKeyConstraint("route", "hour", name="pk_page_hours"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_page_hours_hour", "page_hours", ["hour"])
    op.create_table(
        "index_advice",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("on_table", sa.String(63), nullable=False),
        sa.Column("columns", PLAIN_JSON, nullable=False),
        sa.Column("measured", PLAIN_JSON, nullable=False),
        sa.Column("measured_at", UtcDateTime(), nullable=False),
        sa.Column("proved", PLAIN_JSON),
        sa.Column("proved_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_index_advice"),
        sa.UniqueConstraint("name", name="uq_index_advice_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "backfills",
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("name", name="pk_backfills"),
    )


def downgrade() -> None:
    for table in (
        "backfills",
        "index_advice",
        "page_hours",
        "slow_queries",
        "query_plans",
        "query_hours",
        "query_shapes",
    ):
        op.drop_table(table)
