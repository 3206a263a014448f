"""The trials of the import benchmark: each yields figures, with what they are measured against."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.benchmarks import import_floor
from tests.benchmarks.import_files import changed, count_rows, exported, first_rows
from tests.benchmarks.import_report import Figure
from tests.benchmarks.import_runs import (
    Run,
    WrongResultError,
    import_file,
    median_seconds,
    race,
    report_of,
)
from tests.benchmarks.import_states import States
from tests.benchmarks.targets import at_least

NEW, ALL, FEW, NONE = "new", "all changed", "1 % changed", "none changed"
BOUNDS = {NEW: 0.7, ALL: 0.7, FEW: 3.0, NONE: 3.0}
"""Case -> at least so many times the rows a second of the floor."""

STARTS = 3
"""Times that a file without rows is imported, which tells what starting the command takes."""


@dataclass(frozen=True)
class Bench:
    """The databases, files and options of one run on one kind of database."""

    states: States
    folder: Path
    rounds: int

    @cached_property
    def products(self) -> Path:
        return exported("products", self.states.full, self.folder)

    @cached_property
    def lines(self) -> Path:
        return exported("order-lines", self.states.lined, self.folder)

    @cached_property
    def start(self) -> float:
        """Seconds that the command takes for a file without any row."""
        nothing = first_rows(self.products, 0)
        sides = {"start": lambda url: self.ours("products", nothing, url)}
        return median_seconds(race(self.states.empty, sides, STARTS, None)["start"])

    def ours(self, kind: str, file: Path, url: str, *options: str) -> Run:
        return import_file(kind, file, url, self.folder, *options)

    def seconds(self, runs: list[Run]) -> float:
        """What our runs took in the middle, without the command's start."""
        return median_seconds(runs) - self.start


def products(bench: Bench) -> Iterator[Figure]:
    states = {NEW: bench.states.empty, ALL: bench.states.full}
    yield from _beside_the_floor(bench, "products", bench.products, states)


def lines(bench: Bench) -> Iterator[Figure]:
    states = {NEW: bench.states.unlined, ALL: bench.states.lined}
    yield from _beside_the_floor(bench, "order-lines", bench.lines, states)


def _beside_the_floor(
    bench: Bench, kind: str, file: Path, states: dict[str, str]
) -> Iterator[Figure]:
    rows = count_rows(file)
    files = {
        NEW: file,
        ALL: changed(kind, file, 1),
        FEW: changed(kind, file, 100),
        NONE: file,
    }
    written = {NEW: rows, ALL: rows, FEW: (rows + 99) // 100, NONE: 0}
    for case, bound in BOUNDS.items():
        print(f"{kind}, {case}", file=sys.stderr)
        sides = {
            "floor": lambda url, case=case: import_floor.load(kind, files[case], url),
            "ours": lambda url, case=case: bench.ours(kind, files[case], url),
        }
        runs = race(states.get(case, states[ALL]), sides, bench.rounds, kind)
        for one in runs["ours"]:
            _check(one, "inserted" if case == NEW else "updated", written[case], rows)
        ours, floor = bench.seconds(runs["ours"]), median_seconds(runs["floor"])
        name = f"{kind} {case}: times the floor's rows/s"
        where = f"{rows / ours:,.0f} of {rows / floor:,.0f} rows/s"
        more = {"rows": rows, "start_seconds": bench.start, "seconds": [ours, floor]}
        yield Figure(at_least(name, bound, floor / ours, where), runs, more)


def _check(run: Run, count: str, written: int, rows: int) -> None:
    report = report_of(run)
    found = (report[count], report["rows"], report["rejected"])
    if found != (written, rows, 0):
        raise WrongResultError(f"{count}, rows, rejected: {found}, not {(written, rows, 0)}")
