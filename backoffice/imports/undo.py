"""Take back what an import did, row by row, and say what has to stay and why.

It goes by ``history_rows``: a row that has the version the import gave it is as the import left it.
A chunk is one transaction with the ledger, so an undo that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from backoffice import history
from backoffice.database import Base
from backoffice.imports import changes, ledger
from backoffice.imports.kinds import KINDS, NATURAL_KEYS, Kind
from backoffice.imports.ledger import RunRefusedError
from backoffice.imports.merge import LOGGED, stamp
from backoffice.imports.queue import turn
from backoffice.imports.stage import analyze_stage
from backoffice.imports.undone import Undone, undone
from backoffice.imports.work import Pace, in_turn, looking, own_connection, write
from backoffice.models import HistoryEntry, history_rows

NAMED = 1_000
"""Rows that stay and are named; the counts tell of all."""

REVERSED = "reversed"
EDITED = "was edited since"
GONE = "was deleted since"

AFTER = bindparam("after", type_=BigInteger)
LAST = bindparam("last", type_=BigInteger)


def undo(
    run: int, waiting: Callable[[], None] | None = None, between: Callable[[], object] = bool
) -> Undone:
    """Take back all that ``run`` did; what was edited since stays.

    :param waiting: As ``turn`` takes it, like ``between``.
    :raises RunRefusedError: there is nothing of it to take back, or it is not known.
    """
    with own_connection() as connection:
        with looking(connection):
            kind = KINDS[ledger.get(connection, run).kind]
        with turn(connection, kind.owner, waiting, between):
            with looking(connection):
                noted = ledger.get(connection, run)
            if noted.state == ledger.UNDONE:
                raise RunRefusedError(f"run {run} of {noted.file} is undone already")
            if noted.state == ledger.CANCELLED:
                raise RunRefusedError(f"run {run} of {noted.file} was cancelled and taken back")
            if noted.state in ledger.UNWRITTEN or not noted.entries:
                raise RunRefusedError(f"run {run} of {noted.file} has changed nothing")
            cancelled = noted.state in {ledger.RUNNING, ledger.CANCELLING}
            return take_back(connection, run, cancelled=cancelled)


def take_back(connection: Connection, run: int, *, cancelled: bool) -> Undone:
    """The same for who has the turn; ``cancelled`` where the run has not come to its end."""
    now, then = (
        (ledger.CANCELLING, ledger.CANCELLED) if cancelled else (ledger.UNDOING, ledger.UNDONE)
    )
    write(connection, lambda: ledger.note(connection, run, state=now))
    with looking(connection):
        noted = ledger.get(connection, run)
    kind = KINDS[noted.kind]
    # What the rows refer to goes last, when they have gone.
    tables = [kind.table, *(Base.metadata.tables[name] for name in noted.created)]
    for table in tables:
        _Undo(connection, noted, kind, table).run()
    at = datetime.now(UTC)

    def finish() -> None:
        ledger.finish(connection, run, then, at)

    write(connection, finish)
    with looking(connection):
        return undone(ledger.get(connection, run))


@dataclass(frozen=True)
class _Undo:
    """Taking back what one run did to one table."""

    connection: Connection
    noted: Row[Any]
    kind: Kind
    table: Table

    def run(self) -> None:
        with looking(self.connection):
            after = ledger.get(self.connection, self.noted.id).undone.get(self.table.name, -1)
        self._list()
        last: int | None = after
        pace = Pace()
        while last is not None:
            take = partial(in_turn, self.connection, pace, last, self._chunk)
            last = write(self.connection, take)

    @property
    def owner(self) -> Table:
        """The table whose rows people see these as part of: orders for their lines."""
        return self.kind.owner if self.table is self.kind.table else self.table

    @cached_property
    def listed(self) -> Table:
        """The rows that the run wrote."""
        return Table(
            f"undo_{self.table.name}",
            MetaData(),
            Column("row_id", BigInteger),
            Column("owner_id", BigInteger),
            Column("changes", history_rows.c.changes.type),
            Column("version", Integer),
            Column("verdict", String),
            prefixes=["TEMPORARY"],
        )

    def _list(self) -> None:
        """Fill ``listed``, by one walk over all that history has.

        An index by entry would serve this alone, and every import would pay for it.
        """
        listed, rows, table = self.listed, history_rows, self.table
        joined: FromClause = rows
        owner_id: ColumnElement[Any] = rows.c.row_id
        if self.owner is not table:
            owner_id = table.c[self.kind.fields[str(self.kind.parent)].column.name]
            joined = joined.outerjoin(table, table.c.id == rows.c.row_id)
        found = select(
            rows.c.row_id, func.coalesce(owner_id, 0), rows.c.changes, rows.c.version, null()
        ).select_from(joined)
        found = found.where(rows.c.history_id == self.noted.entries[table.name])
        with looking(self.connection):
            listed.create(self.connection, checkfirst=False)
            self.connection.execute(insert(listed).from_select(list(listed.c.keys()), found))
            for column in (listed.c.owner_id, listed.c.row_id):
                Index(f"undo_{table.name}_{column.name}", column).create(self.connection)
            analyze_stage(self.connection, listed)

    def _chunk(self, after: int, most: int) -> int | None:
        """Take back the next rows behind ``after``; returns the last owner's id."""
        listed = self.listed
        rows = select(listed.c.owner_id).where(listed.c.owner_id > after)
        chunk = rows.order_by(listed.c.owner_id).limit(most).subquery("chunk")
        last = self.connection.scalar(select(func.max(chunk.c.owner_id)))
        if last is None:
            return None
        here = {"after": after, "last": last}
        self._lock(here)
        self._judge(here)
        at = datetime.now(UTC)
        self._record(here, at)
        self.connection.execute(self._restore(at), here)
        self._shift(here)
        self.connection.execute(self._remove(), here)
        self._count(here, last)
        return int(last)

    @cached_property
    def _here(self) -> ColumnElement[bool]:
        return and_(self.listed.c.owner_id > AFTER, self.listed.c.owner_id <= LAST)

    def _lock(self, here: dict[str, int]) -> None:
        """Nobody edits a row, or an order's lines, between the verdict on it and its reversal."""
        if self.connection.dialect.name != "postgresql":
            return
        ids = select(self.listed.c.owner_id).where(self._here)
        rows = select(self.owner.c.id).where(self.owner.c.id.in_(ids))
        locked = rows.order_by(self.owner.c.id).with_for_update().subquery("locked")
        self.connection.execute(select(func.count()).select_from(locked), here)

    def _judge(self, here: dict[str, int]) -> None:
        listed, table = self.listed, self.table
        its = self._one(table.c.version, table.c.id == listed.c.row_id)
        new = listed.c.changes.is_(None)
        verdict = case(
            (its.is_(None), GONE),
            (its.is_distinct_from(listed.c.version), EDITED),
            *((and_(new, uses), reason) for reason, uses in self._uses()),
            *((former, reason) for reason, former in self._lost()),
            else_=REVERSED,
        )
        self.connection.execute(update(listed).where(self._here).values(verdict=verdict), here)

    def _one(self, value: ColumnElement[Any], *where: ColumnElement[bool]) -> ColumnElement[Any]:
        """``value`` of a row, or NULL where there is none.

        Not EXISTS: of that PostgreSQL makes a hash of the whole other table, for every chunk anew.
        """
        rows = select(value).where(*where).limit(1)
        return rows.correlate(self.listed).scalar_subquery()

    def _uses(self) -> Iterator[tuple[str, ColumnElement[bool]]]:
        """Why a row that the run made cannot be deleted, and where that is so."""
        for other in Base.metadata.sorted_tables:
            for column in other.columns:
                if any(key.column is self.table.c.id for key in column.foreign_keys):
                    use = self._one(column, column == self.listed.c.row_id)
                    yield f"is used by {other.name.replace('_', ' ')}", use.is_not(None)

    def _lost(self) -> Iterator[tuple[str, ColumnElement[bool]]]:
        """Why a row cannot have its former values, and where that is so."""
        told, dialect = self.listed.c.changes, self.connection.dialect.name
        for column in self._changed:
            for key in column.foreign_keys:
                former = changes.before(dialect, told, column)
                there = self._one(key.column, key.column == former)
                lost = and_(former.is_not(None), there.is_(None))
                yield f"its former {column.name.removesuffix('_id')} is gone", lost

    @cached_property
    def _reversed(self) -> ColumnElement[bool]:
        return and_(self._here, self.listed.c.verdict == REVERSED)

    @cached_property
    def _former(self) -> dict[str, ColumnElement[Any]]:
        """Column -> the value that a row shall have again."""
        told, dialect = self.listed.c.changes, self.connection.dialect.name
        return {
            column.name: case(
                (changes.names(dialect, told, column.name), changes.before(dialect, told, column)),
                else_=column,
            )
            for column in self._changed
        }

    @cached_property
    def _changed(self) -> list[Column[Any]]:
        """The columns that the run changed: to set the others would write their indexes as well."""
        told, dialect = self.listed.c.changes, self.connection.dialect.name
        columns = [f.column for f in self.kind.fields.values() if f.column.table is self.table]
        changed = [exists().where(changes.names(dialect, told, c.name)) for c in columns]
        found = self.connection.execute(select(*changed)).one() if columns else ()
        return [column for column, is_changed in zip(columns, found, strict=True) if is_changed]

    def _restore(self, at: datetime) -> Any:
        listed, table = self.listed, self.table
        values = {**self._former, **stamp(table, at)}
        restored = and_(self._reversed, listed.c.changes.is_not(None))
        return update(table).where(restored, table.c.id == listed.c.row_id).values(values)

    def _remove(self) -> Any:
        made = select(self.listed.c.row_id).where(self._reversed, self.listed.c.changes.is_(None))
        return delete(self.table).where(self.table.c.id.in_(made))

    def _shift(self, here: dict[str, int]) -> None:
        """Let earlier runs find the restored rows as they left them, and be undone as well."""
        restored = and_(self._reversed, self.listed.c.changes.is_not(None))
        before = self.listed.c.version  # now the row has the next one, and what was before it
        earlier = self._earlier(self.table, self.listed.c.row_id)
        earlier = earlier.where(restored, history_rows.c.version < before)
        self.connection.execute(earlier.values(version=history_rows.c.version + 2), here)

    def _earlier(self, table: Table, row_id: ColumnElement[Any]) -> Update:
        entry = HistoryEntry.__table__.c
        return update(history_rows).where(
            history_rows.c.row_id == row_id,
            history_rows.c.history_id == entry.id,
            entry.table_name == table.name,
        )

    def _record(self, here: dict[str, int], at: datetime) -> None:
        """Tell it in the history of the rows that stay: those restored, orders of lines."""
        listed, owner = self.listed, self.owner
        ids = select(listed.c.owner_id).where(self._reversed).distinct()
        if owner is not self.table:
            touched = update(owner).where(owner.c.id.in_(ids)).values(stamp(owner, at))
            self.connection.execute(touched, here)
            same = self._earlier(owner, owner.c.id).where(owner.c.id.in_(ids))
            self.connection.execute(same.values(version=history_rows.c.version + 1), here)
            rows = select(owner.c.id, literal(0), null(), owner.c.version)
            rows = rows.where(owner.c.id.in_(ids))
        else:
            dialect = self.connection.dialect.name
            pairs = {name: (owner.c[name], value) for name, value in self._former.items()}
            told = changes.as_json(dialect, pairs) if pairs else null()
            rows = select(owner.c.id, literal(0), told, owner.c.version + 1)
            rows = rows.join(listed, listed.c.row_id == owner.c.id)
            rows = rows.where(self._reversed, listed.c.changes.is_not(None))
        entry = self._entry(at)
        columns = list(rows.selected_columns)
        columns[1] = literal(entry)
        log = insert(history_rows).from_select(LOGGED, rows.with_only_columns(*columns))
        self.connection.execute(log, here)

    def _entry(self, at: datetime) -> int:
        """The undo's own entry in the history of the table, made with its first chunk."""
        noted = ledger.get(self.connection, self.noted.id)
        name = f"undo {self.owner.name}"
        entry: int | None = noted.entries.get(name)
        if entry is None:
            entry = history.add_entry(
                self.connection,
                action="undo",
                table=self.owner.name,
                label=noted.file,
                changes={"kind": noted.kind, "file": noted.file, "import": noted.id},
                at=at,
            )
            ledger.note(self.connection, noted.id, entries={**noted.entries, name: entry})
        return entry

    def _count(self, here: dict[str, int], last: int) -> None:
        listed = self.listed
        verdicts = select(listed.c.verdict, func.count()).where(self._here)
        counted = self.connection.execute(verdicts.group_by(listed.c.verdict), here).all()
        counts = {str(verdict): int(count) for verdict, count in counted}
        noted = ledger.get(self.connection, self.noted.id)
        told = noted.report.get("undo", {})
        named = told.get("named", [])
        stays = sum(counts.values()) - counts.get(REVERSED, 0)
        if stays and len(named) < NAMED:
            named = named + self._named(here, NAMED - len(named))
        told = {
            "reversed": told.get("reversed", 0) + counts.get(REVERSED, 0),
            "kept": told.get("kept", 0) + counts.get(EDITED, 0),
            "impossible": told.get("impossible", 0) + stays - counts.get(EDITED, 0),
            "named": named,
        }
        ledger.note(
            self.connection,
            noted.id,
            undone={**noted.undone, self.table.name: last},
            report={**noted.report, "undo": told},
        )

    def _named(self, here: dict[str, int], limit: int) -> list[list[str]]:
        listed, owner = self.listed, self.owner
        unknown = "?" if owner is self.table else "a line"
        gone = (
            select(func.max(HistoryEntry.label))
            .where(
                HistoryEntry.table_name == owner.name,
                HistoryEntry.row_id == listed.c.owner_id,
                HistoryEntry.action == "delete",
            )
            .correlate(listed)
            .scalar_subquery()
        )
        key = func.coalesce(owner.c[NATURAL_KEYS[owner]], gone, unknown)
        rows = select(key, listed.c.verdict).select_from(
            listed.outerjoin(owner, owner.c.id == listed.c.owner_id)
        )
        stays = and_(self._here, or_(listed.c.verdict != REVERSED, listed.c.verdict.is_(None)))
        found = self.connection.execute(
            rows.where(stays).order_by(listed.c.owner_id, listed.c.row_id).limit(limit), here
        )
        return [[owner.name, str(name), str(reason)] for name, reason in found]
