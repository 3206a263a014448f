"""The ledger of imports, and what each did to each row."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from backoffice.models.columns import UtcDateTime, utc_now

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PLAIN_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("file", sa.String(300), nullable=False),
        sa.Column("path", sa.Text()),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("choices", PLAIN_JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("means", sa.String(16), nullable=False),
        sa.Column("started_at", UtcDateTime(), server_default=utc_now(), nullable=False),
        sa.Column("ended_at", UtcDateTime()),
        *(
            sa.Column(name, KEY, server_default="0", nullable=False)
            for name in ("total", "inserted", "updated", "rejected", "merged_line")
        ),
        *(
            sa.Column(name, PLAIN_JSON, server_default="{}", nullable=False)
            for name in ("entries", "created", "undone", "report")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        sqlite_autoincrement=True,
    )
    # Without a batch: both databases add a column in place, and no row is copied.
    op.add_column("history_rows", sa.Column("changes", PLAIN_JSON))
    op.add_column("history_rows", sa.Column("version", sa.Integer()))


def downgrade() -> None:
    op.drop_column("history_rows", "version")
    op.drop_column("history_rows", "changes")
    op.drop_table("imports")
