"""Statements and their plans in words that fit a table's cell."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import sqlparse

from backoffice.database import Base
from backoffice.querylog.plans import Plan, without_values

__all__ = [
    "difference",
    "kinds_in_words",
    "laid_out",
    "milliseconds",
    "per",
    "percent",
    "plan_in_a_word",
    "seconds",
    "shortened",
    "without_values",
]

LONGEST_FORMATTED = 12_000
"""Signs; laying a statement out takes time by its length."""

LONGEST_GROUP, LONGEST_LIST = 32, 60
"""Signs of what stands in parentheses, and of the selected columns, that is shown whole."""

USED = re.compile(r"INDEX (?P<lite>\w+)|using (?P<name>\w+)(?: on (?P<table>\w+))?")


@lru_cache(maxsize=500)
def laid_out(statement: str) -> str:
    """``statement`` with a line for each of its parts."""
    if len(statement) > LONGEST_FORMATTED:
        return statement
    return str(sqlparse.format(statement, reindent=True, wrap_after=88))


@lru_cache(maxsize=2_000)
def shortened(shape: str, length: int = 180) -> str:
    """``shape`` by what tells it from others: tables and conditions rather than columns."""
    text = _without_groups(shape)
    text = re.sub(r"(?<=SELECT )(.*?)(?= FROM )", _few, text)
    text = re.sub(r"(?<=SELECT )(DISTINCT |)((?:(?! FROM ).){60,})$", r"\1…", text)
    if len(text) <= length:
        return text
    # What tells it from others stands at its end: conditions and order.
    half = length // 2 - 2
    head, tail = text[:half], text[len(text) - half :]
    return f"{head.rpartition(' ')[0] or head} … {tail.partition(' ')[2] or tail}"


def route_in_words(route: str) -> str:
    """``route`` with ``<kind>`` for ``<any("a", "b"):kind>``."""
    return re.sub(r"<[^<>]*:(\w+)>", r"<\1>", route)


def _few(found: re.Match[str]) -> str:
    columns = found[0]
    if len(columns) <= LONGEST_LIST:
        return columns
    return (
        f"{columns[: columns.index(', ') if ', ' in columns[:LONGEST_LIST] else LONGEST_LIST]}, …"
    )


def _without_groups(text: str) -> str:
    """``text`` with ``(…)`` for each outermost pair of parentheses that holds much, or a query."""
    parts, depth, start = [], 0, 0
    for n, sign in enumerate(text):
        if sign == "(":
            if depth == 0:
                parts.append(text[start:n])
                start = n
            depth += 1
        elif sign == ")" and depth:
            depth -= 1
            if depth == 0:
                group = text[start : n + 1]
                is_told = len(group) <= LONGEST_GROUP and "SELECT" not in group
                parts.append(group if is_told else "(…)")
                start = n + 1
    return "".join(parts) + text[start:]


def plan_in_a_word(
    scans: Sequence[str] | None, sorts: bool | None, large: Collection[str] | None = None
) -> str:
    """What matters about a plan; empty where none is known.

    :param large: The statement's tables in which reading whole and sorting matters; None: all.
    """
    if scans is None:
        return ""
    read = _tables(scans)
    tables = " and ".join(name for name in read if large is None or name in large)
    is_sorted = sorts and (large is None or large)
    said = [f"whole read of {tables}" if tables else "", "sorts" if is_sorted else ""]
    return ", ".join(filter(None, said)) or ("small tables" if read else "index search")


def is_poor(word: str) -> bool:
    """Whether an index may help, by ``plan_in_a_word``."""
    return word.startswith(("whole read", "sorts"))


def difference(before: Plan, after: Plan) -> str:
    """In what ``after`` is another plan than ``before``: empty where in nothing that matters."""
    return "; ".join(_differences(before, after))


def _differences(before: Plan, after: Plan) -> Iterator[str]:
    come, gone = (
        sorted({*_tables(set(one.scans) - set(other.scans)), *_tables(one.whole - other.whole)})
        for one, other in ((after, before), (before, after))
    )
    for table in come:
        names = _left(before, after, table)
        was = "was" if len(names) == 1 else "were"
        where = (
            f"where {' and '.join(names)} {was} searched" if names else "where it was not before"
        )
        yield f"reads {table} whole {where}"
    for table in gone:
        names = _left(after, before, table)
        yield f"searches {' and '.join(names) or table} where {table} was read whole"
    if not come and not gone:
        old, new = all_indexes(before.text), all_indexes(after.text)
        if left := [name for name in old if name not in new]:
            yield f"no longer uses {', '.join(left)}"
        if taken := [name for name in new if name not in old]:
            yield f"uses {', '.join(taken)}"
    if after.sorted != before.sorted:
        worse = after.sorted > before.sorted
        by = "sorts its rows where they were read in order"
        yield by if worse else "reads its rows in order where it sorted them"


def _tables(names: Iterable[str]) -> list[str]:
    """Those of ``names`` that are tables: SQLite also tells of subqueries that it scans."""
    return [name for name in names if name in Base.metadata.tables]


def _indexes(plan: str, table: str) -> list[str]:
    """The indexes of ``table`` in a plan: by what PostgreSQL says, else by how ours are named."""
    ours = re.compile(rf"(?:ix|uq|pk)_{re.escape(table)}(?:_|$)")
    names = [
        found["lite"] or found["name"]
        for found in USED.finditer(plan)
        if found["table"] == table or ours.match(found["lite"] or found["name"])
    ]
    return list(dict.fromkeys(names))


def _left(one: Plan, other: Plan, table: str) -> list[str]:
    """The indexes of ``table`` that ``one`` uses and ``other`` does not."""
    still = all_indexes(other.text)
    return [name for name in _indexes(one.text, table) if name not in still]


def all_indexes(plan: str) -> list[str]:
    """The indexes that a plan names."""
    return list(dict.fromkeys(found["lite"] or found["name"] for found in USED.finditer(plan)))


def kinds_in_words(kinds: Any) -> str:
    """``text of 12, int``; by name where they have names."""
    if isinstance(kinds, dict):
        return ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
    if isinstance(kinds, list):
        return ", ".join(str(kind) for kind in kinds)
    return ""


def milliseconds(microseconds: float) -> str:
    """``1,234.5``; below one, as many places as tell it from zero."""
    value = microseconds / 1000
    return f"{value:,.1f}" if value >= 1 or not value else f"{value:.2f}"


def seconds(microseconds: float) -> str:
    """``1,234.5``; below ten, with two places."""
    value = microseconds / 1_000_000
    return f"{value:,.1f}" if value >= 10 else f"{value:.2f}"


def per(total: float, number: float) -> str:
    """``total`` for each of ``number``, with as many places as tell something."""
    each = total / number if number else 0.0
    return f"{each:,.0f}" if each >= 100 or each == int(each) else f"{each:,.1f}"


def percent(part: float, whole: float) -> str:
    """``12.3``; empty of nothing."""
    return f"{100 * part / whole:.1f}" if whole else ""
