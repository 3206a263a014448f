"""Extracts as files: CSV while the rows are found, XLSX when they all are."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any

from markupsafe import escape
from xlsxwriter import Workbook

from backoffice.grid.extract import Column, Extract
from backoffice.grid.formulas import all_guarded

Chunks = Generator[Sequence[Sequence[Any]]]

MOST_ROWS = 1_048_575
"""Rows of a sheet, below its heads."""

MOST_DIGITS = 15
"""Characters of a number that a spreadsheet surely keeps: it computes in binary fractions."""


class TooLongError(Exception):
    """A text does not fit into a cell of a sheet."""


def csv_bytes(extract: Extract, chunks: Chunks) -> Generator[bytes]:
    """A CSV file as RFC 4180 has it, in UTF-8, a piece a chunk; closes ``chunks`` at its end.

    The heads come with the first rows. Lines end in CR LF: with LF alone the writer would leave a
    lone CR in a cell without quotes, and readers would take it for the end of a line.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([column.name for column in extract.columns])
    with closing(chunks):
        for rows in chunks:
            cells = (
                all_guarded(values) if column.is_text else column.show(values)
                for column, values in _by_column(extract, rows)
            )
            writer.writerows(zip(*cells, strict=True))
            yield file.getvalue().encode()
            file.seek(0)
            file.truncate()
    if file.tell():
        yield file.getvalue().encode()


def xlsx_file(extract: Extract, chunks: Chunks) -> IO[bytes]:
    """An XLSX file without a name, gone when it is closed; texts stay texts, numbers numbers.

    :raises TooLongError: a text has more than the 32,767 characters that a cell holds.
    """
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        with (
            closing(chunks),
            TemporaryDirectory() as folder,
            Workbook(file, {"constant_memory": True, "tmpdir": folder}) as book,
        ):
            sheet = book.add_worksheet()
            sheet.freeze_panes(1, 0)
            bold = book.add_format({"bold": True})
            for place, column in enumerate(extract.columns):
                sheet.write_string(0, place, column.name, bold)
            for number, row in enumerate(_shown(extract, chunks), start=1):
                _write(sheet, number, row, extract.columns)
    except BaseException:
        file.close()
        raise
    return file


def _by_column(extract: Extract, rows: Sequence[Sequence[Any]]) -> Iterator[tuple[Column, Any]]:
    return zip(extract.columns, zip(*rows, strict=True), strict=True)


def _shown(extract: Extract, chunks: Chunks) -> Iterator[tuple[Any, ...]]:
    for rows in chunks:
        shown = (column.show(values) for column, values in _by_column(extract, rows))
        yield from zip(*shown, strict=True)


def _write(sheet: Any, number: int, row: tuple[Any, ...], columns: tuple[Column, ...]) -> None:
    # Not `write`, which guesses what a text may be: a formula, a link, a number.
    for place, (value, column) in enumerate(zip(row, columns, strict=True)):
        if value is None or value == "":
            continue
        is_number = column.is_decimal or isinstance(value, int)
        if is_number and len(str(value)) <= MOST_DIGITS:
            sheet.write_number(number, place, Decimal(value))
        elif sheet.write_string(number, place, _plain(str(value))):
            raise TooLongError(column.name)


def _plain(text: str) -> str:
    """``text`` as XlsxWriter keeps it: what begins like its own markup it would copy unescaped."""
    if text.startswith("<r>") and text.endswith("</r>"):
        return f'<r><t xml:space="preserve">{escape(text)}</t></r>'
    return text
