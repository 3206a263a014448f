"""./manage.py export: CSV files that `import` takes back."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import click

from backoffice.cli import fail, with_app
from backoffice.database import allow_long_work
from backoffice.grid.extract import extract
from backoffice.grid.sheets import csv_bytes
from backoffice.imports.kinds import KINDS, Kind


@click.command("export")
@click.argument("kind", type=click.Choice(list(KINDS)), metavar="KIND")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write there, for the file's owner alone; what was there stays until all is written.",
)
@with_app
def command(kind: str, out: Path | None) -> None:
    """Write all rows of a table as CSV.

    KIND is suppliers, categories, products, customers, orders or order-lines. The file has all
    the columns that `import` knows, in the order of the key: imported again it changes nothing. It
    is UTF-8. Text that a spreadsheet would run as a formula has a ' in front, which `import` takes
    away.
    """
    try:
        with (
            closing(csv_of(KINDS[kind])) as pieces,
            _whole(out) if out else nullcontext(sys.stdout.buffer) as file,
        ):
            for piece in pieces:
                file.write(piece)
    except OSError as error:
        if out is None:
            raise
        fail(f"{out}: {error.strerror}")


def csv_of(kind: Kind) -> Generator[bytes]:
    """The file of all rows of ``kind``."""
    statement = kind.rows()
    rows = extract(statement, statement.selected_columns.keys())
    return csv_bytes(rows, rows.chunks(allow_long_work))


@contextmanager
def _whole(out: Path) -> Iterator[BinaryIO]:
    """A draft beside ``out`` that takes its place when it is whole, and is gone when it is not.

    Only its owner can read it, as there may be people's data in it.
    """
    out = out.resolve()  # a link stays a link
    if out.exists() and not out.is_file():  # a pipe or device cannot be replaced
        with out.open("wb") as file:
            yield file
        return
    descriptor, draft = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        Path(draft).replace(out)
    finally:
        Path(draft).unlink(missing_ok=True)
