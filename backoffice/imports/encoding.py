"""Bytes to text: which encoding a file has, and where it breaks it.

UTF-8 is recognised by reading the whole file: text in another encoding is practically never valid
UTF-8. A file with more valid characters than wrong bytes is UTF-8 all the same, and the rows with
the wrong bytes are refused. Everything else is Windows-1252, or Latin-1 where the two are one: a
guess, which is why the report states it. What Latin-1 has beyond that are control characters, which
no table holds: five bytes without a meaning in Windows-1252 speak of another encoding.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from backoffice.imports.refused import FileRefused

BLOCK = 1 << 16
"""Bytes decoded at a time, some hundred rows."""

MARK = "\ufeff"
"""The byte order mark as text."""

ESCAPED = re.compile("[\udc80-\udcff]")
"""A byte that has no meaning in the encoding of the file, as ``texts`` gives it."""

NAMES = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32-le": "UTF-32",
    "utf-32-be": "UTF-32",
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
}

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: it begins alike
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARACTER = re.compile("[^\x00-\x7f\udc80-\udcff]")


class Text(NamedTuple):
    """A stretch of a file; ``damaged`` where it may hold escaped bytes."""

    text: str
    damaged: bool


def encoding_of(path: Path, given: str | None) -> str:
    """The codec that ``path`` is read with: the ``given`` one, or the one it shows."""
    with path.open("rb") as file:
        start = file.read(4096)
        shown = next((codec for mark, codec in _MARKS if start.startswith(mark)), None)
        if given is not None:
            codec = codecs.lookup(given).name.removesuffix("-sig").replace("iso8859-1", "latin-1")
            if codec not in {"utf-16", "utf-32"}:
                return codec
            wide = shown if shown and shown.startswith(codec) else None
            return wide or _without_mark(start) or f"{codec}-le"
        shown = shown or _without_mark(start)
        return shown or ("utf-8" if _is_utf8(file) else _single_byte(file))


def texts(file: BinaryIO, codec: str) -> Iterator[Text]:
    """``file`` decoded, a block at a time, without its byte order marks.

    :raises FileRefused: a byte of UTF-16 or UTF-32 is wrong: what follows cannot be told.
    """
    strict = codecs.getincrementaldecoder(codec)()
    lenient = codecs.getincrementaldecoder(codec)("surrogateescape")
    lines, begun, final = 1, False, False
    while not final:
        block = file.read(BLOCK)
        final, state, damaged = not block, strict.getstate(), False
        try:
            text = strict.decode(block, final)
        except UnicodeDecodeError as error:
            if codec.startswith(("utf-16", "utf-32")):
                found = ", ".join(f"0x{b:02X}" for b in error.object[error.start : error.end])
                before = error.object[: error.start].decode(codec, "replace")
                raise FileRefused(
                    lines + before.count("\n"), f"a character here is {_wrong(codec, found)}"
                ) from error
            lenient.setstate(state)
            text, damaged = lenient.decode(block, final), True
            strict.setstate(lenient.getstate())
        lines += text.count("\n")
        # Some programs write a mark before one that is there already.
        yield Text(text if begun else text.lstrip(MARK), damaged)
        begun = True


def has_mark(path: Path, codec: str) -> bool:
    """Whether the text begins with a byte order mark."""
    with path.open("rb") as file:
        start = file.read(4)
    return any(start.startswith(mark) for mark, of in _MARKS if of == codec)


def wrong_bytes(cell: str, codec: str) -> str:
    """The complaint about a cell with escaped bytes."""
    found = ", ".join(f"0x{ord(byte) - 0xDC00:02X}" for byte in ESCAPED.findall(cell)[:3])
    return f"holds a byte that is {_wrong(codec, found)}"


def _wrong(codec: str, found: str) -> str:
    other = "utf-8" if codec == "cp1252" else "cp1252"
    return (
        f"not {NAMES.get(codec, codec)} ({found}): type the character again, "
        f"or name the file's encoding, as in --encoding {other}"
    )


def _without_mark(start: bytes) -> str | None:
    """UTF-16 has a zero beside each delimiter, digit and newline, and on one side only."""
    start = start[: len(start) // 2 * 2]
    low, high = start[::2].count(0), start[1::2].count(0)
    if high > len(start) * 0.05 and not low:
        return "utf-16-le"
    return "utf-16-be" if low > len(start) * 0.05 and not high else None


def _is_utf8(file: BinaryIO) -> bool:
    file.seek(0)
    if not any(damaged for _, damaged in texts(file, "utf-8")):
        return True
    good = bad = 0
    file.seek(0)
    for text, _ in texts(file, "utf-8"):
        good += len(_CHARACTER.findall(text))
        bad += len(ESCAPED.findall(text))
    return good >= bad


def _single_byte(file: BinaryIO) -> str:
    file.seek(0)
    used: set[int] = set()
    while block := file.read(BLOCK):
        used.update(block)
    return "cp1252" if any(0x80 <= byte < 0xA0 for byte in used) else "latin-1"
