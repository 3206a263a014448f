"""The trials of the import benchmark: each yields figures, with what they are measured against."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tests.benchmarks import import_floor
from tests.benchmarks.import_files import changed, count_rows, enlarged, exported, first_rows
from tests.benchmarks.import_peers import WAYS, import_by
from tests.benchmarks.import_report import Figure, brief
from tests.benchmarks.import_runs import (
    Run,
    Side,
    WrongResultError,
    import_file,
    net_seconds,
    race,
    report_of,
)
from tests.benchmarks.import_staff import save_beside
from tests.benchmarks.import_states import States
from tests.benchmarks.targets import at_least, at_most

NEW, ALL, FEW, NONE = "new", "all changed", "1 % changed", "none changed"
BOUNDS = {NEW: 0.7, ALL: 0.7, FEW: 3.0, NONE: 3.0}
"""Case -> at least so many times the rows a second of the floor."""


@dataclass(frozen=True)
class Bench:
    """The databases, files and options of one run on one kind of database."""

    states: States
    folder: Path
    rounds: int
    peer_rows: int
    memory_rows: list[int]

    @cached_property
    def products(self) -> Path:
        return exported("products", self.states.full, self.folder)

    @cached_property
    def lines(self) -> Path:
        return exported("order-lines", self.states.lined, self.folder)

    def ours(self, kind: str, file: Path, url: str, *options: str) -> Run:
        """The import, and afterwards that of a file without any row: the command's start."""
        done = import_file(kind, file, url, self.folder, *options)
        nothing = import_file(kind, first_rows(file, 0), url, self.folder, *options)
        return replace(done, start=nothing.seconds)


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
            _check(one, rows, **{"inserted" if case == NEW else "updated": written[case]})
        ours, floor = net_seconds(runs["ours"]), net_seconds(runs["floor"])
        name = f"{kind} {case}: times the floor's rows/s"
        where = f"{rows / ours:,.0f} of {rows / floor:,.0f} rows/s"
        yield Figure(at_least(name, bound, floor / ours, where), runs, {"rows": rows})


def memory(bench: Bench) -> Iterator[Figure]:
    peaks = []
    for count in bench.memory_rows:
        file = enlarged(bench.products, count, "sku")
        sides = {"ours": lambda url, file=file: bench.ours("products", file, url)}
        runs = race(bench.states.empty, sides, 1, None)
        (one,) = runs["ours"]
        _check(one, count, inserted=count)
        peaks.append(one.peak_mib)
        where = f"{count / net_seconds(runs['ours']):,.0f} rows/s"
        name = f"products, {count:,} new: peak memory, MiB"
        yield Figure(at_most(name, 150, one.peak_mib, where), runs)
    sizes = " and ".join(f"{count:,}" for count in bench.memory_rows)
    yield Figure(at_most(f"peak memory at {sizes} rows: largest by smallest", 1.1, _spread(peaks)))


def _spread(peaks: list[float]) -> float | None:
    return max(peaks) / min(peaks) if len(peaks) > 1 else None


def peers(bench: Bench) -> Iterator[Figure]:
    """Of the file django-import-export gets a part: a row takes it no less time in all of it."""
    part = first_rows(bench.products, bench.peer_rows)
    by_rows, tuned, by_batch = WAYS
    runs = _beside_peers(bench, part, (by_rows, tuned), 1)
    ours = net_seconds(runs["ours"])
    times = {name: net_seconds(runs[name]) / ours for name in (by_rows, tuned)}
    rows = count_rows(part)
    where = f"{rows:,} rows; {times[tuned]:.1f} times with all its options for large files"
    name = f"products new: times faster than {by_rows}"
    yield Figure(at_least(name, 40, times[by_rows], where), runs, {"rows": rows})

    runs = _beside_peers(bench, bench.products, (by_batch,), bench.rounds)
    ratio = net_seconds(runs[by_batch]) / net_seconds(runs["ours"])
    rows = count_rows(bench.products)
    name = f"products new: times faster than {by_batch}"
    yield Figure(at_least(name, 2, ratio, f"{rows:,} rows"), runs, {"rows": rows})


def _beside_peers(
    bench: Bench, file: Path, names: tuple[str, ...], rounds: int
) -> dict[str, list[Run]]:
    sides: dict[str, Side] = {
        name: lambda url, way=WAYS[name]: import_by(way, file, url, bench.folder) for name in names
    }
    sides["ours"] = lambda url: bench.ours("products", file, url)
    return race(bench.states.empty, sides, rounds, "products")


def dry_run(bench: Bench) -> Iterator[Figure]:
    file = changed("products", bench.products, 1)
    rows = count_rows(file)
    sides: dict[str, Side] = {
        "import": lambda url: bench.ours("products", file, url),
        "dry run": lambda url: bench.ours("products", file, url, "--dry-run"),
    }
    runs = race(bench.states.full, sides, bench.rounds, None)
    for one in (*runs["import"], *runs["dry run"]):
        _check(one, rows, updated=rows)
    dry, wet = net_seconds(runs["dry run"]), net_seconds(runs["import"])
    name = f"products {ALL}: dry run, times the import"
    yield Figure(at_most(name, 1.2, dry / wet, f"{dry:.1f} of {wet:.1f} s"), runs, {"rows": rows})


def staff(bench: Bench) -> Iterator[Figure]:
    file = changed("products", bench.products, 1)
    found = save_beside(
        bench.states.full,
        bench.folder,
        lambda url: import_file("products", file, url, bench.folder),
    )
    usual, meanwhile = found.usual, found.meanwhile
    where = f"{len(meanwhile.seconds)} saves; usual {usual.p99 or 0:.2f}"
    more = {
        "usual_seconds": usual.seconds,
        "seconds": meanwhile.seconds,
        "statuses": meanwhile.statuses,
        "import_failed": found.complaint,
    }
    name = "staff's saves during an import: p99, s"
    runs = {"ours": [found.imported]} if found.imported else {}
    yield Figure(at_most(name, 1, meanwhile.p99, where), runs, more)
    yield Figure(at_most("the same: times that the database was locked", 0, meanwhile.locked))
    shown = ", ".join(f"{count} × {status}" for status, count in sorted(meanwhile.statuses.items()))
    yield Figure(at_most("the same: saves that failed", 0, meanwhile.failed, shown))
    failed = bool(found.complaint)
    yield Figure(at_most("the same: imports that failed", 0, failed, brief(found.complaint)))


def _check(run: Run, rows: int, **written: int) -> None:
    """The command said that it took all rows, and that it wrote so many."""
    report = report_of(run)
    expected = {"rows": rows, "rejected": 0, **written}
    found = {name: report[name] for name in expected}
    if found != expected:
        raise WrongResultError(f"the import said {found}, not {expected}")
