"""What requests asked, added up in memory until it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from backoffice.querylog.parameters import kinds_of, to_json
from backoffice.querylog.record import Call, Group, Record, line_of, repeats_in
from backoffice.querylog.shape import fingerprint_of

MOST_SUMS = 5_000
"""Sums of one kind that wait to be written."""

MOST_SLOW = 500
"""Slow calls that wait."""

LONGEST_STATEMENT = 10_000
"""Characters; a longer one is counted with its page alone."""

LONGEST_VALUES, LONGEST_CUT = 4_000, 200
"""Characters of the values of a call, and of each of its texts where together they are longer."""

SECRET = re.compile(r"\busers\b", re.IGNORECASE)
"""In statements about these, values are passwords and sessions: they are never stored."""


@dataclass(slots=True)
class Sample:
    """One call of a shape, the slowest of those that wait."""

    statement: str
    parameters: Any
    microseconds: int


@dataclass(slots=True)
class Sum:
    """Of the calls of one shape by one line of one page in one hour."""

    calls: int = 0
    microseconds: int = 0
    slowest: int = 0
    rows: int = 0


@dataclass(slots=True)
class PageSum:
    """Of the requests of one page in one hour."""

    requests: int = 0
    microseconds: int = 0
    slowest: int = 0
    in_database: int = 0
    statements: int = 0
    most_statements: int = 0
    rows: int = 0
    repeats: int = 0
    failed: int = 0


@dataclass(slots=True)
class Slow:
    """A slow call by itself."""

    fingerprint: str
    route: str
    line: str
    at: datetime
    sample: Sample
    rows: int
    failed: bool


@dataclass
class Pending:
    """Keys are a shape's fingerprint; with route, line and hour; and a page's route and hour."""

    shapes: dict[str, Sample] = field(default_factory=dict)
    sums: dict[tuple[str, str, str, datetime], Sum] = field(default_factory=dict)
    pages: dict[tuple[str, datetime], PageSum] = field(default_factory=dict)
    slow: list[Slow] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.pages or self.shapes)

    def part(self, shapes: int) -> Pending:
        """All pages, and so many shapes with what waits of them: it stays until ``remove``."""
        some = dict(islice(self.shapes.items(), shapes))
        return Pending(
            some,
            {key: found for key, found in self.sums.items() if key[0] in some},
            dict(self.pages),
            [call for call in self.slow if call.fingerprint in some],
        )

    def forget_values(self) -> None:
        """Leave out all values, as one that the database does not take would lose the rest."""
        for sample in (*self.shapes.values(), *(call.sample for call in self.slow)):
            sample.parameters = _each(sample.parameters, lambda _: None)

    def remove(self, part: Pending) -> None:
        """Let go of a part."""
        for shape in part.shapes:
            del self.shapes[shape]
        for key in part.sums:
            del self.sums[key]
        for page in part.pages:
            del self.pages[page]
        self.slow = [call for call in self.slow if call.fingerprint not in part.shapes]

    def add(self, records: Iterable[Record], now: datetime) -> int:
        """Add ``records`` up as of ``now``; returns how many entries found no place."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        return sum(self._add(record, hour) for record in records)

    def _add(self, record: Record, hour: datetime) -> int:
        dropped = 0
        page = self.pages.get((record.route, hour))
        if page is None:
            if len(self.pages) >= MOST_SUMS:
                return 1
            page = self.pages[record.route, hour] = PageSum()
        took = _micro(record.took)
        page.requests += 1
        page.microseconds += took
        page.slowest = max(page.slowest, took)
        page.in_database += _micro(record.seconds)
        page.statements += record.statements
        page.most_statements = max(page.most_statements, record.statements)
        page.rows += record.rows
        page.repeats += any(True for _ in repeats_in(record))
        page.failed += record.status >= 500
        for group in list(record.groups.values()):
            dropped += not self._add_group(group, record.route, hour)
        for call in record.slow:
            dropped += not self._add_slow(call, record.route)
        return dropped

    def _add_group(self, group: Group, route: str, hour: datetime) -> bool:
        if len(group.statement) > LONGEST_STATEMENT:
            return True
        shape = fingerprint_of(group.statement)
        key = shape, route, line_of(group.location), hour
        found = self.sums.get(key)
        if found is None:
            if len(self.sums) >= MOST_SUMS:
                return False
            found = self.sums[key] = Sum()
        slowest = _micro(group.slowest)
        found.calls += group.calls
        found.microseconds += _micro(group.seconds)
        found.slowest = max(found.slowest, slowest)
        found.rows += group.rows
        sample = self.shapes.get(shape)
        if sample is None or sample.microseconds < slowest:
            self.shapes[shape] = Sample(group.statement, group.parameters, slowest)
        return True

    def _add_slow(self, call: Call, route: str) -> bool:
        statement = call.group.statement
        if fingerprint_of(statement) not in self.shapes:
            return len(statement) > LONGEST_STATEMENT
        if len(self.slow) >= MOST_SLOW:
            return False
        self.slow.append(
            Slow(
                fingerprint_of(statement),
                route,
                line_of(call.group.location),
                datetime.fromtimestamp(call.at, UTC),
                Sample(statement, call.parameters, _micro(call.seconds)),
                call.rows,
                call.failed,
            )
        )
        return True


def stored_values(sample: Sample) -> Any:
    """The values of ``sample`` as JSON: exactly, unless they are secret, long or of unknown kinds.

    Their number and order stay, so the statement can be explained with them all the same.
    """
    values = sample.parameters
    if SECRET.search(sample.statement):
        return _each(values, lambda _: None)
    try:
        written = to_json(values)
    except TypeError:
        return _each(values, lambda _: None)
    if len(json.dumps(written)) > LONGEST_VALUES:
        written = _each(written, _cut)
    return _storable(written)


def stored_kinds(sample: Sample) -> Any:
    """The kinds and lengths of the values; of secret ones no more than how many there are."""
    if SECRET.search(sample.statement):
        return _each(sample.parameters, lambda _: "left out")
    return kinds_of(sample.parameters)


def _each(values: Any, change: Any) -> Any:
    if isinstance(values, dict):
        return {name: change(value) for name, value in values.items()}
    return [change(value) for value in values]


def _storable(value: Any) -> Any:
    """``value`` as PostgreSQL takes it: it has no text with a NUL."""
    if isinstance(value, dict):
        return {name: _storable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_storable(each) for each in value]
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST_CUT]
    return None if isinstance(value, dict) and len(json.dumps(value)) > LONGEST_CUT else value


def _micro(seconds: float) -> int:
    return round(1_000_000 * seconds)
