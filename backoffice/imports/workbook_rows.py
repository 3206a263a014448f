"""Print the rows of one sheet of an XLSX workbook as CSV.

In front of each stand its row's number and the places of the cells that hold numbers.

Run as a program of its own, not as a part of the package: a workbook is a zip archive of XML from
anywhere, which may be made to unpack to any size. Here it can use up no more than the limits, and
when it does, nothing but this process ends. The first line printed names the sheet and tells how
many there are. Exits 3 with one line of reason when the workbook cannot be
read, in any other way than 0 when it takes too much.
"""

from __future__ import annotations

import csv
import functools
import re
import resource
import sys
import zipfile
import zlib
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import python_calamine

SECONDS = 120
PARTS = 10_000
LONGEST_CELL = 100_000
BROKEN = (
    python_calamine.CalamineError,
    zipfile.BadZipFile,
    ElementTree.ParseError,
    KeyError,
    ValueError,
    NotImplementedError,
    EOFError,
    zlib.error,
)
OVERLAP = 1 << 14
"""More than a cell has, whose formula may have 8,192 characters."""
ANY_ERROR = re.compile(rb"""\st=["']e["']""")
ERROR = re.compile(
    rb"""(<[^<>]*\st=["']e["'][^<>]*>)(?:<[^<>]*f[^<>]*>[^<]*<[^<>]*>|<[^<>]*f[^<>]*/>)?"""
    rb"""<[^<>]*v>([^<]*)<"""
)
PLACE = re.compile(rb"""\sr=["']([A-Z]+)([0-9]+)["']""")


class Unreadable(Exception):  # noqa: N818 - as FileRefused
    """What is said of the workbook, with the row that it is about."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(f"{row} {reason}")


def limit(memory: int, output: int) -> None:
    """Take the limits upon this process, before it looks at the file."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (output, output))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def check_archive(path: str, unpacked: int) -> None:
    """Refuse what says itself that it is no workbook, or too large."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if "xl/workbook.xml" not in {part.filename for part in parts}:
        raise Unreadable(1, "this is a zip archive, but no XLSX workbook")
    if len(parts) > PARTS or sum(part.file_size for part in parts) > unpacked:
        raise Unreadable(1, f"the workbook unpacks to more than {unpacked >> 20:,} MiB: split it")


def open_sheet(path: str, wanted: str) -> tuple[Any, str, int]:
    """The sheet, its name and the number of sheets; without ``wanted`` the first that shows."""
    workbook = python_calamine.load_workbook(path)
    sheets = [
        sheet
        for sheet in workbook.sheets_metadata
        if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
    ]
    shown = [s.name for s in sheets if s.visible == python_calamine.SheetVisibleEnum.Visible]
    names = [sheet.name for sheet in sheets]
    if wanted and wanted not in names:
        raise Unreadable(1, f"there is no sheet {wanted!r}: use one of {', '.join(names)[:300]}")
    if not shown and not wanted:
        raise Unreadable(1, "the workbook shows no sheet: name one, as in --sheet Prices")
    name = wanted or shown[0]
    return workbook.get_sheet_by_name(name), name, len(names)


def formula_errors(path: str, name: str) -> dict[int, list[tuple[int, str]]]:
    """Column and text of the cells that show an error, by row: calamine gives them as blank."""
    found: dict[int, list[tuple[int, str]]] = {}
    with zipfile.ZipFile(path) as archive, archive.open(sheet_part(archive, name)) as part:
        rest = b""
        while block := part.read(1 << 20):
            text = rest + block
            for cell in ERROR.finditer(text) if ANY_ERROR.search(text) else ():
                place = PLACE.search(cell[1])
                if place is None:
                    raise Unreadable(1, "a cell holds an error, and the sheet does not say which")
                letters, row = place.groups()
                column = functools.reduce(lambda n, letter: n * 26 + letter - 64, letters, 0)
                error = (column - 1, cell[2].decode())
                if error not in found.setdefault(int(row), []):
                    found[int(row)].append(error)
            rest = text[-OVERLAP:]
    return found


def sheet_part(archive: zipfile.ZipFile, name: str) -> str:
    """Where in ``archive`` the sheet stands."""
    # Entities cannot grow without bound: expat counts them, and the limits hold besides.
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314
    links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    (link,) = (
        value
        for sheet in book.iter()
        if sheet.get("name") == name and sheet.tag.endswith("}sheet")
        for key, value in sheet.items()
        if key.endswith("}id")
    )
    (target,) = (each.get("Target", "") for each in links.iter() if each.get("Id") == link)
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def text_of(value: Any) -> str:
    """A cell as the sheet means it: whole numbers without decimals, ISO dates, yes and no."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        # 15 digits are what a spreadsheet shows: 0.1 + 0.2 is 0.3 there.
        number = format(Decimal(f"{value:.15g}"), "f")
        if "." in number:
            number = number.rstrip("0").rstrip(".")
        return number
    if isinstance(value, datetime):
        return value.isoformat(" ") if value.time() != time() else value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, timedelta) else ""


def main(unpacked: int, path: str, wanted: str) -> None:
    """Print the rows that are not empty."""
    check_archive(path, unpacked)
    sheet, name, count = open_sheet(path, wanted)
    out = csv.writer(sys.stdout, lineterminator="\r\n")
    out.writerow([name, count])
    wrong = formula_errors(path, name)
    # iter_rows begins at the first row, but at the first column in use.
    left = [""] * (sheet.start[1] if sheet.start else 0)
    for number, values in enumerate(sheet.iter_rows(), 1):
        cells = left + [text_of(value) for value in values]
        floats = [n for n, value in enumerate(values, len(left)) if isinstance(value, float)]
        for column, error in wrong.get(number, ()):
            cells[column] = error
        while cells and not cells[-1].strip():
            cells.pop()
        if cells:
            if max(map(len, cells)) > LONGEST_CELL:
                raise Unreadable(number, f"a cell is longer than {LONGEST_CELL:,} characters")
            out.writerow([number, " ".join(map(str, floats)), *cells])


if __name__ == "__main__":
    _, memory, unpacked, *asked = sys.argv
    limit(int(memory), output=int(unpacked))
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    try:
        main(int(unpacked), *asked)
    except Unreadable as unreadable:
        sys.stderr.write(str(unreadable))
        sys.exit(3)
    except MemoryError:
        sys.exit(4)
    except BROKEN as error:
        sys.stderr.write(f"1 the workbook cannot be read: {error}")
        sys.exit(3)
