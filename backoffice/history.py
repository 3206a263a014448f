"""Who changed what: an entry for each change of a record, in the same transaction."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import Flask, has_request_context
from flask_login import current_user
from sqlalchemy import ColumnElement, Select, event, insert, inspect, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.unitofwork import UOWTransaction

from backoffice.database import db
from backoffice.models import Category, Customer, HistoryEntry, Order, OrderLine, Product, Supplier
from backoffice.models.columns import exact_to_text
from backoffice.models.record import Record

LABELS: dict[type[Record], str] = {
    Supplier: "code",
    Category: "name",
    Product: "sku",
    Customer: "code",
    Order: "number",
}
"""The recorded tables with the column that people know a row by."""

UNTOLD = frozenset({"id", "created_at", "updated_at", "version", "order_id"})
"""Columns whose change says nothing that the entry does not say already."""


MODELS = {model.__tablename__: model for model in LABELS}


@dataclass(frozen=True)
class Referred:
    """A row that a changed record refers to, until it is named by its natural key."""

    model: type[Record]
    id: int


@dataclass(frozen=True)
class Author:
    """Who makes a change, and by what means: ``browser`` or ``command``."""

    actor: str
    means: str


def author() -> Author:
    """The signed-in member of staff, or the account that runs the command."""
    if has_request_context():
        return Author(getattr(current_user, "email", "nobody"), "browser")
    try:
        return Author(getpass.getuser(), "command")
    except (KeyError, OSError):  # a container's user may have no name
        return Author("unknown", "command")


def entries_of(record: Record, limit: int) -> Select[HistoryEntry]:
    """The newest changes of one record, newest first, with the imports that wrote it.

    An import has one entry for all its rows; it stamps them with the moment of that entry, so
    the rows that it made or changed last are known by their own moments.
    """
    imported = HistoryEntry.row_id.is_(None) & HistoryEntry.at.in_(
        (record.created_at, record.updated_at)
    )
    return (
        select(HistoryEntry)
        .where(
            HistoryEntry.table_name == record.__tablename__,
            (HistoryEntry.row_id == record.id) | imported,
        )
        .order_by(HistoryEntry.id.desc())
        .limit(limit)
    )


def add_entry(
    session: Session,
    *,
    action: str,
    table: str,
    label: str,
    changes: dict[str, Any],
    at: datetime,
) -> int:
    """Write the one entry of a bulk change or import, in its transaction; returns the id.

    These call it themselves: set-based SQL passes the listener by.

    :param at: The moment that the rows were stamped with, see ``entries_of``.
    """
    who = author()
    entry_id: int | None = session.scalar(
        insert(HistoryEntry)
        .values(
            actor=who.actor,
            means=who.means,
            action=action,
            table_name=table,
            at=at,
            label=label,
            changes=changes,
        )
        .returning(HistoryEntry.id)
    )
    assert entry_id is not None  # noqa: S101 - RETURNING of an insert has a row
    return entry_id


def init_app(_app: Flask) -> None:
    """Record the changes that ``db.session`` writes."""
    if not event.contains(db.session, "after_flush", _record_flush):
        event.listen(db.session, "after_flush", _record_flush)


def _record_flush(session: Session, _context: UOWTransaction) -> None:
    entries = list(_entries(session))
    if entries:
        _name_referred(session, entries)
        who = author()
        session.execute(
            insert(HistoryEntry),
            [entry | {"actor": who.actor, "means": who.means} for entry in entries],
        )


def _entries(session: Session) -> Iterator[dict[str, Any]]:
    """One entry a changed record; an order's lines are told in the order's entry."""
    lines = _changed_lines(session)
    for action, records in (
        ("create", session.new),
        ("update", session.dirty),
        ("delete", session.deleted),
    ):
        for record in records:
            if type(record) not in LABELS:
                continue
            changes = _changes(record, action)
            if isinstance(record, Order):
                changes |= lines.get(record, {})
            if changes:
                yield {
                    "action": action,
                    "table_name": record.__tablename__,
                    "row_id": record.id,
                    "label": str(getattr(record, LABELS[type(record)]))[:300],
                    "changes": changes,
                }


def _changed_lines(session: Session) -> dict[Order, dict[str, Any]]:
    """Order -> its changed lines, as ``{"line 2: quantity": [before, after]}``."""
    told: dict[Order, dict[str, Any]] = {}
    for action, records in (
        ("create", session.new),
        ("update", session.dirty),
        ("delete", session.deleted),
    ):
        for line in records:
            if isinstance(line, OrderLine):
                # A removed line has let go of its order in memory: SQLAlchemy deletes it as an
                # orphan without listing it as deleted.
                order = line.order or _last(line, "order")
                what = action if line.order else "delete"
                if order is not None:
                    prefix = f"line {_last(line, 'line_no') or line.line_no}: "
                    told.setdefault(order, {}).update(
                        {prefix + name: pair for name, pair in _changes(line, what).items()}
                    )
    return told


def _last(line: OrderLine, name: str) -> Any:
    deleted = inspect(line).attrs[name].history.deleted
    return deleted[0] if deleted else None


def _name_referred(session: Session, entries: list[dict[str, Any]]) -> None:
    """Put natural keys in place of ids: one statement for each table referred to."""
    pairs = [pair for entry in entries for pair in entry["changes"].values()]
    wanted: dict[type[Record], set[int]] = {}
    for value in (value for pair in pairs for value in pair):
        if isinstance(value, Referred):
            wanted.setdefault(value.model, set()).add(value.id)
    for model, ids in wanted.items():
        key = getattr(model, LABELS[model])
        rows = session.connection().execute(select(model.id, key).where(model.id.in_(sorted(ids))))
        known = {Referred(model, row[0]): row[1] for row in rows}
        for pair in pairs:
            pair[:] = [known.get(value, value) for value in pair]


def _changes(record: Record | OrderLine, action: str) -> dict[str, list[Any]]:
    """Field -> ``[before, after]``; of a new or deleted record, its filled fields."""
    state = inspect(record)
    changes: dict[str, list[Any]] = {}
    for attribute in state.mapper.column_attrs:
        if attribute.key in UNTOLD:
            continue
        history = state.attrs[attribute.key].history
        if action == "update":
            if not history.deleted:  # not changed, at most marked as if it were
                continue
            pair = [history.deleted[0], history.added[0] if history.added else None]
        else:
            value = state.dict.get(attribute.key)
            pair = [None, value] if action == "create" else [value, None]
        if pair[0] != pair[1] and pair not in ([None, ""], ["", None]):
            column = attribute.columns[0]
            changes[attribute.key.removesuffix("_id")] = [_json(value, column) for value in pair]
    return changes


def _json(value: Any, column: ColumnElement[Any]) -> Any:
    """``value`` as JSON keeps it without loss; an id of another row as ``Referred``."""
    if value is not None and column.foreign_keys:
        (key,) = column.foreign_keys
        return Referred(MODELS[key.column.table.name], value)
    if isinstance(value, Decimal):
        return exact_to_text(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value
