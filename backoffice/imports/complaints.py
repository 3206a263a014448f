"""What is wrong with rows as far as the database can tell: unknown, repeated, against a rule.

Each complaint is one SELECT of line, header and reason, for an INSERT ... SELECT into the stage's
``complaints``: a file full of faults costs no more memory than a good one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Dialect,
    Select,
    and_,
    exists,
    func,
    literal,
    null,
    select,
    text,
    true,
)

from backoffice.imports.kinds import default_of
from backoffice.imports.mapping import Layout
from backoffice.imports.stage import Stage, with_references


def every_complaint(
    dialect: Dialect, layout: Layout, stage: Stage, creates: frozenset[str]
) -> Iterator[Select[Any]]:
    """All of them, to be run in this order: the first looks at what the rows alone told.

    :param creates: The fields whose unknown references will be created.
    """
    yield from _missing(layout, stage)
    yield from _broken_rules(dialect, layout, stage)
    yield from _unknown(layout, stage, creates)
    yield from _repeated(layout, stage)
    yield from _ambiguous(layout, stage)


def _missing(layout: Layout, stage: Stage) -> list[Select[Any]]:
    """New rows without what a new row needs."""
    found, told = stage.found, stage.complaints.c
    needs = f"{'every' if layout.clears else 'a new'} {layout.kind.noun} needs"
    complaints = []
    for field in layout.kind.fields.values():
        cell = layout.cell(field.name)
        if not field.needed or field.name in layout.kind.key:
            continue
        header = cell.header if cell else field.name
        # A wrong cell is staged blank, as are all cells of a row that cannot be parsed: that
        # one has no key either, and neither has a row of which nobody knows that it is new.
        is_told = exists().where(told.line == found.c.line, told.header == header)
        keys = (layout.kind.fields[name].column.name for name in layout.key)
        complaints.append(
            _complaint(stage, header, f"is missing: {needs} {field.name}").where(
                true() if cell and layout.clears else found.c.row_id.is_(None),
                found.c[field.name].is_(None) if cell else true(),
                ~is_told,
                *(found.c[key].is_not(None) for key in keys if key in found.c),
            )
        )
    return complaints


def _broken_rules(dialect: Dialect, layout: Layout, stage: Stage) -> list[Select[Any]]:
    """Rows that would break a rule of the table, told in the rule's own sentence."""
    complaints = []
    for rule in layout.kind.rules():
        sql = str(rule.sqltext.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        used = [c for c in layout.kind.table.columns if re.search(rf"\b{c.name}\b", sql)]
        if not any(c.name in stage.found.c for c in used):
            continue
        after = _after(layout, stage, used).subquery("after")
        escaped = sql.replace(":", "\\:")  # else text() takes ":name" for a parameter
        sentence = rule.info["says"].rstrip(".")
        complaints.append(
            select(
                after.c.line,
                literal(_header(layout, rule, used)),
                literal(sentence[:1].lower() + sentence[1:]),
            ).where(text(f"NOT ({escaped})"))
        )
    return complaints


def _after(layout: Layout, stage: Stage, used: list[Column[Any]]) -> Select[Any]:
    """The columns of a rule as they would stand after the import.

    What is in the table already keeps the rule: only a rule about several columns looks there,
    and passes by the rows with a wrong cell, of which it could not tell the truth.
    """
    table, found = layout.kind.table, stage.found
    alone = len(used) == 1
    columns = []
    for column in used:
        staged = found.c[column.name] if column.name in found.c else null()
        stored = [] if layout.clears and column.name in found.c else [table.c[column.name]]
        known = [] if alone else [*stored, default_of(column)]
        columns.append(func.coalesce(staged, *known, null()).label(column.name))
    return (
        select(found.c.line, *columns)
        .select_from(found.outerjoin(table, table.c.id == found.c.row_id))
        .where(true() if alone else ~found.c.bad)
    )


def _header(layout: Layout, rule: CheckConstraint, used: list[Column[Any]]) -> str:
    names = [rule.info["field"], *(column.name for column in used)]
    return next(cell.header for name in names if (cell := layout.cell(name)))


def _unknown(layout: Layout, stage: Stage, creates: frozenset[str]) -> list[Select[Any]]:
    found = stage.found
    return [
        _complaint(
            stage,
            cell.header,
            f"is no known {cell.field.name}: import it first"
            + (", or add --create-missing" if cell.field.name in layout.kind.creates else ""),
        ).where(found.c[cell.field.name].is_not(None), found.c[cell.field.column.name].is_(None))
        for cell in layout.cells
        if cell.field.reference is not None and cell.field.name not in creates
    ]


def _repeated(layout: Layout, stage: Stage) -> list[Select[Any]]:
    """Every row but the first of those with one key."""
    rows = stage.rows
    keys = [rows.c[name] for name in layout.key]
    first = (
        select(*keys, func.min(rows.c.line).label("first"))
        .group_by(*keys)
        .having(func.count() > 1)
        .subquery("repeated")
    )
    same = and_(*(first.c[key.name] == key for key in keys))
    return [
        select(
            rows.c.line,
            literal(layout.key_header),
            literal("stands on line ")
            + func.cast(first.c.first, stage.complaints.c.reason.type)
            + literal(" already: keep one of the two rows"),
        )
        .join(first, same)
        .where(rows.c.line != first.c.first)
    ]


def _ambiguous(layout: Layout, stage: Stage) -> list[Select[Any]]:
    """Rows found twice: only a key that is not the table's own can do that."""
    if layout.key == layout.kind.key:
        return []
    table = layout.kind.table
    joined, ids = with_references(layout, stage)
    same = and_(*(table.c[f"{name}_id"] == ids[name] for name in layout.key))
    missing = ", ".join(sorted(set(layout.kind.key) - set(layout.key)))
    return [
        select(
            stage.rows.c.line,
            literal(layout.key_header),
            literal(f"stands in this {layout.key[0]} more than once: add the column {missing}"),
        )
        .select_from(joined.join(table, same))
        .group_by(stage.rows.c.line)
        .having(func.count() > 1)
    ]


def _complaint(stage: Stage, header: str, reason: str) -> Select[Any]:
    return select(stage.found.c.line, literal(header), literal(reason))
