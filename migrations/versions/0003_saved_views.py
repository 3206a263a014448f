"""Saved views of lists, and each user's settings of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from backoffice.models.columns import UtcDateTime, plain_order, utc_now

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Without a batch: both databases add a column in place, and no row is copied.
    op.add_column(
        "users",
        sa.Column(
            "preferences",
            sa.JSON().with_variant(JSONB(), "postgresql"),
            server_default="{}",
            nullable=False,
        ),
    )
    op.create_table(
        "saved_views",
        sa.Column("id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("list", sa.String(64), nullable=False),
        sa.Column("name", plain_order(80), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=utc_now(), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_saved_views_name_filled")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_saved_views_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_saved_views"),
        sa.UniqueConstraint("user_id", "list", "name", name="uq_saved_views_user_id_list_name"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_saved_views_list_shared_name_id", "saved_views", ["list", "shared", "name", "id"]
    )


def downgrade() -> None:
    op.drop_table("saved_views")
    op.drop_column("users", "preferences")
