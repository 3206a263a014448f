"""How fast files of a million rows go in, beside what the database's own program takes for them.

    python -m tests.benchmarks.imports --keep FOLDER

Makes the databases and the files, runs the command as people run it and prints Markdown: one line
a figure, with its target. FOLDER/imports.json holds every single run. With --keep the databases
and files stay in FOLDER for the next run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

from tests.benchmarks import import_trials
from tests.benchmarks.grid import KINDS
from tests.benchmarks.import_floor import program
from tests.benchmarks.import_report import HEADER, Figure, brief, write_json
from tests.benchmarks.import_runs import WrongResultError
from tests.benchmarks.import_states import States
from tests.benchmarks.import_trials import Bench
from tests.benchmarks.servers import database
from tests.benchmarks.targets import at_most

Trial = Callable[[Bench], Iterator[Figure]]

TRIALS: dict[str, Trial] = {
    "products": import_trials.products,
    "lines": import_trials.lines,
    "memory": import_trials.memory,
    "peers": import_trials.peers,
    "dry-run": import_trials.dry_run,
    "staff": import_trials.staff,
}


def main() -> None:
    options = read_options()
    if "sqlite" in options.databases:
        program("sqlite3")  # asked for now, and not after an hour
    keeping = nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory()
    found: dict[str, list[Figure]] = {}
    print(HEADER)
    with keeping as name:
        folder = Path(name).absolute()
        for kind in options.databases:
            found[kind] = []
            for figure in run(kind, folder / kind, options):
                found[kind].append(figure)
                print(figure.target.row(kind), flush=True)
                # After each, for a run takes hours.
                write_json(folder / "imports.json", found, vars(options))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.imports")
    parser.add_argument("--rows", type=int, default=1_000_000, help="products")
    parser.add_argument("--lines", type=int, default=3_000_000, help="order lines, about")
    parser.add_argument("--memory-rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--peer-rows", type=int, default=50_000, help="for the slowest peer")
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--only", nargs="+", choices=TRIALS, default=list(TRIALS))
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side of a figure")
    parser.add_argument("--keep", metavar="FOLDER", help="keep databases, files and results there")
    return parser.parse_args()


def run(kind: str, folder: Path, options: argparse.Namespace) -> Iterator[Figure]:
    folder.mkdir(parents=True, exist_ok=True)
    with database(kind, folder) as url:
        states = States(url, folder, options.rows, options.lines)
        sizes = (options.peer_rows, options.memory_rows)
        bench = Bench(states, folder, options.rounds, *sizes)
        for name, trial in TRIALS.items():
            if name in options.only:
                try:
                    yield from trial(bench)
                except WrongResultError as error:  # the other trials are still worth their time
                    print(error, file=sys.stderr)
                    yield Figure(at_most(f"{name}: trials that broke off", 0, 1, brief(error)))


if __name__ == "__main__":
    main()
