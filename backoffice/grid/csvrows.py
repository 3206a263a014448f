"""Rows as CSV that no reader can take for other rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import IO, Any


def write_rows(file: IO[str], rows: Iterable[Sequence[Any]], delimiter: str = ",") -> None:
    """Write ``rows`` as RFC 4180 has them, each ended by CR LF.

    With LF alone the writer would leave a lone CR in a cell without quotes, and readers would take
    it for the end of a line. A row that spans lines has quotes around every cell: a text with the
    delimiter in each line else looks as if a stray quote had swallowed the rows below.
    """
    rows = list(rows)
    plain = io.StringIO(newline="")
    csv.writer(plain, delimiter=delimiter).writerows(rows)
    text = plain.getvalue()
    if text.count("\r") == text.count("\n") == len(rows):
        file.write(text)
        return
    usual = csv.writer(file, delimiter=delimiter)
    quoting = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    for row in rows:
        spans = any(isinstance(cell, str) and ("\n" in cell or "\r" in cell) for cell in row)
        (quoting if spans else usual).writerow(row)
