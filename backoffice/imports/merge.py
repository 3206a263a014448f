"""Write what is new and what differs, chunk by chunk, by set-based SQL; equal rows are not touched.

Each chunk is one transaction together with what it did to each row and with the ledger: whatever
ends a run, the ledger says up to which line of the file it is merged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import chain, repeat
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Insert,
    Integer,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from backoffice.imports import changes, ledger
from backoffice.imports.differences import value_after
from backoffice.imports.kinds import Field, default_of
from backoffice.imports.mapping import Layout
from backoffice.imports.refused import FileRefused
from backoffice.imports.stage import Stage
from backoffice.imports.work import Pace, in_turn, write
from backoffice.models import history_rows

AFTER = bindparam("after", type_=BigInteger)
LAST = bindparam("last", type_=BigInteger)


@dataclass(frozen=True)
class Merged:
    """What became of one chunk's rows: so many inserted and updated, up to ``line``.

    ``meanwhile`` counts the rows that somebody else had written since they were checked.
    """

    line: int
    inserted: int
    updated: int
    meanwhile: int


@dataclass(frozen=True)
class Merge:
    """The statements of one run, put together once and run for each chunk.

    :param entries: Table -> the run's history entry about it.
    :param at: Stamped on every row that is written.
    :param changed: The fields in which rows differed when they were checked. Only these are set:
        SQLite writes every index and calls every trigger of a column that is set to what it is.
    """

    connection: Connection
    layout: Layout
    stage: Stage
    run: int
    entries: dict[str, int]
    at: datetime
    changed: Collection[str]
    created: dict[str, int] = field(default_factory=dict)
    hurry: Callable[[], bool] = bool

    def turn(self, after: int, pace: Pace) -> tuple[int | None, int]:
        """Merge the next rows behind line ``after``, in one transaction.

        :returns: The line up to which they are merged, None when none are left, and the number of
            rows that somebody else had written since they were checked.
        :raises FileRefused: somebody changed the tables so that the rows cannot be taken any more.
        """
        # Where another's row has the key of a new one, the database says so: nobody need look.
        looks = chain([self.layout.key != self.layout.kind.key], repeat(True))
        created = dict(self.created)

        def work() -> tuple[int | None, int]:
            self.created.clear()
            self.created.update(created)
            look, meanwhile = next(looks), 0

            def step(line: int, rows: int) -> int | None:
                nonlocal meanwhile
                merged = self._chunk(line, rows, look_again=look)
                if merged is None:
                    return None
                meanwhile += merged.meanwhile
                return merged.line

            return in_turn(self.connection, pace, after, step, self.hurry), meanwhile

        return write(self.connection, work)

    def _chunk(self, after: int, rows: int, *, look_again: bool) -> Merged | None:
        bounds = self._run(self._bounds, after=after, rows=rows).one()
        line, expected, known, lowest, highest = bounds
        if line is None:
            return None
        here = {"after": after, "last": line, "lowest": lowest, "highest": highest}
        created = self._create_missing(here)
        arrived = self._look_again(here) if look_again and expected > known else 0
        edited = self._run(self._edited, **here).scalar() if known else 0
        # Of a row that somebody else wrote, every column may differ.
        merge = replace(self, changed=self.layout.kind.fields) if arrived or edited else self
        updated = merge._update(here, known + arrived)  # noqa: SLF001 - its own
        inserted = self._insert(here) if expected > known + arrived else 0
        equal_by_now = expected - inserted - updated
        merged = Merged(line, inserted, updated, arrived + max(edited, equal_by_now))
        self._note(merged, created, here)
        return merged

    def _run(self, statement: Any, **parameters: Any) -> Any:
        return self.connection.execute(statement, parameters)

    def _count(self, statement: Any, here: dict[str, int]) -> int:
        options = {"preserve_rowcount": True}
        return self.connection.execute(statement, here, execution_options=options).rowcount

    def _note(self, merged: Merged, created: dict[str, int], here: dict[str, int]) -> None:
        for name, count in created.items():
            self.created[name] = self.created.get(name, 0) + count
        runs = ledger.RUNS.c
        ledger.note(
            self.connection,
            self.run,
            merged_line=merged.line,
            inserted=runs.inserted + merged.inserted,
            updated=runs.updated + merged.updated,
            rejected=runs.rejected + self._run(self._refused, **here).scalar(),
            **({"created": self.created} if created else {}),
        )

    # What is in the chunk.

    @cached_property
    def _here(self) -> ColumnElement[bool]:
        line = self.stage.found.c.line
        return and_(line > AFTER, line <= LAST)

    @cached_property
    def _bounds(self) -> Select[Any]:
        found = self.stage.found
        rows = select(found.c.line, found.c.row_id).where(found.c.line > AFTER)
        chunk = (
            rows.order_by(found.c.line).limit(bindparam("rows", type_=Integer)).subquery("chunk")
        )
        row_id = chunk.c.row_id
        ids = [func.count(row_id), func.min(row_id), func.max(row_id)]
        columns: list[ColumnElement[Any]] = [func.max(chunk.c.line), func.count(), *ids]
        return select(*columns)

    @cached_property
    def _same_key(self) -> ColumnElement[bool]:
        table, found = self._table, self.stage.found
        fields = self.layout.kind.fields
        names = [fields[name].column.name for name in self.layout.key]
        return and_(*(table.c[name] == found.c[name] for name in names))

    @property
    def _table(self) -> Table:
        return self.layout.kind.table

    @property
    def _postgresql(self) -> bool:
        return self.connection.dialect.name == "postgresql"

    def _look_again(self, here: dict[str, int]) -> int:
        """Know the rows again that others have inserted since the check; returns their number."""
        arrived = self._run(self._arrived, **here).all()
        if arrived:
            found = self.stage.found
            known = update(found).where(found.c.line == bindparam("at_line"))
            self.connection.execute(
                known.values(row_id=bindparam("known")),
                [{"at_line": line, "known": row_id} for line, row_id in arrived],
            )
            ids = [row_id for _, row_id in arrived]
            ids += [here[end] for end in ("lowest", "highest") if here[end] is not None]
            here |= {"lowest": min(ids), "highest": max(ids)}
        return len(arrived)

    @cached_property
    def _arrived(self) -> Select[Any]:
        found = self.stage.found
        return (
            select(found.c.line, self._table.c.id)
            .join(self._table, self._same_key)
            .where(self._here, found.c.row_id.is_(None))
        )

    # Rows that differ.

    def _update(self, here: dict[str, int], known: int) -> int:
        if not known or not self._after:
            return 0
        logged = self._count(self._update_log, here)
        updated = self._count(self._update_rows, here)
        assert logged == updated  # noqa: S101 - both saw the same locked rows
        if updated < known:
            self._refuse_gone(here)
        return updated

    @cached_property
    def _after(self) -> dict[str, ColumnElement[Any]]:
        """Column -> its value after."""
        fields = [c.field for c in self.layout.cells if c.field.name not in self.layout.key]
        columns = [field.column for field in fields if field.name in self.changed]
        return {c.name: value_after(self.layout, c, self.stage.found.c[c.name]) for c in columns}

    @cached_property
    def _known(self) -> ColumnElement[bool]:
        """Joins the rows that are stored already."""
        table, found = self._table, self.stage.found
        same = and_(self._here, table.c.id == found.c.row_id)
        if not self._postgresql:
            return same
        # Mostly a file follows the ids: PostgreSQL, which joins by reading all of either side,
        # then reads but a part of the table.
        lowest, highest = (bindparam(name, type_=BigInteger) for name in ("lowest", "highest"))
        return and_(same, table.c.id.between(lowest, highest))

    @cached_property
    def _differing(self) -> ColumnElement[bool]:
        table = self._table
        differs = [table.c[name].is_distinct_from(value) for name, value in self._after.items()]
        return and_(self._known, or_(*differs))

    @cached_property
    def _edited(self) -> Select[Any]:
        """How many rows were written since the check.

        They are locked, in the order of ids, so that what is noted as the value before is what is
        changed. SQLite, where nobody else writes meanwhile, leaves FOR UPDATE out.
        """
        table, found = self._table, self.stage.found
        rows = select((table.c.version != found.c.version).label("edited"))
        rows = rows.where(self._known)
        if self._postgresql:  # SQLite would sort them nevertheless
            rows = rows.order_by(table.c.id).with_for_update(of=table)
        locked = rows.subquery("locked")
        return select(func.count().filter(locked.c.edited))

    @cached_property
    def _refused(self) -> Select[Any]:
        """How many rows of the file are left out up to here."""
        line = self.stage.complaints.c.line
        return select(func.count(line.distinct())).where(line > AFTER, line <= LAST)

    @cached_property
    def _update_log(self) -> Insert:
        table = self._table
        pairs = {name: (table.c[name], value) for name, value in self._after.items()}
        told = changes.as_json(self.connection.dialect.name, pairs)
        entry = literal(self.entries[table.name])
        rows = select(table.c.id, entry, told, table.c.version + 1)
        return insert(history_rows).from_select(LOGGED, rows.where(self._differing))

    @cached_property
    def _update_rows(self) -> Update:
        return (
            update(self._table)
            .where(self._differing)
            .values({**self._after, **stamp(self._table, self.at)})
        )

    def _refuse_gone(self, here: dict[str, int]) -> None:
        """:raises FileRefused: a row was deleted since it was checked; others were equal by now."""
        table, found = self._table, self.stage.found
        gone = (
            select(func.min(found.c.line))
            .outerjoin(table, table.c.id == found.c.row_id)
            .where(self._here, found.c.row_id.is_not(None), table.c.id.is_(None))
        )
        line = self._run(gone, **here).scalar()
        if line is not None:
            raise FileRefused(line, f"the {self.layout.kind.noun} was deleted during the import")

    # New rows.

    def _insert(self, here: dict[str, int]) -> int:
        if self._postgresql:
            return self._count(self._insert_and_log, here)
        highest = self.connection.scalar(select(func.max(self._table.c.id))) or 0
        inserted = self._count(self._insert_rows, here)
        self._run(self._insert_log, highest=highest)
        return inserted

    @cached_property
    def _insert_rows(self) -> Insert:
        found, kind = self.stage.found, self.layout.kind
        values: dict[str, ColumnElement[Any]] = {}
        for column in (cell.field.column for cell in self.layout.cells):
            blank = [] if column.default is None else [default_of(column)]
            value = found.c[column.name]
            values[column.name] = func.coalesce(value, *blank) if blank else value
        for name in set(kind.key) - set(self.layout.key):
            values[name] = self._next_number(kind.fields[name])
        values |= new_stamp(self._table, self.at)
        rows = select(*values.values()).where(found.c.row_id.is_(None), self._here)
        # In the order of the file, so that ids, and lists without another order, follow it.
        return insert(self._table).from_select(list(values), rows.order_by(found.c.line))

    @cached_property
    def _insert_and_log(self) -> Insert:
        new = self._insert_rows.returning(self._table.c.id).cte("new")
        return insert(history_rows).from_select(LOGGED, self._log_of_new(new))

    @cached_property
    def _insert_log(self) -> Insert:
        """SQLite's: nobody else can have written since ``highest`` was read."""
        rows = self._log_of_new(self._table)
        highest = bindparam("highest", type_=BigInteger)
        return insert(history_rows).from_select(LOGGED, rows.where(self._table.c.id > highest))

    def _log_of_new(self, rows: Any) -> Select[Any]:
        return select(rows.c.id, literal(self.entries[self._table.name]), null(), literal(1))

    def _next_number(self, numbered: Field) -> ColumnElement[Any]:
        """The numbers that follow the parent's highest, in the order of the file."""
        found, kind = self.stage.found, self.layout.kind
        number = self._table.c[numbered.column.name]
        parent = kind.fields[str(kind.parent)].column.name
        highest = (
            select(func.max(number))
            .where(self._table.c[parent] == found.c[parent])
            .correlate(found)
            .scalar_subquery()
        )
        nth = func.row_number().over(partition_by=found.c[parent], order_by=found.c.line)
        return func.coalesce(highest, 0) + nth

    # What rows refer to.

    def _create_missing(self, here: dict[str, int]) -> dict[str, int]:
        """Make what the rows refer to, named like its key, and fill the new ids in."""
        created = {}
        for cell in self.layout.cells:
            key = cell.field.reference
            if key is None or key.table.name not in self.entries or key.table is self._table:
                continue
            if cell.field.name not in self.layout.kind.creates:
                continue
            found, other = self.stage.found, key.table
            assert isinstance(other, Table)  # noqa: S101 - for the type checker
            theirs, column = found.c[cell.field.name], cell.field.column.name
            unknown = and_(self._here, theirs.is_not(None), found.c[column].is_(None))
            known = select(other.c.id).where(key == theirs).correlate(found).scalar_subquery()
            new = select(theirs.label("key")).where(unknown, known.is_(None)).distinct()
            keys = new.subquery("new").c.key
            values = dict.fromkeys((key.name, "name"), keys) | new_stamp(other, self.at)
            rows = select(*(value.label(name) for name, value in values.items()))
            made = insert(other).from_select(list(values), rows).returning(other.c.id)
            ids = self._run(made, **here).scalars().all()
            if ids:
                created[other.name] = len(ids)
                entry = self.entries[other.name]
                logged = [{"row_id": n, "history_id": entry, "version": 1} for n in ids]
                self.connection.execute(insert(history_rows), logged)
            self._run(update(found).where(unknown).values({column: known}), **here)
        return created


LOGGED = ["row_id", "history_id", "changes", "version"]


def stamp(table: Table, at: datetime) -> dict[str, Any]:
    """What every write to a row of ``table`` sets besides."""
    moment = {"updated_at": at} if "updated_at" in table.c else {}
    return {"version": table.c.version + 1, **moment}


def new_stamp(table: Table, at: datetime) -> dict[str, ColumnElement[Any]]:
    """The same for a new row."""
    moments = [table.c[name] for name in ("created_at", "updated_at") if name in table.c]
    return {column.name: literal(at, column.type) for column in moments}
