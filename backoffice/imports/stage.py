"""Put the validated rows into temporary tables, from where the rest is set-based SQL.

The tables are private to the connection and gone with it. Filling them locks nothing: on SQLite the
transaction begins as a reading one, and a temporary table is no part of the file that the write
lock is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Enum,
    FromClause,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    exists,
    select,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.types import TypeEngine

from backoffice.database import analyze
from backoffice.imports.mapping import Layout
from backoffice.imports.validate import Complaint, Values
from backoffice.imports.work import looking

BATCH = 5_000
"""Rows held in memory at a time."""

ROWS_A_STATEMENT = 50
"""Of SQLite, which spends a third of the time over a row on beginning and ending a statement."""


@dataclass(frozen=True)
class Stage:
    """The temporary tables of one import.

    ``rows`` holds each row of the file as it stands, references by natural key. ``complaints``
    holds what is wrong: a row that is in there is refused. ``found`` is filled by the step
    ``check`` with the rows that are new, that differ or that are wrong, references as ids, and
    what is stored of them by its id and version.
    """

    rows: Table
    found: Table
    complaints: Table

    @property
    def found_by_line(self) -> Index:
        """Serves the merge, chunk by chunk; made when ``found`` is filled."""
        return Index("import_found_line", self.found.c.line)

    def not_refused(self) -> ColumnElement[bool]:
        """Whether a row of ``found`` may be merged."""
        # Not NOT IN: PostgreSQL would compare each row with each complaint.
        return ~exists().where(self.complaints.c.line == self.found.c.line)


def make_stage(connection: Connection, layout: Layout) -> Stage:
    """Empty tables for files of ``layout``; they go when the connection is closed."""
    stage = _tables(layout)
    with looking(connection):
        for table in (stage.rows, stage.found, stage.complaints):
            table.create(connection, checkfirst=False)
    return stage


def fill(
    connection: Connection, to: Stage, rows: Iterator[Values], complaints: list[Complaint]
) -> int:
    """Write ``rows``, and the complaints that producing them brings up; returns their number.

    A transaction a batch: one over the whole file would keep PostgreSQL's vacuum back.
    """
    total = 0
    while batch := list(islice(rows, BATCH)):
        with looking(connection):
            _write(connection, to.rows, batch)
            if complaints:
                _write(connection, to.complaints, complaints)
                complaints.clear()
        total += len(batch)
    with looking(connection):
        analyze_stage(connection, to.rows)
    return total


def analyze_stage(connection: Connection, table: Table) -> None:
    """Tell PostgreSQL's planner what ``table`` holds; nobody else does for temporary tables."""
    if connection.dialect.name == "postgresql":
        analyze(connection, [table.name])


def leave_out(connection: Connection, stage: Stage, merged_line: int) -> None:
    """Take out of ``found`` what is refused, and what an interrupted run has merged already."""
    found, complaints = stage.found, stage.complaints
    refused = select(complaints.c.line)
    connection.execute(delete(found).where(found.c.line.in_(refused)))
    connection.execute(delete(found).where(found.c.line <= merged_line))


def with_references(
    layout: Layout, stage: Stage
) -> tuple[FromClause, dict[str, ColumnElement[Any]]]:
    """The staged rows joined to what they refer to, and the ids found there by field."""
    joined: FromClause = stage.rows
    ids: dict[str, ColumnElement[Any]] = {}
    for cell in layout.cells:
        key = cell.field.reference
        if key is not None:
            other = key.table.alias(f"its_{cell.field.name}")
            joined = joined.outerjoin(other, other.c[key.name] == stage.rows.c[cell.field.name])
            ids[cell.field.name] = other.c.id
    return joined, ids


def _tables(layout: Layout) -> Stage:
    fields = [cell.field for cell in layout.cells]
    line = Column("line", BigInteger, nullable=False)
    bad = Column("bad", Boolean, nullable=False)
    complaints = _table("import_complaints", line, Column("header", Text), Column("reason", Text))
    Index("import_complaints_line", complaints.c.line)
    found = _table(
        "import_found",
        line,
        bad,
        Column("row_id", BigInteger),
        Column("version", Integer),
        *(Column(f.name, _plain(f.type)) for f in fields if f.reference is not None),
        *(Column(f.column.name, _plain(f.column.type)) for f in fields),
    )
    return Stage(
        rows=_table("import_rows", line, bad, *(Column(f.name, _plain(f.type)) for f in fields)),
        found=found,
        complaints=complaints,
    )


def _table(name: str, *columns: Column[Any]) -> Table:
    return Table(
        name,
        MetaData(),
        *(Column(column.name, column.type, nullable=column.nullable) for column in columns),
        prefixes=["TEMPORARY"],
    )


def _plain(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """An Enum would bring its CHECK along; its cells have been checked already."""
    return String(kind.length) if isinstance(kind, Enum) else kind


def _write(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """COPY, or ``executemany``: by the driver itself, which costs no object a row.

    It also keeps the rows out of Flask-SQLAlchemy's record of statements and parameters.
    """
    names = ", ".join(connection.dialect.identifier_preparer.quote(c.name) for c in table.columns)
    dialect, cursor = connection.dialect, connection.connection.cursor()
    try:
        if dialect.name == "postgresql":
            with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = f"({', '.join('?' * len(table.columns))})"
            for together in (ROWS_A_STATEMENT, 1):
                many = f"INSERT INTO {table.name} ({names}) VALUES {', '.join([marks] * together)}"  # noqa: S608
                end = len(rows) - len(rows) % together
                parts = (rows[at : at + together] for at in range(0, end, together))
                cursor.executemany(many, [tuple(chain.from_iterable(part)) for part in parts])
                rows = rows[end:]
    except (dialect.loaded_dbapi.Error, UnicodeError) as error:
        raise DatabaseError(f"fill {table.name}", None, error) from error
    finally:
        cursor.close()
