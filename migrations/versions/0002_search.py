"""Search by parts of words, and the planner's statistics, which lists read for their counts."""

from alembic import op

from backoffice.models.searched import create_fts_table, fts_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ACCEPTED = {"backfill": "the second revision of a new back office: its tables hold no rows yet"}

SEARCHED = {
    "suppliers": ("code", "name", "contact_name"),
    "categories": ("name", "description"),
    "products": ("sku", "name"),
    "customers": ("code", "name", "contact_name"),
    "orders": ("number", "ship_name"),
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # Its indexes are left to `indexes build`.
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        return
    for table, columns in SEARCHED.items():
        for statement in create_fts_table(table, columns):
            op.execute(statement)
    op.execute("ANALYZE")  # makes sqlite_stat1, so that it can be read


def downgrade() -> None:
    for table in SEARCHED:
        if op.get_bind().dialect.name == "postgresql":
            # The extension stays: others may use it.
            op.execute(f"DROP INDEX IF EXISTS ix_{table}_search")
            continue
        for change in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER IF EXISTS {fts_table(table)}_{change}")
        op.execute(f"DROP TABLE {fts_table(table)}")
