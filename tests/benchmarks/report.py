"""What the grid benchmark found, as Markdown: tables, and the targets met or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.grid_cases import Case
from tests.benchmarks.measure import Timing
from tests.benchmarks.trials import Changed, Exported

Results = dict[str, dict[str, Timing]]
"""Case -> server -> what it took."""


@dataclass
class Found:
    """All that was measured on one kind of database; what was left out stays empty."""

    kind: str
    sizes: str = ""
    cases: Sequence[Case] = ()
    pages: Results = field(default_factory=dict)
    counted: dict[str, dict[str, int | None]] = field(default_factory=dict)
    scale: dict[str, Timing] = field(default_factory=dict)
    throughput: dict[str, float] = field(default_factory=dict)
    export: Exported | None = None
    change: Changed | None = None
    notes: list[str] = field(default_factory=list)

    def ratios(self, slower: str, faster: str, *kinds: str) -> dict[str, float]:
        """Case -> how many times as long as ``faster`` ``slower`` takes."""
        found = {}
        for case in self.cases:
            page = self.pages[case.name]
            if case.kind in kinds and slower in page and faster in page:
                found[case.name] = page[slower].median / page[faster].median
        return found


def page_table(found: Found) -> Iterator[str]:
    yield f"### {found.kind}: {found.sizes}"
    yield ""
    yield "| page | server | median, ms | p95, ms | n | statements | bytes | × floor | × ours |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for case in found.cases:
        page = found.pages[case.name]
        for name, timing in page.items():
            statements = timing.statements or found.counted.get(case.name, {}).get(name)
            floor, ours = (
                f"{timing.median / page[base].median:.1f}" if base in page and base != name else ""
                for base in ("floor", "ours")
            )
            yield (
                f"| {case.name} | {name} | {timing.median:.1f} | {timing.p95:.1f} "
                f"| {len(timing.times)} | {statements or ''} | {timing.size:,} "
                f"| {floor} | {ours} |"
            )


def trial_lines(found: Found) -> Iterator[str]:
    for name, timing in found.scale.items():
        yield f"- ours, {name}: median {timing.median:.2f} ms, p95 {timing.p95:.2f} ms"
    for name, rate in found.throughput.items():
        yield f"- {name}: {rate:,.1f} requests/s, 8 connections, 2 processes"
    if found.export:
        x = found.export
        yield (
            f"- export of {x.rows:,} rows, {x.size:,} bytes: first byte after "
            f"{x.first_byte_seconds:.2f} s, {x.seconds:.1f} s, {x.rows / x.seconds:,.0f} rows/s, "
            f"{x.memory_mb:.1f} MiB above idle"
        )
    if found.change:
        c = found.change
        yield (
            f"- change of all prices: request of {c.request_bytes:,} bytes, {c.seconds:.1f} s, "
            f"{c.statements} statements, {c.pages_meanwhile} pages of somebody else meanwhile"
        )
        yield from (
            f"- somebody's list {name}: p95 {usual:.1f} ms, meanwhile {c.meanwhile_ms[name]:.1f} ms"
            for name, usual in c.usual_ms.items()
        )
    yield from (f"- {note}" for note in found.notes)
