"""Read a file: what it is, its header, then its rows with their lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from backoffice.imports import delimited, workbook
from backoffice.imports.refused import FileRefused
from backoffice.imports.source import Batch, Reading, Row, Source, as_text, reading_again
from backoffice.imports.workbook import Limits

__all__ = [
    "Batch",
    "FileRefused",
    "Limits",
    "Reading",
    "Row",
    "Source",
    "as_text",
    "batches",
    "open_source",
    "reading_again",
    "rows",
]


def open_source(
    path: Path, *, name: str, reading: Reading | None = None, limits: Limits | None = None
) -> Source:
    """The file with its header, trimmed; what ``reading`` leaves open is told by the file.

    :param name: What people call the file; ``path`` may be a copy of it.
    :param limits: What a workbook may take, if less than usual.
    :raises FileRefused: it is not what an import takes, or has no header.
    """
    reading = reading or Reading()
    if workbook.is_workbook(path):
        return workbook.open_workbook(path, name, reading, limits)
    return delimited.open_delimited(path, name, reading)


def batches(source: Source, watch: Callable[[BinaryIO], BinaryIO] | None = None) -> Iterator[Batch]:
    """The rows below the header, some hundred at a time.

    Lines without a value are no rows, but for empty ones in a text file of one column.

    :param watch: Wraps the open file, so that a progress bar sees how much was read.
    :raises FileRefused: from here on nothing can be read.
    """
    if source.extract is not None:
        return workbook.batches(source, watch)
    return delimited.batches(source, watch)


def rows(source: Source) -> Iterator[Row]:
    """The same one at a time, those with a fault as well."""
    parts = batches(source)
    return chain.from_iterable(zip(part.lines, part.rows, strict=True) for part in parts)
