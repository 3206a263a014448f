"""What the query log costs a list's page.

    python -m tests.benchmarks.querylog --keep FOLDER

Three servers over one database are asked for the list of products in turn, in one run:

- on: as in production
- off: BACKOFFICE_QUERY_LOG=0; statements are recorded for Server-Timing, the foot and /metrics,
  and nothing is kept
- bare: nothing is recorded, Flask-SQLAlchemy's own record included (unrecorded.py)

A round asks each server so many times, in another order than the round before. Its ratio is that
of two servers' medians, or of the processor time that their processes took, the log's thread
included; of all rounds the median is told, with the interval that holds it with 95 % confidence
(bootstrap).
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.client import Client
from tests.benchmarks.data import Size, fill, our_app, sizes
from tests.benchmarks.measure import client_of
from tests.benchmarks.servers import Server, database, serving
from tests.benchmarks.staff import EMAIL, PASSWORD

KINDS = ("sqlite", "postgresql")
PAGE = "/admin/products/"
WARM_UPS = 40
SETTINGS = {"on": {}, "off": {"BACKOFFICE_QUERY_LOG": "0"}, "bare": {}}
PROGRAM = {"on": "ours", "off": "ours", "bare": "unrecorded"}


@dataclass(frozen=True)
class Round:
    """Milliseconds of each page, and of the processor for all of them, by server."""

    times: dict[str, list[float]]
    processor: dict[str, float]


def main() -> None:
    options = read_options()
    keeping = nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory()
    with keeping as name:
        for kind in options.databases:
            folder = Path(name) / kind
            folder.mkdir(parents=True, exist_ok=True)
            with database(kind, folder) as url:
                fill(url, folder, Size(options.products, options.orders))
                print(f"### {kind}: {sizes(our_app(url, folder))}\n")
                for line in report(rounds(url, folder, options)):
                    print(line, flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.querylog")
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--databases", type=lambda text: text.split(","), default=KINDS)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--pages", type=int, default=20, help="of each server in a round")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the databases there")
    return parser.parse_args()


def rounds(url: str, folder: Path, options: argparse.Namespace) -> list[Round]:
    with ExitStack() as stack:
        servers: dict[str, tuple[Server, Client]] = {}
        for name, settings in SETTINGS.items():
            apart = folder / name
            apart.mkdir(exist_ok=True)
            server = stack.enter_context(serving(PROGRAM[name], url, apart, **settings))
            client = client_of(server)
            if name == "bare":
                client.sign_in("/login", {"email": EMAIL, "password": PASSWORD})
            for _ in range(WARM_UPS):
                client.page(PAGE)
            servers[name] = server, client
        names = list(servers)
        found = []
        for number in range(options.rounds):
            # Each server comes first, second and last as often as the others.
            shift = number % len(names)
            found.append(one_round(servers, names[shift:] + names[:shift], options.pages))
        return found


def one_round(servers: dict[str, tuple[Server, Client]], names: Sequence[str], pages: int) -> Round:
    used = {name: processor_ms(servers[name][0]) for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(pages):
        for name in names:
            times[name].append(1000 * servers[name][1].page(PAGE).seconds)
    return Round(times, {name: processor_ms(servers[name][0]) - used[name] for name in names})


def processor_ms(server: Server) -> float:
    """Of the processes that answer, so far; the kernel counts in hundredths of a second."""
    spent = [process.cpu_times() for process in server.workers]
    return 1000 * sum(one.user + one.system for one in spent)


def report(found: Sequence[Round]) -> Iterator[str]:
    pages = sum(len(one.times["on"]) for one in found)
    yield "| server | median, ms | processor, ms a page |"
    yield "|---|---|---|"
    for name in SETTINGS:
        times = [time for one in found for time in one.times[name]]
        processor = sum(one.processor[name] for one in found) / pages
        yield f"| {name} | {median(times):.2f} | {processor:.2f} |"
    yield ""
    for base in ("off", "bare"):
        waited = ratio_of(found, lambda one, base=base: _waited(one, "on") / _waited(one, base))
        yield f"- page, on to {base}: {waited} of {len(found)} rounds, {pages:,} pages each"
        spent = ratio_of_sums(found, base)
        yield f"- processor, on to {base}: {spent}"
    yield ""


def _waited(one: Round, name: str) -> float:
    return median(one.times[name])


def ratio_of(found: Sequence[Round], ratio: Callable[[Round], float]) -> str:
    ratios = [ratio(one) for one in found]
    return _with_interval(ratios, median)


def ratio_of_sums(found: Sequence[Round], base: str) -> str:
    """Of the processor time of all rounds: one is too short for the clock of the kernel."""

    def ratio(some: Sequence[Round]) -> float:
        return sum(one.processor["on"] for one in some) / sum(one.processor[base] for one in some)

    return _with_interval(found, ratio)


def _with_interval(found: Sequence[object], figure: Callable[[Sequence[object]], float]) -> str:
    """The figure, and where it lies in 95 of 100 draws of as many with replacement."""
    draw = random.Random(1)
    drawn = sorted(figure(draw.choices(found, k=len(found))) for _ in range(1_000))
    return f"**{figure(found):.3f}** ({drawn[25]:.3f} to {drawn[974]:.3f})"


if __name__ == "__main__":
    main()
