"""What an import changes, column by column, and samples of it: before and after."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Text, and_, cast, func, or_, select

from backoffice.imports.kinds import default_of
from backoffice.imports.mapping import Cell, Layout
from backoffice.imports.stage import Stage
from backoffice.models.columns import exact_to_text

SAMPLES = 5
"""Changed rows, and as many new ones, that a preview shows."""


class Sample(NamedTuple):
    """One row of the file: field -> its value before, None in a new row, and after."""

    line: int
    key: str
    values: dict[str, tuple[str | None, str]]


def value_after(
    layout: Layout, column: Column[Any], given: ColumnElement[Any]
) -> ColumnElement[Any]:
    """What ``column`` of a known row holds after the import of a file with ``given`` in its cell.

    A blank cell leaves the row as it is now, not as the check saw it: so it does not undo what
    staff changed meanwhile.
    """
    blank = default_of(column) if layout.clears else layout.kind.table.c[column.name]
    return func.coalesce(given, blank)


class Changed(NamedTuple):
    """In how many known rows the import changes a field, and the first of them in the file."""

    rows: int
    first_line: int


def changes_by_column(connection: Connection, layout: Layout, stage: Stage) -> dict[str, Changed]:
    """Field -> what the import changes in it; only those that it changes."""
    table, found = layout.kind.table, stage.found
    cells = _set_by(layout)
    if not cells:
        return {}
    told: list[ColumnElement[Any]] = []
    for cell in cells:
        differs = _differs(layout, stage, cell)
        told += [func.count().filter(differs), func.min(found.c.line).filter(differs)]
    known = select(*told).select_from(found).join(table, table.c.id == found.c.row_id)
    row = connection.execute(known.where(stage.not_refused())).one()
    pairs = zip(cells, row[::2], row[1::2], strict=True)
    return {cell.field.name: Changed(count, line) for cell, count, line in pairs if count}


def samples(
    connection: Connection, layout: Layout, stage: Stage, changed: dict[str, Changed]
) -> tuple[Sample, ...]:
    """The first changed rows of the file with the first of each column; the first new ones."""
    firsts = sorted({column.first_line for column in changed.values()})
    return (*_changed(connection, layout, stage, firsts), *_new(connection, layout, stage))


def _changed(
    connection: Connection, layout: Layout, stage: Stage, firsts: list[int]
) -> list[Sample]:
    table, found, cells = layout.kind.table, stage.found, _set_by(layout)
    if not firsts:
        return []
    pairs = [value for cell in cells for value in _shown(layout, stage, cell)]
    rows = select(found.c.line, _key(layout, stage), *pairs).join(
        table, table.c.id == found.c.row_id
    )
    differing = rows.where(
        stage.not_refused(), or_(*(_differs(layout, stage, cell) for cell in cells))
    )
    first = differing.order_by(found.c.line).limit(SAMPLES)
    lines = {row.line: row for row in connection.execute(first)}
    others = [line for line in firsts if line not in lines]
    if others:
        lines |= {row.line: row for row in connection.execute(rows.where(found.c.line.in_(others)))}
    told = []
    for line, key, *values in (lines[line] for line in sorted(lines)):
        before_after = zip(cells, values[::2], values[1::2], strict=True)
        shown = {c.field.name: (_text(a), _text(b)) for c, a, b in before_after if a != b}
        told.append(Sample(line, key, dict(shown)))
    return told


def _new(connection: Connection, layout: Layout, stage: Stage) -> list[Sample]:
    found, cells = stage.found, _set_by(layout)
    after = [_after(layout, stage, cell) for cell in cells]
    rows = select(found.c.line, _key(layout, stage), *after)
    new = rows.where(stage.not_refused(), found.c.row_id.is_(None))
    return [
        Sample(
            line,
            key,
            {
                cell.field.name: (None, _text(value))
                for cell, value in zip(cells, values, strict=True)
                if value is not None
            },
        )
        for line, key, *values in connection.execute(new.order_by(found.c.line).limit(SAMPLES))
    ]


def _set_by(layout: Layout) -> list[Cell]:
    return [cell for cell in layout.cells if cell.field.name not in layout.key]


def _differs(layout: Layout, stage: Stage, cell: Cell) -> ColumnElement[bool]:
    column = cell.field.column
    differs = value_after(layout, column, stage.found.c[column.name]).is_distinct_from(
        layout.kind.table.c[column.name]
    )
    if cell.field.reference is None:
        return differs
    found = stage.found.c
    created = and_(found[cell.field.name].is_not(None), found[column.name].is_(None))
    return or_(differs, created)


def _shown(layout: Layout, stage: Stage, cell: Cell) -> tuple[ColumnElement[Any], Any]:
    """Before and after; of a reference, the key that people know it by."""
    column, after = layout.kind.table.c[cell.field.column.name], _after(layout, stage, cell)
    key = cell.field.reference
    before: ColumnElement[Any] = column
    if key is not None:
        its = select(key).where(key.table.c.id == column).correlate(column.table)
        before = its.scalar_subquery()
    return before, after if layout.clears else func.coalesce(after, before)


def _after(layout: Layout, stage: Stage, cell: Cell) -> ColumnElement[Any]:
    found, column = stage.found.c, cell.field.column
    if cell.field.reference is not None:
        return found[cell.field.name]
    return (
        func.coalesce(found[column.name], default_of(column))
        if layout.clears
        else (found[column.name])
    )


def _key(layout: Layout, stage: Stage) -> ColumnElement[Any]:
    first, *others = (stage.found.c[name] for name in layout.key)
    key: ColumnElement[Any] = cast(first, Text)
    for other in others:
        key = key.concat(", ").concat(cast(other, Text))
    return key


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return exact_to_text(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return str(value)
