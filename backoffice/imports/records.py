"""Physical lines to records, exactly: a quote that makes no sense is told, never mended.

A quote that is opened and not closed swallows the rows below it. The parser notices when the next
quoted cell begins, or at the end of the file; where a second stray quote happens to close the
first, only the look of the lines tells. The row with the fault is told, and those below are read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from backoffice.imports.source import Fault

FEW = 4
"""Commas; a text has as many in a line, but with blanks behind them."""
LOOKED_AT = 50
"""Lines searched for the end of a broken record."""


@dataclass
class Records:
    """The records of ``lines``; ``final`` says that nothing comes after them.

    ``starts``, ``rows`` and ``faults`` are filled by ``read``, which returns the number of lines
    that are used up: the rest is the beginning of a record that needs more lines.
    """

    lines: Sequence[str]
    delimiter: str
    width: int
    final: bool
    starts: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def read(self) -> int:
        at = 0
        while at < len(self.lines):
            begun, reader = at, self._reader(at)
            try:
                for cells in reader:
                    end = begun + reader.line_num
                    if self._swallows(at, end, cells):
                        at = self._add_broken(at, at + 1, _SWALLOWS)
                        break
                    self._add(at, end, cells)
                    at = end
            except csv.Error as error:
                end = begun + reader.line_num
                if "unexpected end" in str(error) and not self.final:
                    return at
                at = self._refuse(at, end, str(error))
        return at

    def _reader(self, at: int) -> Any:
        # A range instead of a slice: a file full of faults begins anew at each of them.
        lines = map(self.lines.__getitem__, range(at, len(self.lines)))
        return csv.reader(lines, delimiter=self.delimiter, strict=True)

    def _add(self, at: int, end: int, cells: list[str]) -> None:
        text = "".join(self.lines[at:end])
        if self.width > 1 and not any(cells) and '"' not in text:
            return
        if '"' in "".join(cells):
            column = self._stray(text)
            if column is not None:
                self.faults.append(Fault(len(self.rows), column, _STRAY))
        self.starts.append(at)
        self.rows.append(cells or [""])

    def _refuse(self, at: int, end: int, error: str) -> int:
        """Add the broken record that begins at line ``at``; returns where the next one does."""
        text = "".join(self.lines[at:end])
        if "limit" in error and self._stray(text) is None:
            cells = self._cells(text)
            longest = max(range(len(cells)), key=lambda column: len(cells[column]))
            self.faults.append(Fault(len(self.rows), longest, _TOO_LONG))
            self.starts.append(at)
            self.rows.append(cells)
            return end
        if end - at == 1 and "expected after" in error:
            return self._add_broken(at, end, _STRAY)
        return self._add_broken(at, self._end_of_broken(at, end), _UNCLOSED)

    def _add_broken(self, at: int, end: int, reason: str) -> int:
        text = "".join(self.lines[at:end])
        self.faults.append(Fault(len(self.rows), self._stray(text), reason))
        self.starts.append(at)
        self.rows.append(text.rstrip("\r\n").split(self.delimiter))
        return end

    def _end_of_broken(self, at: int, end: int) -> int:
        """Where the record with an unclosed quote ends: mostly with its first line."""
        following = at + 1
        complete = self.lines[at].count(self.delimiter) >= self.width - 1
        if following >= end or (complete and self._may_be_row(following)):
            return following
        for line in range(following, min(end, following + LOOKED_AT)):
            if self._is_row(line):
                return line
        return end if end - at <= LOOKED_AT else following

    def _may_be_row(self, line: int) -> bool:
        delimiters = self.lines[line].count(self.delimiter)
        return (delimiters > 0 and abs(delimiters - self.width + 1) <= 1) or self._is_row(line)

    def _is_row(self, at: int) -> bool:
        """Whether a row without a fault begins at line ``at``."""
        reader = self._reader(at)
        try:
            cells: list[str] = next(reader, [])
        except csv.Error:
            return False
        end = at + reader.line_num
        return (
            len(cells) == self.width
            and not self._swallows(at, end, cells)
            and self._stray("".join(self.lines[at:end])) is None
        )

    def _swallows(self, at: int, end: int, cells: list[str]) -> bool:
        """Whether a record of several lines is rather as many rows.

        With quotes around every cell, as our exports write such rows, two stray ones cannot make a
        record of several rows.
        """
        if end - at < 2 or self.width < 2:
            return False
        if not any(self._holds_rows(cells, place) for place in range(len(cells))):
            return False
        return self._all_quoted.fullmatch("".join(self.lines[at:end])) is None

    def _holds_rows(self, cells: list[str], place: int) -> bool:
        """Whether the cell holds the end of one row, perhaps whole ones, and the start of another.

        Texts have commas too, and rows are ragged: both ends must look so, or most of the lines.
        """
        first, *inner = _NEWLINE.split(cells[place])
        if not inner:
            return False
        last = inner.pop()
        before, behind = cells[:place], cells[place + 1 :]
        after, until = self.width - 1 - place, self.width - 1 - len(behind)
        ends = []
        if after > 0 or self.delimiter in first:
            ends.append(self._looks(first, after, [], behind))
        if until > 0 or self.delimiter in last:
            ends.append(self._looks(last, until, before, []))
        rows = [
            self._looks(line, self.width - 1, before, behind, slack=1)
            for line in inner
            if line.strip()
        ]
        return (len(ends) == 2 and all(ends)) or 2 * sum(ends + rows) > len(ends + rows)

    def _looks(
        self, line: str, wanted: int, before: list[str], behind: list[str], slack: int = 0
    ) -> bool:
        """Whether ``line`` has as many delimiters as ``wanted``, and figures where the record has.

        :param before: The cells of the record that stand where those do that ``line`` begins with.
        :param behind: The same of those that it ends with.
        """
        parts = line.split(self.delimiter)
        count = len(parts) - 1
        if abs(count - wanted) > slack or count < min(wanted, 2):
            return False
        if wanted < FEW and f"{self.delimiter} " in line:
            return False
        beside = [*zip(before, parts, strict=False)]
        beside += zip(reversed(behind), reversed(parts), strict=False)
        alike = [_is_figure(part) or not part for like, part in beside if _is_figure(like)]
        return 2 * sum(alike) >= len(alike)

    def _stray(self, text: str) -> int | None:
        """The cell in which a quote stands where none may; None when all quotes are in order."""
        text = text.rstrip("\r\n")
        place, column = 0, 0
        while (found := self._cell.match(text, place)) and found.end() < len(text):
            place = found.end()
            if text[place] != self.delimiter:
                return column
            place, column = place + 1, column + 1
        return None

    def _cells(self, text: str) -> list[str]:
        """The cells of a record whose quotes are in order, however long they are."""
        text = text.rstrip("\r\n")
        cells, place = [], 0
        while (found := self._cell.match(text, place)) is not None:
            quoted = found[0].startswith('"')
            cells.append(found[0][1:-1].replace('""', '"') if quoted else found[0])
            place = found.end() + 1
            if place > len(text):
                break
        return cells

    @cached_property
    def _cell(self) -> re.Pattern[str]:
        return re.compile(rf'{_QUOTED}|[^"\r\n{re.escape(self.delimiter)}]*')

    @cached_property
    def _all_quoted(self) -> re.Pattern[str]:
        return re.compile(rf"(?:{_QUOTED}(?:{re.escape(self.delimiter)}|[\r\n]*\Z))+")


def _is_figure(cell: str) -> bool:
    """Whether it is a number, an amount or a date."""
    return any(map(str.isdigit, cell)) and not any(map(str.isalpha, cell))


_NEWLINE = re.compile(r"\r\n|\r|\n")
_QUOTED = r'"[^"]*(?:""[^"]*)*"'
_UNCLOSED = "opens a quote that nothing closes: close it, or remove it"
_SWALLOWS = (
    "opens a quote that nothing closes before lines that look like rows: close it, "
    "or, if they are its text, put quotes around every cell of the row"
)
_STRAY = (
    "holds a quote that is not written twice: put quotes around the cell "
    'and write the one inside twice, as in "6"" nails"'
)
_TOO_LONG = f"is longer than {csv.field_size_limit():,} characters: shorten it"
