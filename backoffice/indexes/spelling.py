"""The parts of a CREATE INDEX as SQLite keeps it, spelled so that they can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKENS = re.compile(
    r"""
    (?P<left_out>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<text>'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|\w+)
    |(?P<sign><=|>=|<>|!=|==|\|\||<<|>>|.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Spelled:
    """What an index is over; ``condition`` is empty where it holds all rows."""

    unique: bool
    keys: tuple[str, ...]
    condition: str


def spelled(create_index: str) -> Spelled:
    """The parts of the statement without what means nothing: space, quotes, capitals, comments."""
    tokens = list(_tokens(create_index))
    first = tokens.index("(", tokens.index("on")) + 1
    keys: list[list[str]] = [[]]
    depth = 1
    for last, sign in enumerate(tokens[first:], first):  # noqa: B007 - the closing bracket
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth == 0:
            break
        if sign == "," and depth == 1:
            keys.append([])
        else:
            keys[-1].append(sign)
    return Spelled(
        unique=tokens[1] == "unique",
        keys=tuple(_joined(key[:-1] if key[-1] == "asc" else key) for key in keys),
        condition=_joined(tokens[last + 2 :]),  # after ") where"
    )


def _tokens(statement: str) -> Iterator[str]:
    for found in TOKENS.finditer(statement.strip().rstrip(";")):
        if found.lastgroup == "name":
            yield found.group().strip('"`[]').lower()
        elif found.lastgroup != "left_out":
            yield found.group()


def _joined(tokens: list[str]) -> str:
    """The tokens as people write them: ``(stock * price)``, ``lower(name)``."""
    return re.sub(r"(?<=\()\s|\s(?=[),])|(?<=\w)\s(?=\()", "", " ".join(tokens))
