"""The options that say how a file is to be read, where it does not tell by itself."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any

import click

from backoffice.imports.cells import DATES, Formats
from backoffice.imports.read import Reading

_THOUSANDS = {" ": "space", ",": "comma", ".": "point", "'": "apostrophe", "space": "space"}


def _encoding(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _is_encoding(value):
        raise click.BadParameter(f"{value!r} is no encoding: use utf-8, cp1252, latin-1 or utf-16")
    return value


def _is_encoding(name: str) -> bool:
    """Whether files can be read with it: Python knows codecs for host names and for its source."""
    try:
        if not codecs.lookup(name)._is_text_encoding:  # noqa: SLF001
            return False
        codecs.getincrementaldecoder(name)("surrogateescape").decode(b"a")
        return codecs.decode(b"\\u0061", name, "replace") != "a"
    except (LookupError, UnicodeError, ValueError):
        return False


def _delimiter(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    value = {"tab": "\t", "\\t": "\t"}.get(value or "", value)
    if value is not None and (len(value) != 1 or value in '"\r\n\0'):
        raise click.BadParameter(f"{value!r} is no delimiter: use one character, or tab")
    return value


def _thousands(_context: click.Context, _option: click.Parameter, value: str | None) -> str:
    if value is not None and value not in _THOUSANDS:
        raise click.BadParameter(f"{value!r}: use a point, a comma, an apostrophe, or space")
    return _THOUSANDS[value] if value is not None else ""


READING: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.option("--encoding", callback=_encoding, help="Default: told by the bytes."),
    click.option("--delimiter", callback=_delimiter, help="Default: told by the first rows."),
    click.option(
        "--skip-lines",
        type=click.IntRange(0, 1000),
        default=0,
        metavar="N",
        help="Lines above the header; a line sep=; on top does not count.",
    ),
    click.option("--sheet", metavar="NAME", help="Of a workbook. Default: the first."),
    click.option("--decimal", type=click.Choice([".", ","]), default=".", help="Default: a point."),
    click.option("--thousands", callback=_thousands, metavar="SIGN", help="Default: none."),
    click.option(
        "--dates",
        type=click.Choice(list(DATES)),
        default="iso",
        help="Order of a date's parts. ISO dates are always taken.",
    ),
)


def reading(options: dict[str, Any]) -> Reading:
    """What ``options`` say.

    :raises click.UsageError: one sign means both decimals and thousands.
    """
    formats = Formats(options["decimal"], options["thousands"], options["dates"])
    if formats.decimal in formats.grouping:
        raise click.UsageError(
            f"{formats.decimal!r} cannot stand before the decimals and between thousands: "
            "name another sign as --decimal or --thousands"
        )
    names = ("encoding", "delimiter", "skip_lines", "sheet")
    return Reading(formats=formats, **{name: options[name] for name in names})
