"""SQL cut into statements and clauses: enough to tell what a statement does, no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

_PART = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<text> '(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | "(?P<name> (?:[^"]|"")* )"
    | (?P<end> ; )
    | (?P<space> \s+ )
    | (?P<open> [(\[] ) | (?P<close> [)\]] )
    | (?P<word> \w+ )
    | .
    """,
    re.S | re.X,
)


@cache
def statements(sql: str) -> tuple[str, ...]:
    """The statements in ``sql``: one space between words, no comments, names without quotes."""
    return tuple(_statements(sql))


def _statements(sql: str) -> Iterator[str]:
    found: list[str] = []
    words: list[str] = []
    block = 0
    for part in _PART.finditer(sql):
        if part["comment"] or part["space"]:
            found.append(" ")
            continue
        if part["word"]:
            words.append(part["word"].upper())
            if words[:1] == ["CREATE"] and "TRIGGER" in words[:3]:
                # A trigger's body on SQLite has statements of its own.
                block += {"BEGIN": 1, "CASE": 1, "END": -1}.get(words[-1], 0)
        if part["end"] and not block:
            yield from _tidy(found)
            found, words = [], []
        else:
            found.append(part["name"] if part["name"] is not None else part[0])
    yield from _tidy(found)


def clauses(words: str) -> Iterator[str]:
    """The parts of ``words`` between the commas that stand in no brackets and no text."""
    depth, found = 0, ""
    for part in _PART.finditer(words):
        depth += bool(part["open"]) - bool(part["close"])
        if part[0] == "," and depth == 0:
            yield found.strip()
            found = ""
        else:
            found += part[0]
    if found.strip():
        yield found.strip()


def without_text(words: str) -> str:
    """``words`` with every literal empty: what is left are keywords and names."""
    return _PART.sub(lambda part: "''" if part["text"] else part[0], words)


def _tidy(found: list[str]) -> Iterator[str]:
    words = re.sub(r"(?<!\w)public\.", "", _squeezed("".join(found)))
    if words:
        yield words


def _squeezed(words: str) -> str:
    return "".join(part[0] if not part["space"] else " " for part in _PART.finditer(words)).strip()
