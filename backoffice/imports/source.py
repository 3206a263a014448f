"""What reading a file gives: how it is read, its header, then batches of rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from backoffice.imports.cells import Formats

Row = tuple[int, list[str]]
"""The physical line that a row begins on, counted from 1, and its cells as they stand."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the person says about the file; what is None is told by the file itself."""

    encoding: str | None = None
    delimiter: str | None = None
    skip_lines: int = 0
    sheet: str | None = None
    formats: Formats = field(default_factory=Formats)


def reading_again(stored: dict[str, Any]) -> Reading:
    """The reading that ``dataclasses.asdict`` made ``stored`` of."""
    return Reading(**{**stored, "formats": Formats(**stored["formats"])})


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file that can be read again and again.

    :param reading: How the file is read, all that it told by itself included.
    :param mark: The byte order mark that the text begins with, or nothing.
    :param above: The lines above the header as they stand, a ``sep=`` line included.
    :param first_row: The line below the header.
    :param told: How the file is read, to go on after "read as".
    :param numbers: The columns that are read as numbers, once it is known which field each sets.
    :param extract: The sheet of a workbook as text, see ``workbook.Extract``.
    """

    path: Path
    name: str
    reading: Reading
    header: tuple[str, ...]
    told: str
    encoding: str = "utf-8"
    mark: str = ""
    delimiter: str = ","
    newline: str = "\n"
    above: str = ""
    header_line: int = 1
    first_row: int = 2
    sheet: str | None = None
    formats: Formats = field(default_factory=Formats)
    numbers: frozenset[int] = frozenset()
    extract: Any = field(default=None, compare=False, repr=False)


def as_text(name: str) -> str:
    """The name of a file as it can be stored and shown: on disk it is any bytes."""
    return os.fsencode(name).decode("utf-8", "replace")


class Fault(NamedTuple):
    """What is wrong with how a row is written: ``at`` counts in the batch, ``column`` from 0."""

    at: int
    column: int | None
    reason: str


class Batch(NamedTuple):
    """Some hundred rows in the order of the file, with the line that each begins on.

    A row with a fault is there as well, cut at its delimiters whatever its quotes say.
    """

    lines: Sequence[int]
    rows: list[list[str]]
    faults: list[Fault]
