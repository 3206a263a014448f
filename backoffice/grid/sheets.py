"""Extracts as files: CSV while the rows are found, XLSX when they all are."""

from __future__ import annotations

import io
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

from xlsxwriter import Workbook
from xlsxwriter.utility import xl_col_to_name

from backoffice.grid.csvrows import write_rows
from backoffice.grid.extract import Column, Extract
from backoffice.grid.formulas import all_guarded

Chunks = Generator[Sequence[Sequence[Any]]]

MOST_ROWS = 1_048_575
"""Rows of a sheet, below its heads."""

MOST_DIGITS = 15
"""Characters of a number that a spreadsheet surely keeps: it computes in binary fractions."""

MOST_CHARACTERS = 32_767
"""Of a cell, in UTF-16."""

MOST_BYTES = 2_100_000_000
"""Of the rows within their file, a zip: above 2 GiB it would be one that not everybody reads."""

COMPRESSION = 3
"""Of 1 to 9: takes a third of the usual 6's time and a tenth more room."""

SHEET = "xl/worksheets/sheet1.xml"
END_OF_ROWS = b"</sheetData>"

_ODD = r"\x00-\x08\x0b-\x1f\ufffe\uffff"
_NOT_PLAIN = re.compile(rf"[&<>{_ODD}]|_x[0-9a-fA-F]{{4}}_|^\s|\s\Z")
_NO_XML = re.compile(rf"[{_ODD}]|_(?=x[0-9a-fA-F]{{4}}[_{_ODD}])")


class TooLargeError(Exception):
    """Something does not fit into a sheet; the message says what."""


def csv_bytes(extract: Extract, chunks: Chunks) -> Generator[bytes]:
    """A CSV file in UTF-8, a piece a chunk, heads with the first; closes ``chunks`` at its end."""
    file = io.StringIO(newline="")
    write_rows(file, [[column.name for column in extract.columns]])
    with closing(chunks):
        for rows in chunks:
            cells = (
                all_guarded(values) if column.is_text else column.show(values)
                for column, values in _by_column(extract, rows)
            )
            write_rows(file, zip(*cells, strict=True))
            yield file.getvalue().encode()
            file.seek(0)
            file.truncate()
    if file.tell():
        yield file.getvalue().encode()


def xlsx_file(extract: Extract, chunks: Chunks) -> IO[bytes]:
    """An XLSX file without a name, gone when it is closed; texts stay texts, numbers numbers.

    XlsxWriter makes a book of the heads alone, and the rows are put in here: it takes ten times
    as long over them, cell by cell. Memory does not grow with the rows.

    :raises TooLargeError: a text is longer than a cell holds, or all is larger than a sheet.
    """
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        with (
            closing(chunks),
            ZipFile(_heads(extract)) as heads,
            ZipFile(file, "w", ZIP_DEFLATED, compresslevel=COMPRESSION) as book,
        ):
            for part in heads.namelist():
                if part != SHEET:
                    book.writestr(part, heads.read(part))
            before, end, after = heads.read(SHEET).partition(END_OF_ROWS)
            with book.open(SHEET, "w") as sheet:
                # It says how far the rows go, which need not be said and is not known yet.
                sheet.write(re.sub(b"<dimension[^>]*>", b"", before))
                for piece in _rows_of_xml(extract, chunks):
                    sheet.write(piece)
                sheet.write(end + after)
    except BaseException:
        file.close()
        raise
    return file


def _by_column(extract: Extract, rows: Sequence[Sequence[Any]]) -> Iterator[tuple[Column, Any]]:
    return zip(extract.columns, zip(*rows, strict=True), strict=True)


def _heads(extract: Extract) -> IO[bytes]:
    """A book of one sheet, whose only row are the names of the columns."""
    file = io.BytesIO()
    with Workbook(file, {"constant_memory": True}) as book:  # so that texts stand in their cells
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        for place, column in enumerate(extract.columns):
            sheet.write_string(0, place, column.name, bold)
    return file


def _rows_of_xml(extract: Extract, chunks: Chunks) -> Iterator[bytes]:
    """The rows as a sheet has them, a piece a chunk; the heads are row 1."""
    letters = [xl_col_to_name(place) for place in range(len(extract.columns))]
    number, size = 2, 0
    for rows in chunks:
        cells = (
            _cells(column, letter, number, column.show(values))
            for letter, (column, values) in zip(letters, _by_column(extract, rows), strict=True)
        )
        lines = (
            f'<row r="{n}">{"".join(row)}</row>'
            for n, row in enumerate(zip(*cells, strict=True), start=number)
        )
        piece = "".join(lines).encode()
        number, size = number + len(rows), size + len(piece)
        if size > MOST_BYTES or number > MOST_ROWS + 2:
            raise TooLargeError("All of it")
        yield piece


def _cells(column: Column, letter: str, number: int, values: Iterable[Any]) -> Iterator[str]:
    """A column's cells from row ``number`` on, empty where there is no value."""
    for n, value in enumerate(values, start=number):
        if value is None or value == "":
            yield ""
        elif (column.is_decimal or isinstance(value, int)) and len(str(value)) <= MOST_DIGITS:
            yield f'<c r="{letter}{n}"><v>{value}</v></c>'
        else:
            yield f'<c r="{letter}{n}" t="inlineStr"><is>{_text(str(value), column.name)}</is></c>'


def _text(text: str, column: str) -> str:
    """``text`` as XML; what XML cannot say is written ``_x0000_``, and what looks so likewise."""
    if len(text) > MOST_CHARACTERS // 2 and len(text.encode("utf-16-le")) > 2 * MOST_CHARACTERS:
        raise TooLargeError(f"A text in {column}")
    if not _NOT_PLAIN.search(text):
        return f"<t>{text}</t>"
    text = _NO_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'<t xml:space="preserve">{text}</t>'
