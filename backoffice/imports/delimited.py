"""A text file of rows: comma, semicolon, tab or pipe between cells, whatever stands above."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from backoffice.imports import encoding
from backoffice.imports.records import Records
from backoffice.imports.refused import FileRefused
from backoffice.imports.source import Batch, Fault, Reading, Source

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
LONGEST_LINE = 1_000_000
"""Characters, also of a row; a file without any newline is not read into memory."""
SAMPLE = 50
"""Records that a delimiter is tried on."""

_SEP = re.compile(r'"?sep=([^"\r\n\0])"?[\r\n]*', re.IGNORECASE)
_KNOWN_BINARY = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook, or one with a password",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip archive",
}
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\x1a\x1b"))
"""What a text has none of, but for a slip."""
_END = "\x1a"
"""What DOS writes behind a text, and some programs still do."""


class Lines(NamedTuple):
    """Whole physical lines, the first of them numbered ``first``."""

    first: int
    lines: list[str]
    damaged: bool
    quoted: bool
    final: bool


def open_delimited(path: Path, name: str, reading: Reading) -> Source:
    """The file with its header, trimmed.

    :raises FileRefused: this is no text, or there is no header.
    """
    codec = encoding.encoding_of(path, reading.encoding)
    _check_text(path, codec)
    with path.open("rb") as file, closing(_lines(file, codec)) as found:
        # So many lines that the delimiter shows; the header may stand far down.
        wanted = reading.skip_lines + SAMPLE + 50
        lines = list(islice(chain.from_iterable(part.lines for part in found), wanted))
    above = 0
    separator = _SEP.fullmatch(lines[0]) if lines else None
    if separator:
        above = 1
    above += reading.skip_lines
    while above < len(lines) and not lines[above].strip("\r\n" + "".join(DELIMITERS)):
        above += 1
    if above >= len(lines):
        raise FileRefused(len(lines) or 1, _no_header(reading.skip_lines))
    below = lines[above:]
    told = separator[1] if separator else None
    delimiter = reading.delimiter or told or _delimiter(below)
    header, end = _header(below, delimiter, above + 1, codec)
    first = below[0]
    return Source(
        path=path,
        name=name,
        reading=replace(reading, encoding=codec, delimiter=delimiter),
        header=header,
        told=_told(codec, delimiter, above),
        encoding=codec,
        mark=encoding.MARK if encoding.has_mark(path, codec) else "",
        delimiter=delimiter,
        newline="\r\n" if first.endswith("\r\n") else first[-1:] if first[-1:] == "\r" else "\n",
        above="".join(lines[:above]),
        header_line=above + 1,
        first_row=above + 1 + end,
        formats=reading.formats,
    )


def batches(source: Source, watch: Callable[[BinaryIO], BinaryIO] | None) -> Iterator[Batch]:
    """The rows below the header; memory does not grow with the file.

    Lines that are empty or have but delimiters are no rows; where there is but one column, an empty
    line is a row with a blank cell.
    """
    with source.path.open("rb") as file:
        pending: list[str] = []
        held = False  # whether what is pending may hold wrong bytes
        for part in _lines(watch(file) if watch else file, source.encoding):
            fresh = part.lines[max(0, source.first_row - part.first) :]
            first = max(part.first, source.first_row) - len(pending)
            part = part._replace(  # noqa: PLW2901
                first=first, lines=pending + fresh, quoted=part.quoted or bool(pending)
            )
            batch, used = _parse(part, source)
            pending = part.lines[used:]
            if sum(map(len, pending)) > LONGEST_LINE:
                raise FileRefused(part.first + used, _too_long("row"))
            held = part.damaged or held
            if held:
                _add_wrong_bytes(batch, source.encoding)
            held = held and bool(pending)
            if batch.rows:
                yield batch


def _parse(part: Lines, source: Source) -> tuple[Batch, int]:
    first, lines = part.first, part.lines
    try:
        rows = list(csv.reader(lines, delimiter=source.delimiter, strict=True))
        # So every record is one line; a cell with a quote in it has to be looked at.
        seen = not part.quoted or '"' not in "".join(chain.from_iterable(rows))
        if seen and len(rows) == len(lines) and all(map(any, rows)):
            return Batch(range(first, first + len(rows)), rows, []), len(lines)
    except csv.Error:
        pass
    records = Records(lines, source.delimiter, len(source.header), part.final)
    used = records.read()
    return Batch([first + at for at in records.starts], records.rows, records.faults), used


def _lines(file: BinaryIO, codec: str) -> Generator[Lines, None, None]:
    """The text in stretches of whole lines, ended by CRLF, LF or CR."""
    first, rest, rest_damaged = 1, "", False
    for text, damaged in chain(encoding.texts(file, codec), [encoding.Text("", False)]):
        final = not text and not damaged
        text = rest + text  # noqa: PLW2901
        if final:
            text = text.rstrip(_END)  # noqa: PLW2901
        # A CR at the very end may be half of a CRLF.
        cut = len(text) if final else max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
        lines = io.StringIO(text[:cut], newline="").readlines()
        rest = text[cut:]
        if len(rest) > LONGEST_LINE:
            raise FileRefused(first + len(lines), _too_long("line"))
        yield Lines(first, lines, damaged or rest_damaged, '"' in text, final)
        first += len(lines)
        rest_damaged = bool(rest) and (damaged or rest_damaged)


def _check_text(path: Path, codec: str) -> None:
    with path.open("rb") as file:
        start = file.read(4096)
    known = next((what for magic, what in _KNOWN_BINARY.items() if start.startswith(magic)), None)
    if known is None and not codec.startswith(("utf-16", "utf-32")):
        control = len(start) - len(start.translate(None, _CONTROL))
        known = "some binary format" if control > 3 + len(start) * 0.05 else None
    if known is not None:
        raise FileRefused(1, f"this is not text but {known}: save the table as CSV or XLSX")


def _too_long(what: str) -> str:
    return f"the {what} is longer than {LONGEST_LINE:,} characters, so this is no table of rows"


def _no_header(skipped: int) -> str:
    if skipped:
        return f"nothing stands below the {skipped} lines of --skip-lines: name fewer"
    return "the file is empty: its first line must name the columns"


def _delimiter(lines: list[str]) -> str:
    """What most rows have as often as the header has it."""

    def fit(delimiter: str) -> tuple[int, int]:
        reader = csv.reader(lines, delimiter=delimiter)
        width = alike = 0
        with suppress(csv.Error):  # what comes before the fault tells enough
            width = len(next(reader))
            for cells in islice(reader, SAMPLE):
                alike += len(cells) == width
        return (alike, width) if width > 1 else (-1, 0)

    fits = {delimiter: fit(delimiter) for delimiter in DELIMITERS}
    widest = max(width for _, width in fits.values())
    # A comma within one name must not win over five semicolons because the rows are ragged.
    return max(fits, key=lambda d: (fits[d][1] * 2 > widest, fits[d]))


def _header(lines: list[str], delimiter: str, line: int, codec: str) -> tuple[tuple[str, ...], int]:
    """The names of the columns and the number of physical lines that they take."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        names = tuple(cell.strip() for cell in next(reader))
    except csv.Error as error:
        raise FileRefused(
            line, f"the header cannot be read as CSV ({error}): look for a stray quote"
        ) from error
    text = "".join(names)
    if "\0" in text:
        raise FileRefused(line, "the header holds a NUL character: save the table as CSV in UTF-8")
    if encoding.ESCAPED.search(text):
        raise FileRefused(line, f"the header {encoding.wrong_bytes(text, codec)}")
    return names, reader.line_num


def _add_wrong_bytes(batch: Batch, codec: str) -> None:
    known = {fault.at for fault in batch.faults}
    for at, cells in enumerate(batch.rows):
        for column, cell in enumerate(cells):
            if at not in known and not cell.isascii() and encoding.ESCAPED.search(cell):
                batch.faults.append(Fault(at, column, encoding.wrong_bytes(cell, codec)))
                break


def _told(codec: str, delimiter: str, above: int) -> str:
    by = DELIMITERS.get(delimiter, repr(delimiter))
    below = f" below line {above}" if above else ""
    return f"{encoding.NAMES.get(codec, codec)} with {by}{below}"
