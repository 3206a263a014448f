"""The files that are imported: what `manage.py export` writes, and what is made of that."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

from sqlalchemy import make_url

from tests.benchmarks.servers import ROOT, settings_of

Row = list[str]

CHANGES: dict[str, dict[str, Callable[[str], str]]] = {
    "products": {
        "price": lambda text: str(Decimal(text) + 1),
        "stock": lambda text: str(int(text) + 1),
    },
    "order-lines": {"quantity": lambda text: str(int(text) + 1)},
}
"""Kind -> column -> what becomes of a cell, as when a supplier raises prices."""


def exported(kind: str, url: str, folder: Path) -> Path:
    """All rows of a state, in the order of their key."""
    file = folder / f"{_name(url)}-{kind}.csv"
    if not file.exists():
        command = (sys.executable, str(ROOT / "manage.py"), "export", kind, "--out", str(file))
        subprocess.run(command, env=os.environ | settings_of(url, folder), check=True)
    return file


def _name(url: str) -> str:
    return Path(str(make_url(url).database)).stem


def changed(kind: str, file: Path, every: int) -> Path:
    """The file with each ``every``-th row changed."""

    def rows(header: Row, lines: Iterator[Row]) -> Iterator[Row]:
        changes = [(header.index(name), change) for name, change in CHANGES[kind].items()]
        for number, row in enumerate(lines):
            if number % every == 0:
                for place, change in changes:
                    row[place] = change(row[place])
            yield row

    return _rewritten(file, f"every-{every}", rows)


def first_rows(file: Path, count: int) -> Path:
    """The beginning of the file; without a row it is just the header."""
    return _rewritten(file, f"first-{count}", lambda _, lines: islice(lines, count))


def enlarged(file: Path, count: int, key: str) -> Path:
    """``count`` rows: those of the file again and again, each time with keys of their own."""

    def rows(header: Row, _: Iterator[Row]) -> Iterator[Row]:
        place, time = header.index(key), 0
        while True:
            with file.open(newline="") as source:
                for row in islice(csv.reader(source), 1, None):
                    row[place] += f"-{time}"
                    yield row
            time += 1

    return _rewritten(file, f"enlarged-{count}", lambda *given: islice(rows(*given), count))


def _rewritten(file: Path, what: str, rows: Callable[[Row, Iterator[Row]], Iterable[Row]]) -> Path:
    target = file.with_name(f"{file.stem}-{what}.csv")
    if target.exists():
        return target
    draft = target.with_suffix(".draft")
    with file.open(newline="") as source, draft.open("w", newline="") as written:
        lines = csv.reader(source)
        header = next(lines)
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows(header, lines))
    return draft.replace(target)


def header_of(file: Path) -> Row:
    with file.open(newline="") as source:
        return next(csv.reader(source))


def count_rows(file: Path) -> int:
    with file.open(newline="") as source:
        return sum(1 for _ in csv.reader(source)) - 1
