"""What one request asks of the database, added up while it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from time import perf_counter, time
from typing import Any

from backoffice.config import ROOT
from backoffice.querylog.shape import fingerprint_of

LEAST_REPEATS = 5
"""So many calls of one shape from one line in a request are called N+1."""

MOST_GROUPS = 200
"""Statements of a request that are told apart; what comes after is counted with it alone."""

MOST_SLOW = 10
"""Slow calls of a request that are kept one by one."""

UNTOLD = ("SAVEPOINT", "RELEASE", "ROLLBACK")
"""They are counted, but their names have numbers, and nobody plans them."""


@dataclass(slots=True)
class Group:
    """The calls of one statement from one line; ``parameters`` are those of the slowest."""

    statement: str
    location: str
    calls: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    rows: int = 0
    parameters: Any = ()


class Call:
    """One call. SQLite goes on finding its rows while they are fetched: then it grows."""

    __slots__ = ("at", "failed", "group", "parameters", "record", "rows", "seconds")

    def __init__(self, record: Record, group: Group, parameters: Any) -> None:
        self.record, self.group, self.parameters = record, group, parameters
        self.rows, self.seconds, self.failed = 0, 0.0, False
        self.at = 0.0

    def took(self, seconds: float, rows: int) -> None:
        """So much longer, and so many rows more."""
        record, group = self.record, self.group
        record.seconds += seconds
        record.rows += rows
        group.seconds += seconds
        group.rows += rows
        self.rows += rows
        self.seconds += seconds
        if self.seconds > group.slowest:
            group.slowest, group.parameters = self.seconds, self.parameters
        if self.seconds > record.slow_seconds and not self.at:
            self.is_slow()

    def is_slow(self) -> None:
        """Keep this call by itself, and tell."""
        self.at = time()
        if len(self.record.slow) < MOST_SLOW:
            self.record.slow.append(self)
        self.record.tell(self.seconds, self.group.statement, self.group.location)


@dataclass(slots=True)
class Record:
    """One request.

    ``seconds`` has the time of BEGIN as well: on SQLite it is where a writer waits for the writer
    before it. ``tell`` is called once for each statement that took over ``slow_seconds``.
    """

    route: str
    method: str
    slow_seconds: float
    tell: Callable[[float, str, str], None]
    started: float = field(default_factory=perf_counter)
    statements: int = 0
    seconds: float = 0.0
    rows: int = 0
    shown: int | None = None
    status: int = 500
    took: float = 0.0
    groups: dict[tuple[str, str], Group] = field(default_factory=dict)
    slow: list[Call] = field(default_factory=list)

    def add(
        self, statement: str, parameters: Any, location: str, seconds: float, rows: int = 0
    ) -> Call | None:
        """Count one statement; None for what is no statement of anybody."""
        if statement.startswith("BEGIN"):
            self.seconds += seconds
            if seconds > self.slow_seconds:
                self.tell(seconds, statement, location)
            return None
        self.statements += 1
        group = self.groups.get((statement, location))
        if group is None:
            group = Group(statement, location)
            if len(self.groups) < MOST_GROUPS and not statement.startswith(UNTOLD):
                self.groups[statement, location] = group
        group.calls += 1
        if type(parameters) is list:  # of many rows at once the first stands for all
            parameters = parameters[0] if parameters else ()
        call = Call(self, group, parameters)
        call.took(seconds, rows)
        return call


@dataclass(frozen=True)
class Asked:
    """What one line of ours asked in one shape."""

    fingerprint: str
    line: str
    statement: str
    calls: int
    seconds: float
    rows: int

    @property
    def repeats(self) -> bool:
        return self.calls >= LEAST_REPEATS


def asked_in(record: Record) -> list[Asked]:
    """By shape and line, in the order of their first calls."""
    found: dict[tuple[str, str], Asked] = {}
    for group in list(record.groups.values()):
        key = fingerprint_of(group.statement), line_of(group.location)
        before = found.get(key)
        calls, seconds, rows = (
            (before.calls, before.seconds, before.rows) if before else (0, 0.0, 0)
        )
        found[key] = Asked(
            *key,
            before.statement if before else group.statement,
            calls + group.calls,
            seconds + group.seconds,
            rows + group.rows,
        )
    return list(found.values())


def repeats_in(record: Record) -> Iterator[Asked]:
    """What was asked over and over: N+1."""
    if record.statements >= LEAST_REPEATS:
        yield from (asked for asked in asked_in(record) if asked.repeats)


@lru_cache(maxsize=2_000)
def line_of(location: str) -> str:
    """``backoffice/x.py:12`` of Flask-SQLAlchemy's ``/path/backoffice/x.py:12 (name)``."""
    return location.removeprefix(f"{ROOT}/").partition(" (")[0][-200:]
