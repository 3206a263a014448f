"""Who changed what: an entry for each change of a record, in the same transaction."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from flask import Flask, has_request_context
from flask_login import current_user
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Select,
    and_,
    event,
    insert,
    inspect,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Session
from sqlalchemy.orm.unitofwork import UOWTransaction

from backoffice.database import db
from backoffice.models import (
    Category,
    Customer,
    HistoryEntry,
    Order,
    OrderLine,
    Product,
    Supplier,
    history_rows,
)
from backoffice.models.columns import Exact, UtcDateTime, exact_to_text
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


_acting: ContextVar[Author | None] = ContextVar("acting", default=None)


@contextmanager
def acting_for(who: Author) -> Iterator[None]:
    """What changes inside is told as made by ``who``: who asked for a job, not what runs it."""
    token = _acting.set(who)
    try:
        yield
    finally:
        _acting.reset(token)


def author() -> Author:
    """The signed-in member of staff, or the account that runs the command."""
    if acting := _acting.get():
        return acting
    if has_request_context():
        return Author(getattr(current_user, "email", "nobody"), "browser")
    try:
        return Author(getpass.getuser(), "command")
    except (KeyError, OSError):  # a container's user may have no name
        return Author("unknown", "command")


def entries(session: Session, record: Record, limit: int) -> list[HistoryEntry]:
    """The newest changes of one record, newest first, each with what it changed in the record."""
    found, told = [], []
    for entry, stored in session.execute(entries_of(record, limit)):
        found.append(entry)
        if stored is not None:
            entry.of_row = _from_stored(type(record), stored)
            told.append({"changes": entry.of_row})
    lines = {e.id: e for e in found if e.table_name == OrderLine.__tablename__}
    if lines:
        told += _tell_lines(session, record, lines)
    if told:
        _name_referred(session, told)
    return found


def entries_of(record: Record, limit: int) -> Select[HistoryEntry, Any]:
    """The newest changes of one record, newest first, with the writes of many rows that it was in.

    Beside each of these what it did to the record, as ``history_rows`` stores it.

    Parts, each read from the end of its index: an OR of them would read all of the history.
    """
    entry_id, rows = HistoryEntry.id, history_rows.c
    here = HistoryEntry.table_name == record.__tablename__
    own = select(entry_id).where(here, HistoryEntry.row_id == record.id).order_by(entry_id.desc())
    # Ids are told apart by table only in history: rows of all tables with this id.
    written = (
        select(rows.history_id)
        .join(HistoryEntry, entry_id == rows.history_id)
        .order_by(rows.history_id.desc())
    )
    parts = [own, written.where(here, rows.row_id == record.id)]
    if isinstance(record, Order):
        of_lines = HistoryEntry.table_name == OrderLine.__tablename__
        lines = written.join(OrderLine, OrderLine.id == rows.row_id).distinct()
        parts.append(lines.where(of_lines, OrderLine.order_id == record.id))
    newest = union_all(*(select(part.limit(limit).subquery()) for part in parts))
    its = and_(here, rows.history_id == entry_id, rows.row_id == record.id)
    told = select(HistoryEntry, rows.changes).outerjoin(history_rows, its)
    return told.where(entry_id.in_(newest)).order_by(entry_id.desc()).limit(limit)


def _tell_lines(
    session: Session, order: Record, found: dict[int, HistoryEntry]
) -> Iterator[dict[str, Any]]:
    """Tell each import of lines what it did to those of ``order`` that are still there.

    :param found: The imports' entries by id.
    """
    rows = history_rows.c
    written = (
        select(rows.history_id, OrderLine.line_no, rows.changes)
        .join(OrderLine, OrderLine.id == rows.row_id)
        .where(rows.history_id.in_(found), OrderLine.order_id == order.id)
        .order_by(OrderLine.line_no)
    )
    for entry_id, number, stored in session.execute(written):
        told = {"line_no": [None, number]}
        if stored is not None:
            told = _from_stored(OrderLine, stored)
        named = {f"line {number}: {name}": pair for name, pair in told.items()}
        entry = found[entry_id]
        entry.of_row = {**(entry.of_row or {}), **named}
        yield {"changes": named}


def _from_stored(model: type[Any], stored: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Field -> [before, after] as entries tell them, of columns as the database stores them."""
    columns = inspect(model).columns
    return {
        name.removesuffix("_id"): [
            _json(_loaded(value, columns[name]), columns[name]) for value in pair
        ]
        for name, pair in stored.items()
    }


def _loaded(value: Any, column: ColumnElement[Any]) -> Any:
    """A value of JSON as the column's type would load it."""
    if value is None:
        return None
    if isinstance(column.type, Exact):
        # SQLite's integer of ten-thousandths, or PostgreSQL's number.
        exact = Decimal(str(value))
        return exact.scaleb(-4) if db.engine.dialect.name == "sqlite" else exact
    if isinstance(column.type, UtcDateTime):
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return bool(value) if isinstance(column.type, Boolean) else value


def who_wrote(record: Any, field: str, entries: Iterable[HistoryEntry]) -> HistoryEntry | None:
    """Of a record's ``entries``, newest first, the one that gave ``field`` the value it has.

    None where none tells: a bulk change does not say which fields it changed, and a change by SQL
    alone has no entry.
    """
    last = next((entry for entry in entries if field in entry.row_changes), None)
    return last if last and last.row_changes[field][1] == _as_told(record, field) else None


def _as_told(record: Any, field: str) -> Any:
    """What an entry of now would tell as the value of ``field``."""
    value, mapper = getattr(record, field), inspect(type(record))
    if field in mapper.relationships:
        return value and getattr(value, LABELS[type(value)])
    return _json(value, mapper.columns[field])


def add_entry(
    session: Session | Connection,
    *,
    action: str,
    table: str,
    label: str,
    changes: dict[str, Any],
    at: datetime,
    rows: Select[tuple[int]] | None = None,
) -> int:
    """Write the one entry of a bulk change or import, in its transaction; returns the id.

    These call it themselves: set-based SQL passes the listener by.

    :param rows: Selects the ids of the rows of ``table`` whose pages are to show the entry.
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
    if rows is not None:
        written = rows.add_columns(literal(entry_id))
        session.execute(insert(history_rows).from_select(["row_id", "history_id"], written))
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
        # One that is gone again is told by its id.
        names: dict[Any, Any] = {Referred(model, row_id): str(row_id) for row_id in ids} | known
        for pair in pairs:
            pair[:] = [names.get(value, value) for value in pair]


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
