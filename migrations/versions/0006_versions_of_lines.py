"""The version of each line of an order, so that what an import wrote is told from later edits."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a batch: both databases add a column in place, and no row is copied.
    op.add_column(
        "order_lines", sa.Column("version", sa.Integer(), server_default="1", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("order_lines", "version")
