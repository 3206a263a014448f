"""What pages of a large list take, beside other admins and beside a bare page as the floor.

    python -m tests.benchmarks.grid --keep FOLDER

Builds the data, starts each server with one worker process and prints Markdown. With --keep
the databases stay in FOLDER for the next run, which only migrates and indexes them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from tests.benchmarks import trials
from tests.benchmarks.data import Size, fill, fill_for_peers, our_app, sizes
from tests.benchmarks.grid_cases import Case, cases
from tests.benchmarks.measure import PEERS, count_statements, signed_in, time_cases
from tests.benchmarks.report import Found, page_table, trial_lines
from tests.benchmarks.servers import beside, database
from tests.benchmarks.targets import target_table

KINDS = ("sqlite", "postgresql")
TRIALS = ("scale", "throughput", "export", "change")
SMALL = Size(products=10_000, orders=10_000)


def main() -> None:
    options = read_options()
    keeping = nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory()
    with keeping as name:
        found = [run(kind, Path(name) / kind, options) for kind in options.databases]
    if options.build_only:
        return
    for one in found:
        print("\n".join((*page_table(one), "", *trial_lines(one), "")))
    print("\n".join(target_table(found)))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.grid")
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--databases", type=_words, default=KINDS, help="sqlite,postgresql")
    parser.add_argument("--peers", type=_words, default=PEERS, help="by name, or none")
    parser.add_argument(
        "--only",
        type=_words,
        default=(),
        help=f"parts of the names of pages, or of {', '.join(TRIALS)}",
    )
    parser.add_argument("--seconds", type=float, default=15.0, help="a page, all servers together")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the databases there")
    parser.add_argument("--build-only", action="store_true", help="build, do not measure")
    return parser.parse_args()


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word != "none")


def run(kind: str, folder: Path, options: argparse.Namespace) -> Found:
    folder.mkdir(parents=True, exist_ok=True)
    found = Found(kind)
    with database(kind, folder) as url:
        fill(url, folder, Size(options.products, options.orders))
        peers_url = fill_for_peers(url, folder) if options.peers else url
        small_url = beside(url, "small")
        fill(small_url, folder, SMALL)
        if options.build_only:
            return found
        urls = {"ours": url, "floor": url, **dict.fromkeys(options.peers, peers_url)}
        app = our_app(url, folder)
        found.sizes = sizes(app)
        everything = cases(app)
        found.cases = [case for case in everything if is_wanted(case.name, options)]
        if found.cases:
            measure_pages(found, urls, folder, options.seconds)
        measure_trials(found, everything, urls, small_url, folder, options)
    return found


def is_wanted(name: str, options: argparse.Namespace) -> bool:
    return not options.only or any(word in name for word in options.only)


def measure_pages(found: Found, urls: dict[str, str], folder: Path, seconds: float) -> None:
    with signed_in(urls, folder) as clients:
        found.pages = time_cases(found.cases, clients, seconds)
    with signed_in(urls, folder, COUNT_STATEMENTS="1") as clients:
        found.counted = count_statements(found.cases, clients)


def measure_trials(
    found: Found,
    everything: Sequence[Case],
    urls: dict[str, str],
    small_url: str,
    folder: Path,
    options: argparse.Namespace,
) -> None:
    first, middle, *_ = everything
    url, seconds = urls["ours"], options.seconds
    if is_wanted("scale", options):
        address = middle.addresses["ours"]
        found.scale = trials.compare_sizes(url, small_url, address, folder, seconds)
    if is_wanted("throughput", options):
        loaded = {name: urls[name] for name in ("ours", "floor", "Django") if name in urls}
        found.throughput = trials.throughput(first.addresses, loaded, folder, seconds)
    if is_wanted("export", options):
        found.export = trials.export(url, folder)
        if found.export is None:
            found.notes.append("no export: there is no such page")
    if is_wanted("change", options):
        found.change = trials.change_all_prices(url, folder)
        if found.change is None:
            found.notes.append("no change of all prices: there is no such page")


if __name__ == "__main__":
    main()
