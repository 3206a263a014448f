"""Text that a spreadsheet would run as a formula: disguised in CSV files, and read back.

Everything else in a CSV file is either such text or a number of ours, which needs no disguise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

STARTS = "=+-@\t\r\n＝＋－＠"
"""What a formula may begin with; those of full width where the spreadsheet speaks Japanese."""

MARK = "'"
"""What a spreadsheet takes for "this is text"."""

_FORMULA = re.compile(f"{MARK}*[{re.escape(STARTS)}]")
_FIRST = frozenset(STARTS + MARK)


def guarded(text: str) -> str:
    """``text`` with a mark in front if it looks like a formula, or like one that was marked.

    Marks that were there count as well, so that taking one away gives every text back.
    """
    return MARK + text if _FORMULA.match(text) else text


def all_guarded(texts: Iterable[str | None]) -> list[str | None]:
    """A column of them; one look at the first character is enough for most."""
    return [guarded(text) if text and text[0] in _FIRST else text for text in texts]


def unguarded(cell: str) -> str:
    """The text that ``guarded`` made ``cell`` of; any other mark stays: ``'s-Gravenhage``."""
    return cell[1:] if cell[:1] == MARK and _FORMULA.match(cell) else cell
