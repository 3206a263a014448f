"""Find what only the database knows: new, changed and equal rows, and what is wrong with them.

Nothing is written to the real tables here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select

from backoffice.imports.complaints import every_complaint
from backoffice.imports.differences import value_after
from backoffice.imports.kinds import Field
from backoffice.imports.mapping import Layout
from backoffice.imports.stage import Stage, analyze_stage, with_references


@dataclass(frozen=True)
class Counts:
    """How the rows of a file divide; all the others are stored as they stand.

    ``versions`` is the sum of the changed rows' ids and versions: another one later tells that
    somebody wrote one of them.
    """

    new: int
    changed: int
    refused: int
    versions: int = 0


def check(connection: Connection, layout: Layout, stage: Stage, *, create_missing: bool) -> Counts:
    """Fill ``stage.found`` and ``stage.complaints`` and count."""
    _find(connection, layout, stage)
    stage.found_by_line.create(connection)
    analyze_stage(connection, stage.found)
    creates = layout.kind.creates if create_missing else frozenset()
    for complaint in every_complaint(connection.dialect, layout, stage, creates):
        connection.execute(insert(stage.complaints).from_select(_COMPLAINT, complaint))
    analyze_stage(connection, stage.complaints)
    return _count(connection, stage)


def to_create(connection: Connection, layout: Layout, stage: Stage) -> dict[str, int]:
    """Table -> how many of its rows the import has to make because rows refer to them."""
    found, counts = stage.found, {}
    for cell in layout.cells:
        key = cell.field.reference
        if key is not None and cell.field.name in layout.kind.creates:
            theirs = found.c[cell.field.name]
            unknown = select(func.count(theirs.distinct())).where(
                found.c[cell.field.column.name].is_(None), stage.not_refused()
            )
            counts[key.table.name] = connection.scalar(unknown) or 0
    return {name: count for name, count in counts.items() if count}


_COMPLAINT = ("line", "header", "reason")


def _count(connection: Connection, stage: Stage) -> Counts:
    is_new = stage.found.c.row_id.is_(None)
    found = stage.found.c
    new, changed, versions = connection.execute(
        select(
            func.count().filter(is_new),
            func.count().filter(~is_new),
            func.sum(found.row_id + found.version),
        )
        .select_from(stage.found)
        .where(stage.not_refused())
    ).one()
    refused = connection.scalar(select(func.count(stage.complaints.c.line.distinct())))
    return Counts(new, changed, refused or 0, int(versions or 0))


def _find(connection: Connection, layout: Layout, stage: Stage) -> None:
    """Fill ``found`` with the rows that are new, differ or are wrong."""
    table = layout.kind.table
    joined, ids = with_references(layout, stage)
    values: dict[Field, ColumnElement[Any]] = {
        cell.field: ids.get(cell.field.name, stage.rows.c[cell.field.name]) for cell in layout.cells
    }
    keys = [field for field in values if field.name in layout.key]
    joined = joined.outerjoin(
        table, and_(*(table.c[field.column.name] == values[field] for field in keys))
    )
    differs = [
        value_after(layout, field.column, value).is_distinct_from(table.c[field.column.name])
        for field, value in values.items()
        if field not in keys
    ]
    dangling = [
        and_(stage.rows.c[name].is_not(None), found.is_(None)) for name, found in ids.items()
    ]
    columns = {
        "line": stage.rows.c.line,
        "bad": stage.rows.c.bad,
        "row_id": table.c.id,
        "version": table.c.version,
        **{name: stage.rows.c[name] for name in ids},
        **{field.column.name: value for field, value in values.items()},
    }
    found = select(*columns.values()).select_from(joined)
    found = found.where(or_(stage.rows.c.bad, table.c.id.is_(None), *differs, *dangling))
    connection.execute(insert(stage.found).from_select(list(columns), found))
