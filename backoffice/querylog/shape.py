"""The shape of a statement: what is left of it without its values."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b

STRING = re.compile(r"'(?:[^']|'')*'")
NUMBER = re.compile(r"(?<![\w$.])\d+(?:\.\d+)?\b")
PLACEHOLDER = re.compile(r"%\(\w+\)s(?:::[\w ]+?(?:\(\d+\))?(?=[\s,)]))?|\?|(?<![:\w]):\w+")
LIST = re.compile(r"\(\?(?:, ?\?)+\)")
ROWS = re.compile(r"(\(\?, …\))(?:, ?\(\?, …\))+")


@lru_cache(maxsize=2_000)
def shape_of(statement: str) -> str:
    """``statement`` on one line, with ``?`` for each value and ``(?, …)`` for lists of any length.

    Two statements of one shape differ in values alone, so they want the same index; a page asks
    it twice, or it is one of N+1.
    """
    text = " ".join(STRING.sub("?", statement).split())
    text = NUMBER.sub("?", PLACEHOLDER.sub("?", text))
    return ROWS.sub(r"\1, …", LIST.sub("(?, …)", text))


@lru_cache(maxsize=2_000)
def fingerprint_of(statement: str) -> str:
    """16 hexadecimal digits that stand for the shape of ``statement``."""
    return blake2b(shape_of(statement).encode(), digest_size=8).hexdigest()
