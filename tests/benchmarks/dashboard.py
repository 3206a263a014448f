"""What the dashboard costs to read and to keep in step, beside plain aggregates and Django's admin.

    python -m tests.benchmarks.dashboard --keep FOLDER

Uses the databases of the grid benchmark, builds those that are not there, and prints Markdown.
Both sides of a ratio run in turn in one run.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from sqlalchemy import create_engine

from tests.benchmarks import dashboard_trials as trials
from tests.benchmarks.dashboard_plain import time_plain
from tests.benchmarks.data import Size, fill, fill_for_peers, our_app, sizes
from tests.benchmarks.measure import signed_in, times_of
from tests.benchmarks.servers import beside, database

KINDS = ("sqlite", "postgresql")
TRIALS = ("pages", "cold", "orders", "import", "crowd")
ADDRESSES = {
    "ours": trials.PAGE,
    "floor": "/dashboard/?days=30",
    "Django": "/admin/dashboard/?days=30",
}


def main() -> None:
    options = read_options()
    keeping = nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory()
    with keeping as name:
        for kind in options.databases:
            folder = Path(name) / kind
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "import").mkdir(exist_ok=True)
            with database(kind, folder) as url:
                for line in run(url, folder, options):
                    print(line, flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.dashboard")
    parser.add_argument("--orders", type=int, default=1_000_000, help="with three lines each")
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--databases", type=_words, default=KINDS, help="sqlite,postgresql")
    parser.add_argument("--only", type=_words, default=TRIALS, help=", ".join(TRIALS))
    parser.add_argument("--seconds", type=float, default=15.0, help="for the pages")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", metavar="FOLDER", help="keep the databases there")
    return parser.parse_args()


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def run(url: str, folder: Path, options: argparse.Namespace) -> Iterator[str]:
    fill(url, folder, Size(options.products, options.orders))
    small_url = beside(url, "thirtieth")
    fill(small_url, folder, Size(options.products // 30, options.orders // 30))
    app = our_app(url, folder)
    yield f"### {app.config['SQLALCHEMY_DATABASE_URI'].partition(':')[0]}: {sizes(app)}"
    yield ""
    if "cold" in options.only:
        yield from cold(url, small_url, folder, options.rounds)
    if "pages" in options.only:
        yield from pages(url, folder, options.seconds)
    if "orders" in options.only:
        saved = trials.orders_saved(url, folder, options.rounds)
        yield (
            f"- order of three lines saved: {1000 * saved.with_triggers:.2f} ms, without triggers "
            f"{1000 * saved.without:.2f} ms: **{saved.ratio:.2f} times** (target 1.3)"
        )
    if "crowd" in options.only:
        crowd = trials.crowd(url, folder, options.rounds)
        counted = "not counted" if crowd.computations is None else crowd.computations
        yield (
            f"- 200 clients at once, 2 processes: warm median {crowd.warm_median:.0f} ms, p99 of "
            f"an expired page {crowd.expired_p99:.0f} ms: "
            f"**{crowd.expired_p99 / crowd.warm_median:.1f} times** (target 3), "
            f"computations a change: {counted} (target 1)"
        )
    if "import" in options.only:
        lines = trials.lines_imported(url, folder)
        yield (
            f"- all order lines imported: {lines.with_triggers:.1f} s, without triggers "
            f"{lines.without:.1f} s: **{lines.ratio:.2f} times** (target 1.25); "
            f"adding them up afterwards {lines.folded:.1f} s"
        )
    yield ""


def cold(url: str, small_url: str, folder: Path, rounds: int) -> Iterator[str]:
    ours = trials.cold(url, folder, 2 * rounds)
    small = trials.cold(small_url, folder, 2 * rounds)
    engine = create_engine(url)
    yield "| nothing cached | ms of SQL | of a thirtieth | times | plain aggregates, ms | times |"
    yield "|---|---|---|---|---|---|"
    for period in ("30d", "90d", "year"):
        plain = time_plain(engine, period, rounds)
        whole = sum(plain.values())
        yield (
            f"| {period} | {ours[period]:.1f} | {small[period]:.1f} "
            f"| {ours[period] / small[period]:.2f} | {whole:,.0f} | {whole / ours[period]:,.0f} |"
        )
        said = ", ".join(f"{name} {taken:,.0f}" for name, taken in plain.items())
        yield f"| | | | | {said} | |"
    yield ""
    engine.dispose()


def pages(url: str, folder: Path, seconds: float) -> Iterator[str]:
    urls = {"ours": url, "floor": url, "Django": fill_for_peers(url, folder)}
    with signed_in(urls, folder) as clients:
        taken = times_of({name: (clients[name], ADDRESSES[name]) for name in urls}, seconds)
    for name, timing in taken.items():
        times = timing.median / taken["floor"].median
        yield f"- {name}: warm page {timing.median:.1f} ms, {times:.1f} times the floor"
    yield ""


if __name__ == "__main__":
    main()
