"""Name the refused rows: the complaints joined, by line, to the cells of the file read again.

So a value is shown as it stands in the file, and neither memory nor the database keeps a second
copy of the rows.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from backoffice.grid.csvrows import write_rows
from backoffice.grid.formulas import guarded
from backoffice.imports.mapping import Layout
from backoffice.imports.read import FileRefused, Source, rows
from backoffice.imports.stage import Stage

KEPT = 1_000
"""Complaints kept for showing; the rejects file has them all."""


REASONS = 5
"""Kinds of complaints that are counted."""


class Reason(NamedTuple):
    """So many cells of ``column`` are refused for the same ``reason``."""

    cells: int
    column: str
    reason: str


class Reject(NamedTuple):
    """One complaint with the value it is about; about the whole row where ``column`` is empty."""

    line: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", column {self.column}" if self.column else "")
        return f"{where}: {self._shown() if self.value.strip() else ''}{self.reason}"

    def _shown(self) -> str:
        # repr: a value may hold newlines and a terminal's control characters.
        shown = repr(self.value)
        return f"{shown if len(shown) <= 60 else shown[:57] + '...'} "


def rejects(
    connection: Connection,
    source: Source,
    layout: Layout,
    stage: Stage,
    to: Path | None,
    *,
    words: Callable[[str], str] = str,
) -> tuple[Reject, ...]:
    """The first complaints in the order of the file.

    :param to: Takes every refused row as it stands, with its line and the reasons behind it, in
        the file's own dialect: mended, it can be imported as it is.
    :param words: What becomes of a reason there.
    """
    kept: list[Reject] = []
    refused = _refused_rows(connection, source, layout, stage)
    with _writing(source, to, words) if to else nullcontext() as write, closing(refused):
        for cells, complaints in refused:
            if write is not None:
                write(cells, complaints)
            kept += complaints[: KEPT - len(kept)]
            if write is None and len(kept) >= KEPT:
                break
    return tuple(kept)


def reasons(connection: Connection, stage: Stage) -> tuple[Reason, ...]:
    """What is wrong most often, most first."""
    told, rows = stage.complaints.c, func.count()
    grouped = select(rows, told.header, told.reason).group_by(told.header, told.reason)
    most = grouped.order_by(rows.desc(), func.min(told.line)).limit(REASONS)
    return tuple(Reason(*row) for row in connection.execute(most))


@contextmanager
def _writing(
    source: Source, to: Path, words: Callable[[str], str]
) -> Iterator[Callable[[list[str], list[Reject]], None]]:
    """Writes rows below the header of ``source`` and all that stands above it.

    A wrong byte is written as it was read. Columns of an earlier rejects file give way.
    """
    width = len(source.header)
    kept = width - len(ADDED) if source.header[-len(ADDED) :] == ADDED else width
    with to.open("w", encoding=source.encoding, errors="surrogateescape", newline="") as file:
        file.write(source.mark + source.above)
        header = [*source.header[:kept], *ADDED]
        file.write(line_of(header, source.delimiter) + source.newline)

        def write(cells: list[str], complaints: list[Reject]) -> None:
            reasons = "; ".join(words(_brief(complaint)) for complaint in complaints)
            reasons = reasons.encode(source.encoding, "backslashreplace").decode(source.encoding)
            cells = cells if source.formats.guarded else list(map(_guarded, cells))
            padded = cells + [""] * (width - len(cells))
            own = padded[:kept] + padded[width:]
            line = line_of([*own, str(complaints[0].line), reasons], source.delimiter)
            file.write(line + source.newline)

        yield write


ADDED = ("line", "reason")
"""The columns behind those of the file."""


_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*", re.ASCII)


def _guarded(cell: str) -> str:
    """A cell of a workbook as it stands in CSV; a number is not mistaken for a formula there."""
    return cell if _NUMBER.fullmatch(cell) else guarded(cell)


def line_of(cells: Sequence[str], delimiter: str) -> str:
    """The row as it stands in a CSV file, without a newline behind it."""
    out = io.StringIO(newline="")
    write_rows(out, [cells], delimiter)
    return out.getvalue()[:-2]


def _refused_rows(
    connection: Connection, source: Source, layout: Layout, stage: Stage
) -> Generator[tuple[list[str], list[Reject]], None, None]:
    complaints = stage.complaints
    ordered = select(complaints).order_by(complaints.c.line, complaints.c.header)
    places = [(cell.field.name, cell.header, cell.index) for cell in layout.cells]
    columns = {header: [n] for n, header in enumerate(source.header)}
    columns |= {header: [index] for _, header, index in places if index is not None}
    columns[layout.key_header] = [
        i for name, _, i in places if name in layout.key and i is not None
    ]
    records = rows(source)
    with connection.execute(ordered, execution_options={"yield_per": 1_000}) as found:
        for line, group in groupby(found, key=attrgetter("line")):
            cells = next((cells for at, cells in records if at == line), None)
            if cells is None:
                raise FileRefused(line, "the file was changed while it was read: import it again")
            yield cells, [_reject(complaint, cells, columns) for complaint in group]


def _reject(complaint: Any, cells: list[str], columns: dict[str, list[int]]) -> Reject:
    places = columns.get(complaint.header, [])
    value = ", ".join(cells[place] for place in places if place < len(cells))
    return Reject(complaint.line, complaint.header, value, complaint.reason)


def _brief(reject: Reject) -> str:
    return str(reject).partition(": " if not reject.column else ", column ")[2]
