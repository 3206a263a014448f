"""Write what is new and what differs, by set-based SQL; equal rows are not touched."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from backoffice.imports.check import Counts
from backoffice.imports.kinds import default_of
from backoffice.imports.mapping import Layout
from backoffice.imports.refused import FileRefused
from backoffice.imports.stage import Stage

PATIENCE_MS = 600_000
"""How long an import waits for other writers; staff at their desks wait less."""


def take_lock(connection: Connection, table: Table) -> None:
    """Wait for other imports into ``table`` to end; on SQLite for every other writer.

    Taken before the first look at ``table``, which is what lets SQLite wait at all: a transaction
    that has read is refused the write lock at once when somebody wrote in between.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = {PATIENCE_MS}"))
        key = func.hashtext(f"import into {table.name}")
        connection.execute(select(func.pg_advisory_xact_lock(key)))
    else:
        usual = connection.scalar(text("PRAGMA busy_timeout"))
        connection.execute(text(f"PRAGMA busy_timeout = {PATIENCE_MS}"))
        try:
            connection.execute(update(table).where(text("0")).values(id=table.c.id))
        finally:
            connection.execute(text(f"PRAGMA busy_timeout = {usual}"))


def merge(
    connection: Connection,
    layout: Layout,
    stage: Stage,
    expected: Counts,
    *,
    at: datetime,
    create_missing: bool,
) -> dict[str, int]:
    """Write every row that is not refused; returns how many of which table were created besides.

    :param at: Stamped on every row that is written.
    :raises FileRefused: somebody changed the table meanwhile, so that the counts are not true.
    """
    changed = FileRefused(1, f"{layout.kind.table.name} changed during the import: import again")
    try:
        created = _create_missing(connection, layout, stage, at) if create_missing else {}
        # First, as an edit does it: so neither waits for the other in a circle, and the lines
        # that an edit adds are there, and their numbers taken, before ours are numbered.
        _touch_parents(connection, layout, stage, at)
        updated = _update(connection, layout, stage, at)
        inserted = _insert(connection, layout, stage, at)
    except IntegrityError as error:  # checked before: only somebody else can have brought it about
        raise changed from error
    if (inserted, updated) != (expected.new, expected.changed):
        raise changed
    return created


def written(layout: Layout, stage: Stage) -> Select[tuple[int]]:
    """The ids of the rows of ``kind.owner`` that ``merge`` wrote: orders, where it wrote lines."""
    kind, found = layout.kind, stage.found
    parent = layout.cell(kind.parent) if kind.parent else None
    if parent is not None:
        order_id = found.c[parent.field.column.name]
        return select(order_id).where(stage.not_refused()).distinct()
    table = kind.table
    same = and_(*(table.c[name] == found.c[name] for name in kind.key))
    return select(table.c.id).join(found, same).where(stage.not_refused())


def created_rows(layout: Layout, stage: Stage, table: str, at: datetime) -> Select[tuple[int]]:
    """The ids of the rows of ``table`` that ``merge`` created besides, for references to them."""
    (cell,) = (
        cell
        for cell in layout.cells
        if cell.field.reference is not None and cell.field.reference.table.name == table
    )
    assert cell.field.reference is not None  # noqa: S101 - for the type checker
    other = cell.field.reference.table
    same = other.c.id == stage.found.c[cell.field.column.name]
    return select(other.c.id).join(stage.found, same).where(other.c.created_at == at).distinct()


def _insert(connection: Connection, layout: Layout, stage: Stage, at: datetime) -> int:
    found = stage.found
    columns = [cell.field.column for cell in layout.cells]
    values: dict[str, ColumnElement[Any]] = {
        column.name: found.c[column.name]
        if column.default is None
        else func.coalesce(found.c[column.name], default_of(column))
        for column in columns
    }
    for name in set(layout.kind.key) - set(layout.key):
        values[name] = _next_number(layout, stage, name)
    values |= _new_stamp(layout.kind.table, at)
    rows = select(*values.values()).where(found.c.row_id.is_(None), stage.not_refused())
    # In the order of the file, so that ids, and lists without another order, follow it.
    statement = insert(layout.kind.table).from_select(list(values), rows.order_by(found.c.line))
    return _rowcount(connection, statement)


def _next_number(layout: Layout, stage: Stage, name: str) -> ColumnElement[Any]:
    """The numbers that follow the parent's highest, in the order of the file."""
    table, found = layout.kind.table, stage.found
    (parent,) = (c.field.column.name for c in layout.cells if c.field.name == layout.kind.parent)
    highest = (
        select(func.max(table.c[name]))
        .where(table.c[parent] == found.c[parent])
        .correlate(found)
        .scalar_subquery()
    )
    nth = func.row_number().over(partition_by=found.c[parent], order_by=found.c.line)
    return func.coalesce(highest, 0) + nth


def _update(connection: Connection, layout: Layout, stage: Stage, at: datetime) -> int:
    table, found = layout.kind.table, stage.found
    changed = [cell.field.column for cell in layout.cells if cell.field.name not in layout.key]
    if not changed:
        return 0
    # The row as it is now, not as the check saw it: a blank cell must not undo a staff's change.
    values: dict[str, Any] = {
        column.name: func.coalesce(found.c[column.name], table.c[column.name]) for column in changed
    }
    statement = (
        update(table)
        .where(table.c.id == found.c.row_id, stage.not_refused())
        .values(values | _stamp(table, at))
    )
    return _rowcount(connection, statement)


def _touch_parents(connection: Connection, layout: Layout, stage: Stage, at: datetime) -> None:
    """An order's lines are edited with the order: its version tells an open form of the change."""
    cell = layout.cell(layout.kind.parent) if layout.kind.parent else None
    if cell is not None:
        parents = layout.kind.owner
        changed = select(stage.found.c[cell.field.column.name]).where(stage.not_refused())
        connection.execute(
            update(parents).where(parents.c.id.in_(changed)).values(_stamp(parents, at))
        )


def _create_missing(
    connection: Connection, layout: Layout, stage: Stage, at: datetime
) -> dict[str, int]:
    """Make what the rows refer to, named like its key, and fill the new ids in."""
    created = {}
    found = stage.found
    for cell in layout.cells:
        key = cell.field.reference
        if key is None or cell.field.name not in layout.kind.creates:
            continue
        other, theirs, id_column = key.table, found.c[cell.field.name], cell.field.column.name
        unknown = (theirs.is_not(None), found.c[id_column].is_(None))
        assert isinstance(other, Table)  # noqa: S101 - for the type checker
        new = select(theirs.label("key")).where(*unknown, stage.not_refused()).distinct()
        keys = new.subquery("new").c.key
        values = dict.fromkeys((key.name, "name"), keys) | _new_stamp(other, at)
        rows = select(*[value.label(name) for name, value in values.items()])
        count = _rowcount(connection, insert(other).from_select(list(values), rows))
        if count:
            created[other.name] = count
            known = select(other.c.id).where(key == theirs).correlate(found).scalar_subquery()
            connection.execute(update(found).where(*unknown).values({id_column: known}))
    return created


def _stamp(table: Table, at: datetime) -> dict[str, Any]:
    if "version" not in table.c:
        return {}
    return {"version": table.c.version + 1, "updated_at": at}


def _new_stamp(table: Table, at: datetime) -> dict[str, ColumnElement[Any]]:
    moments = [table.c[name] for name in ("created_at", "updated_at") if name in table.c]
    return {column.name: literal(at, column.type) for column in moments}


def _rowcount(connection: Connection, statement: Any) -> int:
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount
