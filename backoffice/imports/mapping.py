"""Which column of a file sets which field: by name, by ``--map``, by a mapping file.

A mapping file is TOML with up to three sections, all of text::

    [columns]             # their header = our field, or several
    "ProductID" = "sku"
    "ShippedDate" = ["shipped_at", "status"]

    [values.status]       # their value = our value; "" is a blank cell, "*" any other value
    "" = "placed"
    "*" = "shipped"

    [constants]           # our field = the value of every row
    country = "UK"

Headers are compared trimmed and without regard to case; a header that equals a field's name
needs no mapping. One that is mapped sets what it is mapped to, and no other field by its name.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any

from backoffice.imports.cells import is_number
from backoffice.imports.kinds import Field, Kind
from backoffice.imports.refused import FileRefused

SECTIONS = ("columns", "values", "constants")


class MappingError(Exception):
    """A mapping is malformed or names what does not exist: wrong usage, not a wrong file."""


@dataclass(frozen=True)
class FieldMap:
    """Field -> header, field -> their value -> our value, field -> constant.

    ``ignored`` are fields that no column sets, although one is called so.
    """

    columns: dict[str, str]
    values: dict[str, dict[str, str]]
    constants: dict[str, str]
    ignored: list[str] = dataclass_field(default_factory=list)


@dataclass(frozen=True)
class Cell:
    """Where one field's values come from: a column of the file, or a constant."""

    field: Field
    header: str
    index: int | None
    values: dict[str, str] | None
    constant: str | None


@dataclass(frozen=True)
class Layout:
    """A file's header understood: the cells in use, the row's key, the columns left aside.

    ``clears`` says what a blank cell means: nothing, or the column's default.
    """

    kind: Kind
    width: int
    key: tuple[str, ...]
    cells: tuple[Cell, ...]
    ignored: tuple[str, ...]
    clears: bool = False

    @property
    def key_header(self) -> str:
        """The headers of the key, as one name for complaints about the key as a whole."""
        return ", ".join(cell.header for cell in self.cells if cell.field.name in self.key)

    @property
    def numbers(self) -> frozenset[int]:
        """The columns of the file that set numbers and nothing else."""
        texts = {cell.index for cell in self.cells if not is_number(cell.field.type)}
        return frozenset({c.index for c in self.cells if c.index is not None} - texts)

    def cell(self, field: str) -> Cell | None:
        """The cell that sets ``field``."""
        return next((cell for cell in self.cells if cell.field.name == field), None)


def load_mapping(
    kind: Kind,
    file: Path | None = None,
    pairs: Iterable[str] = (),
    base: FieldMap | None = None,
) -> FieldMap:
    """The mapping of ``file``, or ``base``, with the ``--map`` pairs laid over it.

    A pair is ``Their header=field``.

    :raises MappingError: what is wrong, and where.
    """
    mapping = base or FieldMap({}, {}, {})
    if file is not None:
        _read_sections(kind, file, mapping)
    for pair in pairs:
        header, separator, field = pair.rpartition("=")
        if not separator or not header.strip():
            raise MappingError(f'--map {pair!r}: write "Their header=our_field"')
        name = _known(kind, field.strip(), f"--map {pair!r}")
        mapping.columns[name] = header.strip()
        mapping.constants.pop(name, None)
    return mapping


def match(kind: Kind, mapping: FieldMap, header: tuple[str, ...], line: int = 1) -> Layout:
    """How the file with ``header`` on ``line`` is read.

    :raises FileRefused: a mapped or needed column is missing, or stands there twice.
    """
    folded = [fold(name) for name in header]
    given = mapping.columns | dict.fromkeys(mapping.constants, "")
    taken = {*mapping.ignored, *map(fold, mapping.columns.values())}
    called = {name: name for name in kind.fields if name in folded and name not in taken}
    wanted = called | given
    cells = []
    for name, theirs in wanted.items():
        constant = mapping.constants.get(name)
        index = None if constant is not None else _position(folded, theirs, name, line)
        shown = name if index is None else header[index]
        values = mapping.values.get(name)
        cells.append(Cell(kind.fields[name], shown, index, values, constant))
    used = {cell.index for cell in cells}
    ignored = tuple(_left_aside(header, used))
    key = _key(kind, wanted, header, line)
    return Layout(kind, len(header), key, tuple(cells), ignored)


def _left_aside(header: tuple[str, ...], used: set[int | None]) -> Iterator[str]:
    """The columns that are not ``used``; those without a name by their place."""
    unused = [(n, name) for n, name in enumerate(header, 1) if n - 1 not in used]
    yield from (name for _, name in unused if name)
    places = [n for n, name in unused if not name]
    while places:
        first = last = places.pop(0)
        while places[:1] == [last + 1]:
            last = places.pop(0)
        span = f"column {first}" if first == last else f"columns {first} to {last}"
        yield f"{span} without a name"


def _key(kind: Kind, given: Iterable[str], header: tuple[str, ...], line: int) -> tuple[str, ...]:
    key = kind.key if not kind.short_key or set(kind.key) <= set(given) else kind.short_key
    missing = [name for name in key if name not in given]
    if missing:
        found = ", ".join(name for name in header if name) or "nothing"
        titled = len(list(filter(None, header))) < 2 and len(kind.fields) > 2
        further = "; if the header stands further down, add --skip-lines" if titled else ""
        raise FileRefused(
            line,
            f"column {missing[0]} is missing, which says which {kind.noun} a row is about: "
            f'add it, or name the column that holds it, as in --map "Their header={missing[0]}" '
            f"(the header has: {found[:300]}){further}",
        )
    return key


def _position(folded: list[str], theirs: str, field: str, line: int) -> int:
    count = Counter(folded)[fold(theirs)]
    if not count:
        raise FileRefused(line, f"column {theirs!r}, mapped to {field}, is missing from the header")
    if count > 1:
        raise FileRefused(line, f"column {theirs!r} stands in the header {count} times: keep one")
    return folded.index(fold(theirs))


def _read_sections(kind: Kind, file: Path, mapping: FieldMap) -> None:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise MappingError(f"{file}: {error}") from error
    for section, entries in content.items():
        where = f"{file} [{section}]"
        if section not in SECTIONS:
            raise MappingError(f"{where} is no section: use {', '.join(SECTIONS)}")
        for name, value in _table(entries, where).items():
            if section == "columns":
                _add_column(kind, mapping, name, value, where)
            elif section == "values":
                texts = _table(value, f"{file} [values.{name}]")
                mapping.values[_known(kind, name, where)] = {
                    theirs: _text(ours, where) for theirs, ours in texts.items()
                }
            else:
                mapping.constants[_known(kind, name, where)] = _text(value, where)
    both = sorted(mapping.columns.keys() & mapping.constants.keys())
    if both:
        raise MappingError(f"{file}: {both[0]} is both a column and a constant")


def _add_column(kind: Kind, mapping: FieldMap, theirs: str, ours: Any, where: str) -> None:
    for field in ours if isinstance(ours, list) else [ours]:
        if _known(kind, field, where) in mapping.columns:
            raise MappingError(f"{where}: two columns for {field}: keep one")
        mapping.columns[field] = theirs.strip()


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MappingError(f"{where} must be a table of names and values")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise MappingError(f'{where}: {value!r} must be text in quotes, such as "1"')
    return value


def _known(kind: Kind, field: Any, where: str) -> str:
    if not isinstance(field, str) or field not in kind.fields:
        raise MappingError(
            f"{where}: {kind.name} have no field {field!r}: use {', '.join(kind.fields)}"
        )
    return field


def fold(header: str) -> str:
    """``header`` as headers are compared."""
    return header.strip().casefold()
