"""An XLSX workbook: one sheet of it, as text, made by a process of its own with limits."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import mkstemp
from typing import Any, BinaryIO

from backoffice.imports.refused import FileRefused
from backoffice.imports.source import Batch, Fault, Reading, Source

ROWS = 500
ERRORS = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What opening a workbook may take: bytes of memory, bytes unpacked, seconds.

    ``folder`` and ``prefix`` say where the text of its sheet lies meanwhile.
    """

    memory: int = 1536 << 20  # a full sheet of a million rows takes 850 MiB
    unpacked: int = 1 << 30
    seconds: float = 180
    folder: Path | None = None
    prefix: str = "sheet-"


USUAL = Limits()


def is_workbook(path: Path) -> bool:
    """Whether ``path`` is a zip archive, as XLSX is."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def open_workbook(path: Path, name: str, reading: Reading, limits: Limits | None = None) -> Source:
    """The named or first sheet with its header, trimmed; lines are the sheet's rows.

    :raises FileRefused: it cannot be read within the limits, has no such sheet or no header.
    """
    extract = _extract(path, reading, limits or USUAL)
    header: list[str] = []
    above, line = [""] * reading.skip_lines, 0
    with extract.path.open("rb") as file:
        rows = _rows(file)
        sheet, count = next(rows)
        for number, _, cells in rows:
            if number > reading.skip_lines:
                header, line = [cell.strip() for cell in cells], number
                break
            above[number - 1] = " ".join(" ".join(cells).split())
    if not line:
        raise FileRefused(1, f"nothing stands in sheet {sheet!r} below row {reading.skip_lines}")
    of = f" (one of {count})" if count > 1 else ""
    delimiter = reading.delimiter or ","
    return Source(
        path=path,
        name=name,
        reading=replace(reading, encoding="utf-8", delimiter=delimiter, sheet=sheet),
        header=tuple(header),
        told=f"sheet {sheet!r}{of} of a workbook" + (f", header in row {line}" if line > 1 else ""),
        # How a rejects file is written, which is CSV.
        encoding="utf-8",
        mark="\ufeff",
        delimiter=delimiter,
        newline="\r\n",
        above="".join(f"{title}\r\n" for title in above),
        header_line=line,
        first_row=line + 1,
        sheet=sheet,
        formats=replace(reading.formats, guarded=False),
        extract=extract,
    )


def batches(source: Source, watch: Callable[[BinaryIO], BinaryIO] | None) -> Iterator[Batch]:
    """The rows below the header; a blank cell stands for each that a row lacks at its end.

    A number has a point, but the sign of the file's texts in columns that are read as numbers.
    """
    width, decimal = len(source.header), source.formats.decimal
    with source.extract.path.open("rb") as file:
        rows = _rows(watch(file) if watch else file)
        next(rows)
        below = (row for row in rows if row[0] >= source.first_row)
        while part := list(islice(below, ROWS)):
            lines = [line for line, _, _ in part]
            cells = [row + [""] * (width - len(row)) for _, _, row in part]
            if decimal != "." and source.numbers:
                for row, (_, floats, _) in zip(cells, part, strict=True):
                    for place in source.numbers.intersection(map(int, floats.split())):
                        row[place] = row[place].replace(".", decimal)
            yield Batch(lines, cells, list(_faults(cells, width)))


def _faults(rows: list[list[str]], width: int) -> Iterator[Fault]:
    for at, cells in enumerate(rows):
        if len(cells) > width:
            place = _letters(len(cells))
            reason = f"has a value in column {place}, which the header does not name: "
            yield Fault(at, None, reason + "name it, or empty it")
        elif not ERRORS.isdisjoint(cells):
            column = next(n for n, cell in enumerate(cells) if cell in ERRORS)
            yield Fault(at, column, "is an error of the sheet's own: mend its formula")


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


def _rows(file: BinaryIO) -> Iterator[Any]:
    """The sheet and the number of sheets, then each row's number, places of floats, and cells."""
    reader = csv.reader(map(bytes.decode, file))
    sheet, count = next(reader)
    yield sheet, int(count)
    for number, floats, *cells in reader:
        yield int(number), floats, cells


class Extract:
    """The text of a sheet in a temporary file that is gone as soon as nothing refers to this."""

    def __init__(self, limits: Limits) -> None:
        descriptor, name = mkstemp(prefix=limits.prefix, suffix=".csv", dir=limits.folder)
        os.close(descriptor)
        self.path = Path(name)
        weakref.finalize(self, self.path.unlink, missing_ok=True)


def _extract(path: Path, reading: Reading, limits: Limits) -> Extract:
    extract = Extract(limits)
    program = Path(__file__).with_name("workbook_rows.py")
    bounds = str(limits.memory), str(limits.unpacked)
    command = [sys.executable, "-I", str(program), *bounds, str(path.resolve())]
    try:
        with extract.path.open("wb") as out:
            done = subprocess.run(
                [*command, reading.sheet or ""],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
                env={},
                timeout=limits.seconds,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise FileRefused(1, _too_large(f"{limits.seconds} s")) from error
    if done.returncode == 3:
        row, _, reason = done.stderr.decode(errors="replace").partition(" ")
        raise FileRefused(int(row), reason)
    if done.returncode:
        raise FileRefused(1, _too_large(f"{limits.memory >> 20:,} MiB of memory"))
    return extract


def _too_large(limit: str) -> str:
    return f"the workbook needs more than {limit} to be read: save the sheet as CSV"
