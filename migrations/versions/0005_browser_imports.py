"""Imports in the browser: what is asked of a run, how far it is, and saved mappings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from backoffice.models.columns import UtcDateTime, plain_order, utc_now

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PLAIN_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    # Without a batch: both databases add a column in place, and no row is copied.
    op.add_column("imports", sa.Column("asked_by", sa.String(255)))
    op.add_column("imports", sa.Column("progress", PLAIN_JSON, server_default="{}", nullable=False))
    op.create_table(
        "import_mappings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", plain_order(80), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("choices", PLAIN_JSON, nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("updated_at", UtcDateTime(), server_default=utc_now(), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_import_mappings_name_filled")),
        sa.PrimaryKeyConstraint("id", name="pk_import_mappings"),
        sa.UniqueConstraint("kind", "name", name="uq_import_mappings_kind_name"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_import_mappings_kind_fingerprint",
        "import_mappings",
        ["kind", "fingerprint"],
    )


def downgrade() -> None:
    op.drop_table("import_mappings")
    op.drop_column("imports", "progress")
    op.drop_column("imports", "asked_by")
