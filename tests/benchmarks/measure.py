"""Times of pages: the servers are asked in turn, so that noise hits all of them alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median

from tests.benchmarks.client import Client
from tests.benchmarks.grid_cases import Case
from tests.benchmarks.servers import Server, serving
from tests.benchmarks.staff import EMAIL, PASSWORD

PEERS = ("Flask-Admin", "Django", "starlette-admin")
LEAST_TIMES, MOST_TIMES = 7, 60
WARM_UPS = 2

SIGN_IN = {
    "ours": ("/login", {"email": EMAIL, "password": PASSWORD}),
    "Flask-Admin": ("/login", {"email": EMAIL, "password": PASSWORD}),
    "Django": ("/admin/login/?next=/admin/", {"username": EMAIL, "password": PASSWORD}),
    "starlette-admin": ("/admin/login", {"username": EMAIL, "password": PASSWORD}),
}


@dataclass(frozen=True)
class Timing:
    """What one page of one server took: milliseconds, bytes, and statements if they are told."""

    times: Sequence[float]
    size: int
    statements: int | None = None

    @property
    def median(self) -> float:
        return median(self.times)

    @property
    def p95(self) -> float:
        return percentile_95(self.times)


def percentile_95(times: Sequence[float]) -> float:
    """The smallest of ``times`` that 95 % of them do not exceed: of fewer than 20 the largest."""
    return percentile(times, 0.95)


def percentile(times: Sequence[float], part: float) -> float:
    """The smallest of ``times`` that ``part`` of them, from 0 to 1, do not exceed."""
    return sorted(times)[ceil(part * len(times)) - 1]


def memory_kib(pid: int, name: str) -> int:
    """What the kernel says of a process, such as its peak ``VmHWM``; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


@contextmanager
def signed_in(
    urls: Mapping[str, str], folder: Path, **environment: str
) -> Iterator[dict[str, Client]]:
    """A client of each server, which runs over the database of its name in ``urls``."""
    with ExitStack() as stack:
        yield {
            name: client_of(stack.enter_context(serving(name, url, folder, **environment)))
            for name, url in urls.items()
        }


def client_of(server: Server) -> Client:
    client = Client(server.port)
    if server.name in SIGN_IN:
        client.sign_in(*SIGN_IN[server.name])
    return client


def times_of(
    pages: Mapping[str, tuple[Client, str]], seconds: float, rows: int = 0
) -> dict[str, Timing]:
    """Name -> times of its page, asked for in rounds.

    A page that has used up its share of ``seconds`` sits out once it was asked for often enough.

    :param pages: Name -> who asks, and the path.
    """
    times: dict[str, list[float]] = {name: [] for name in pages}
    answers = {}
    for name, (client, path) in pages.items():
        for _ in range(WARM_UPS):
            answers[name] = client.page(path, rows)
    waiting = set(pages)
    while waiting:
        for name in [name for name in pages if name in waiting]:
            client, path = pages[name]
            times[name].append(1000 * client.page(path, rows).seconds)
            used_up = sum(times[name]) > 1000 * seconds / len(pages)
            if len(times[name]) >= (LEAST_TIMES if used_up else MOST_TIMES):
                waiting.remove(name)
    return {
        name: Timing(times[name], len(answer.body), answer.statements)
        for name, answer in answers.items()
    }


def time_cases(
    cases: Sequence[Case], clients: Mapping[str, Client], seconds: float
) -> dict[str, dict[str, Timing]]:
    """Case -> server -> times."""
    return {
        case.name: times_of(
            {
                name: (client, case.addresses[name])
                for name, client in clients.items()
                if name in case.addresses
            },
            seconds,
            case.rows,
        )
        for case in cases
    }


def count_statements(
    cases: Sequence[Case], clients: Mapping[str, Client]
) -> dict[str, dict[str, int | None]]:
    """Case -> server -> statements, of servers that were told to count them."""
    counted: dict[str, dict[str, int | None]] = {}
    for case in cases:
        counted[case.name] = {}
        for name, client in clients.items():
            if name in case.addresses:
                client.get(case.addresses[name])
                counted[case.name][name] = client.get(case.addresses[name]).statements
    return counted
