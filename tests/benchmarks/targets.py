"""The targets of the lists, and which of them a run met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.benchmarks.report import Found
from tests.benchmarks.trials import FULL, MIDDLE, SMALL

PEERS = ("Django", "Flask-Admin")


@dataclass(frozen=True)
class Target:
    """A bound and the value that was measured, None where it was not."""

    name: str
    bound: str
    value: float | None
    met: bool
    where: str = ""

    def row(self, kind: str) -> str:
        if self.value is None:
            return f"| {kind} | {self.name} | {self.bound} | | not measured |"
        where = f" ({self.where})" if self.where else ""
        verdict = "met" if self.met else "**not met**"
        return f"| {kind} | {self.name} | {self.bound} | {self.value:,.2f}{where} | {verdict} |"


def at_most(name: str, bound: float, value: float | None, where: str = "") -> Target:
    met = value is not None and value <= bound
    return Target(name, f"≤ {bound:,g}", value, met, where)


def at_least(name: str, bound: float, value: float | None, where: str = "") -> Target:
    met = value is not None and value >= bound
    return Target(name, f"≥ {bound:,g}", value, met, where)


def most(name: str, bound: float, found: dict[str, float]) -> Target:
    """The largest of ``found``, which is named."""
    where = max(found, key=lambda case: found[case], default="")
    return at_most(name, bound, found.get(where), where)


def least(name: str, bound: float, found: dict[str, float]) -> Target:
    where = min(found, key=lambda case: found[case], default="")
    return at_least(name, bound, found.get(where), where)


def target_table(all_found: list[Found]) -> Iterator[str]:
    yield "### Targets"
    yield ""
    yield "| database | what | target | worst measured | |"
    yield "|---|---|---|---|---|"
    for found in all_found:
        for target in (*_of_lists(found), *_of_trials(found)):
            yield target.row(found.kind)


def _of_lists(found: Found) -> Iterator[Target]:
    is_sqlite = found.kind == "sqlite"
    yield most("lists: times the floor", 3, found.ratios("ours", "floor", "page", "filter"))
    for peer in PEERS:
        ratios = found.ratios(peer, "ours", "page", "filter")
        yield least(f"lists: times faster than {peer}", 4 if is_sqlite else 8, ratios)
    medians = {
        case.kind: found.pages[case.name]["ours"].median
        for case in found.cases
        if "ours" in found.pages[case.name]
    }
    yield at_most("search with few hits, ms", 30, medians.get("few"))
    yield at_most("search with many hits, ms", 50, medians.get("many"))
    ratios = found.ratios("Django", "ours", "few", "many")
    yield least("search: times faster than Django", 15, ratios)
    yield most("orders: times the floor", 4, found.ratios("ours", "floor", "orders"))
    statements = {
        case.name: float(found.pages[case.name]["ours"].statements or 0)
        for case in found.cases
        if case.kind == "orders"
    }
    yield most("orders: statements", 3, statements)


def _of_trials(found: Found) -> Iterator[Target]:
    scale = {name: timing.median for name, timing in found.scale.items()}
    middle = scale[MIDDLE] / scale[FULL] if scale else None
    yield at_most("middle page, times the first", 1.2, middle)
    size = scale[FULL] / scale[SMALL] if scale else None
    yield at_most("full size, times 10,000 products", 1.2, size)
    rates = found.throughput
    times = rates["ours"] / rates["Django"] if "Django" in rates else None
    yield at_least("requests/s, times Django's", 4 if found.kind == "sqlite" else 12, times)
    x = found.export
    yield at_most("export: first byte, s", 0.3, x and x.first_byte_seconds)
    yield at_most("export: memory above idle, MiB", 48, x and x.memory_mb)
    yield at_least("export: rows/s", 60_000, x and x.rows / x.seconds)
    c = found.change
    yield at_most("change of all prices: bytes of the request", 2_000, c and c.request_bytes)
    yield most("somebody else's p95 meanwhile, times the usual", 3, c.ratios if c else {})
