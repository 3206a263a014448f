"""What no single page tells: load, size, an export, a change of everything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter

from tests.benchmarks.client import Client, UnexpectedAnswerError
from tests.benchmarks.measure import Timing, client_of, memory_kib, percentile_95, times_of
from tests.benchmarks.servers import ROOT, copied, serving
from tests.redis_server import RedisServer

CONNECTIONS = 8
WORKERS = 2
WARM_UP_SECONDS = 4.0
PRODUCTS = "/admin/products/"
EXPORT = f"{PRODUCTS}export/?format=csv"
BULK = f"{PRODUCTS}action/"
OTHERS = {"newest first": PRODUCTS, "by name": f"{PRODUCTS}?sort=name&desc=0"}
"""What somebody else looks at while all prices change: the rows that change come first, or not."""
USUAL_PAGES = 60
FULL, MIDDLE, SMALL = "first page", "middle page", "first page of 10,000 products"


def throughput(
    addresses: Mapping[str, str], urls: Mapping[str, str], folder: Path, seconds: float
) -> dict[str, float]:
    """Server -> answered requests a second, by 8 connections to 2 processes."""
    found = {}
    for name, url in urls.items():
        # Several processes of ours share cache and limits by Redis.
        redis = RedisServer(folder)
        try:
            with serving(name, url, folder, workers=WORKERS, REDIS_URL=redis.url) as server:
                client = client_of(server)
                cookies = client.headers.get("Cookie", "")
                for length in (WARM_UP_SECONDS, seconds):
                    found[name] = _load(server.port, addresses[name], cookies, length)
        finally:
            redis.stop()
    return found


def _load(port: int, path: str, cookies: str, seconds: float) -> float:
    """:raises UnexpectedAnswerError: not every answer was a page."""
    arguments = (str(port), path, cookies, str(CONNECTIONS), str(seconds))
    command = (sys.executable, "-m", "tests.benchmarks.load", *arguments)
    run = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    answered, failed, lasted = map(float, run.stdout.split())
    if failed:
        raise UnexpectedAnswerError(f"{path}: {failed:.0f} requests failed")
    return answered / lasted


def compare_sizes(
    url: str, small_url: str, middle: str, folder: Path, seconds: float
) -> dict[str, Timing]:
    """Our first page over both databases, and the one at ``middle`` of the full size, in turn."""
    beside = folder / "beside"
    beside.mkdir(exist_ok=True)
    with serving("ours", url, folder) as full, serving("ours", small_url, beside) as small:
        client = client_of(full)
        pages = {
            FULL: (client, PRODUCTS),
            MIDDLE: (client, middle),
            SMALL: (client_of(small), PRODUCTS),
        }
        return times_of(pages, seconds)


@dataclass(frozen=True)
class Exported:
    """One export; memory is what the process took at its peak more than before."""

    rows: int
    size: int
    first_byte_seconds: float
    seconds: float
    memory_mb: float


def export(url: str, folder: Path) -> Exported | None:
    """All products as CSV, or None where there is no such page."""
    with serving("ours", url, folder) as server:
        client = client_of(server)
        client.page(PRODUCTS)
        (worker,) = server.workers
        before = memory_kib(worker.pid, "VmRSS")
        Path(f"/proc/{worker.pid}/clear_refs").write_text("5")  # the peak begins anew
        connection = HTTPConnection("127.0.0.1", server.port, timeout=600)
        started = perf_counter()
        connection.request("GET", EXPORT, headers=client.headers)
        response = connection.getresponse()
        if response.status != 200:
            return None
        first = size = lines = 0
        while chunk := response.read1(1 << 16):
            first = first or perf_counter() - started
            lines += chunk.count(b"\n")
            size += len(chunk)
        seconds = perf_counter() - started
        memory = (memory_kib(worker.pid, "VmHWM") - before) / 1024
    return Exported(lines - 1, size, first, seconds, memory)


@dataclass(frozen=True)
class Changed:
    """One change of all prices, and the p95 in ms of somebody else's lists before and during it."""

    request_bytes: int
    seconds: float
    statements: int | None
    usual_ms: dict[str, float]
    meanwhile_ms: dict[str, float]
    pages_meanwhile: int

    @property
    def ratios(self) -> dict[str, float]:
        return {name: self.meanwhile_ms[name] / usual for name, usual in self.usual_ms.items()}


def change_all_prices(url: str, folder: Path) -> Changed | None:
    """Raise all prices by 5 %, in a copy of the data; None where there is no such action."""
    with copied(url, "changed") as copy, serving("ours", copy, folder) as server:
        staff, other = client_of(server), client_of(server)
        form = staff.page(PRODUCTS).hidden
        form |= {"action": "price", "scope": "all", "by": "percent", "figure": "5"}
        preview = staff.post(BULK, form | {"step": "preview"})
        if preview.status in {404, 405}:
            return None
        if preview.status != 200:
            raise UnexpectedAnswerError(f"{BULK}: status {preview.status}")
        usual: dict[str, list[float]] = {name: [] for name in OTHERS}
        meanwhile: dict[str, list[float]] = {name: [] for name in OTHERS}
        for _ in range(USUAL_PAGES):
            _look_around(other, usual)
        with ThreadPoolExecutor(1) as pool:
            applying = pool.submit(staff.post, BULK, form | preview.hidden | {"step": "apply"})
            while not applying.done():
                _look_around(other, meanwhile)
        answer = applying.result()
        if answer.status != 302:
            raise UnexpectedAnswerError(f"{BULK}: status {answer.status}, not changed")
    return Changed(
        answer.sent,
        answer.seconds,
        answer.statements,
        {name: percentile_95(times) for name, times in usual.items()},
        {name: percentile_95(times) for name, times in meanwhile.items()},
        sum(map(len, meanwhile.values())),
    )


def _look_around(client: Client, times: dict[str, list[float]]) -> None:
    """One look at each of the others' lists, in ms."""
    for name, address in OTHERS.items():
        times[name].append(1000 * client.page(address).seconds)
