"""Which saved mapping a file is offered, and read by: one made for such a header."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Row, Select, select

from backoffice.imports.chosen import Chosen
from backoffice.imports.read import FileRefused, Reading
from backoffice.imports.saved import fingerprint
from backoffice.models import ImportMapping

MOST_READINGS = 5
"""Other ways to read a file that are tried, each of which takes a look at it."""

Source = dict[str, Any]
"""What a file is and its first rows, as a run keeps it."""


def candidates(kind: str) -> Select[int, str, str, dict[str, Any]]:
    """Name and content of the mappings for files of ``kind``, the newest first."""
    named = ImportMapping.id, ImportMapping.name
    columns = *named, ImportMapping.fingerprint, ImportMapping.choices
    of_kind = select(*columns).where(ImportMapping.kind == kind)
    return of_kind.order_by(ImportMapping.updated_at.desc())


def offered(
    mappings: Iterable[Row[Any]], source: Source, look: Callable[[Reading], Source]
) -> tuple[int, Source] | None:
    """The mapping that fits the header of ``source``, and the file read as that says.

    What lies above a header, or between columns, no file tells always. So where none fits, the
    file is read as others were; a supplier's next file is mostly written as the last one was.

    :param look: Reads the file in another way. It may take its time: no transaction is needed.
    """
    known = [(row.id, row.fingerprint, Chosen.of(row.choices).reading) for row in mappings]
    plain = fingerprint(source["header"])
    looks = 0
    seen: dict[Reading, Source | None] = {Reading(): source}
    for row_id, wanted, reading in sorted(known, key=lambda mapping: mapping[1] != plain):
        if reading not in seen:
            looks += 1
            seen[reading] = _read(look, reading) if looks <= MOST_READINGS else None
        again = seen[reading]
        if again is not None and fingerprint(again["header"]) == wanted:
            return row_id, again
    return None


def _read(look: Callable[[Reading], Source], reading: Reading) -> Source | None:
    try:
        return look(reading)
    except FileRefused:
        return None
