"""Read a CSV file: encoding, dialect, header, then its rows with their physical lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

DELIMITERS = ",;\t|"
LONGEST_LINE = 1_000_000
"""Characters that a header may have; a file without any newline is not read into memory."""

Row = tuple[int, list[str]]
"""The physical line that a row begins on, counted from 1, and its cells as they stand."""


class FileRefused(Exception):  # noqa: N818 - it says what happened
    """The file as a whole cannot be taken; the message names the line and says what to do."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")


@dataclass(frozen=True)
class Source:
    """A file that can be read again and again."""

    path: Path
    name: str
    encoding: str
    delimiter: str
    newline: str
    header: tuple[str, ...]


def open_source(
    path: Path, *, name: str, encoding: str = "utf-8-sig", delimiter: str | None = None
) -> Source:
    """The file with its header, trimmed; without ``delimiter`` the header's commonest one.

    :raises FileRefused: there is no header, or its first line cannot be read.
    """
    with path.open(encoding=encoding, newline="") as text:
        try:
            first = text.readline(LONGEST_LINE).removeprefix("\ufeff")
        except UnicodeError as error:
            raise _undecodable(path, encoding) from error
    if len(first) >= LONGEST_LINE or "\0" in first:
        raise FileRefused(1, "this is not text: save the table as CSV in UTF-8")
    draft = Source(
        path=path,
        name=name,
        encoding=encoding,
        delimiter=delimiter or max(DELIMITERS, key=first.count),
        newline="\r\n" if first.endswith("\r\n") else first[-1:] if first[-1:] == "\r" else "\n",
        header=(),
    )
    cells = next(_records(draft, None), None)
    if cells is None:
        raise FileRefused(1, "the file is empty: its first line must name the columns")
    header = (cell.removeprefix("\ufeff").strip() for cell in cells[1])
    return Source(**{**vars(draft), "header": tuple(header)})


def rows(source: Source, watch: Callable[[BinaryIO], BinaryIO] | None = None) -> Iterator[Row]:
    """The rows below the header, one at a time; empty lines are no rows.

    :param watch: Wraps the open file, so that a progress bar sees how much was read.
    :raises FileRefused: a byte or a quote makes no sense, so that what follows is guesswork.
    """
    records = _records(source, watch)
    next(records, None)
    return records


def _records(source: Source, watch: Callable[[BinaryIO], BinaryIO] | None) -> Iterator[Row]:
    with source.path.open("rb") as file:
        watched = watch(file) if watch else file
        text = io.TextIOWrapper(watched, encoding=source.encoding, newline="")
        reader = csv.reader(text, delimiter=source.delimiter, strict=True)
        line = 1
        try:
            for cells in reader:
                if cells:
                    yield line, cells
                line = reader.line_num + 1
        except UnicodeError as error:
            raise _undecodable(source.path, source.encoding) from error
        except csv.Error as error:
            raise FileRefused(line, _quoting(str(error))) from error


def _quoting(error: str) -> str:
    if "unexpected end of data" in error or "field limit" in error:
        return (
            "a quote opens here or just below and is never closed, or a cell is longer than "
            f"{csv.field_size_limit():,} characters: close the quote, or write it twice"
        )
    if "expected after" in error:
        return 'a quote stands inside a quoted cell: write it twice, as in "6"" nails"'
    return f"the line cannot be read as CSV: {error}"


def _undecodable(path: Path, encoding: str) -> FileRefused:
    """The refusal naming the line; reads the file again, because decoding goes by blocks."""
    with path.open(encoding=encoding, errors="replace", newline="") as text:
        line = next((n for n, line in enumerate(text, 1) if "\ufffd" in line), 1)
    known = encoding.removesuffix("-sig").upper()
    return FileRefused(
        line,
        f"not valid {known}: save the file as UTF-8, "
        "or name its encoding, for example --encoding cp1252",
    )
