"""How migrations run: see `backoffice.revisions`."""

from __future__ import annotations

import warnings
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, Index

from backoffice.database import Base, db
from backoffice.indexes.plan import is_online
from backoffice.models import columns
from backoffice.models.searched import is_fts_table
from backoffice.revisions.alone import alone, refuse_orphans, restore_triggers
from backoffice.revisions.paper import refuse_sqlite, write_on_paper
from backoffice.revisions.patience import Patience, patiently, set_limits
from backoffice.revisions.steps import Steps, Watch, forget_backfill


def include_object(item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Leave the indexes of large tables to `indexes build`, which does not block writers."""
    return not (kind == "index" and isinstance(item, Index) and is_online(item.table.name, name))


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave alone what FTS5 keeps: no model declares it."""
    return not (kind == "table" and is_fts_table(name))


def render_item(_kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our column types under the name that script.py.mako imports."""
    if isinstance(item, columns.Exact):
        return f"columns.Exact({item.precision})"
    if isinstance(item, columns.UtcDateTime):
        return "columns.UtcDateTime()"
    if isinstance(item, columns.utc_now):
        return "columns.utc_now()"
    return False


SETTINGS = {
    "target_metadata": Base.metadata,
    "transaction_per_migration": True,
    "transactional_ddl": True,  # SQLite can; Alembic's default for it is off
    "render_as_batch": True,
    "compare_type": True,
    "include_name": include_name,
    "include_object": include_object,
    "render_item": render_item,
}


def run_online(connection: Connection, watch: Watch, patience: Patience) -> None:
    """Run each revision in a transaction of its own, with what belongs into it."""
    applied = (restore_triggers, refuse_orphans, forget_backfill, watch.applied)
    context.configure(connection=connection, on_version_apply=applied, **SETTINGS)
    steps = Steps(context.get_context().opts["fn"], watch, patience)

    def work() -> None:
        context.configure(connection=connection, on_version_apply=applied, fn=steps, **SETTINGS)
        with context.begin_transaction():
            context.run_migrations()

    set_limits(connection, patience)
    patiently(connection, work, lambda: steps.next, patience)


def run_offline() -> None:
    """Write the statements instead of running them; for PostgreSQL, see `refuse_sqlite`."""
    refuse_sqlite(db.engine.dialect)
    context.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},  # else a % is doubled
        literal_binds=True,
        **SETTINGS,
    )
    write_on_paper(context.get_context(), Patience())
    with context.begin_transaction():
        context.run_migrations()


# SQLite has no such index, and none is declared for it; Alembic looks before it asks.
warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression-based")
warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")
# It would compare PostgreSQL's spelling with ours; `indexes check` does so by the database's own.
warnings.filterwarnings("ignore", r"(?s)Expression #\d+ .* detected to include an operator clause")
if context.is_offline_mode():
    run_offline()
else:
    told = context.config.attributes  # by a rehearsal: another database, and who watches
    tries = context.get_x_argument(as_dictionary=True).get("tries")
    with (
        told.get("engine", db.engine).connect() as connection,
        alone(connection),
    ):
        run_online(
            connection,
            told.get("watch", Watch()),
            Patience(tries=int(tries)) if tries else Patience(),
        )
