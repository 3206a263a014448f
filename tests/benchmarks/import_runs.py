"""Running a program and measuring it; whether two sides left the same rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from threading import Event, Thread
from time import perf_counter
from typing import Any
from zlib import crc32

import psutil
from sqlalchemy import Table, create_engine, event, text

from backoffice.models import OrderLine, Product
from tests.benchmarks.measure import memory_kib
from tests.benchmarks.servers import ROOT, copied, settings_of

FILLED = {"products": Product.__table__, "order-lines": OrderLine.__table__}
UNTOLD = {"id", "created_at", "updated_at", "version"}
"""Columns that each side may fill as it likes: all rows written, or only those that differ."""

BETWEEN_LOOKS = 0.2
"""Seconds between two looks at a process's memory, whose peak only rises."""


class WrongResultError(Exception):
    """A run did not do what it is measured for."""


@dataclass(frozen=True)
class Run:
    """One run of a program: seconds from start to end, memory of it and its children, output.

    ``start`` is how much of the seconds went by before the work began.
    """

    seconds: float
    peak_mib: float
    output: str
    start: float = 0.0


def run(
    command: Sequence[str], *, script: str = "", environment: Mapping[str, str] | None = None
) -> Run:
    """:raises WrongResultError: it failed."""
    with TemporaryFile() as given, TemporaryFile() as said:
        given.write(script.encode())
        given.seek(0)
        started = perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | (environment or {}),
            stdin=given,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        with _watching(process.pid) as peaks:
            status = process.wait()
            seconds = perf_counter() - started
        said.seek(0)
        output = said.read().decode()
    if status != 0:
        raise WrongResultError(f"{' '.join(command)}: exit {status}: {output[-2000:]}")
    return Run(seconds, sum(peaks.values()) / 1024, output)


@contextmanager
def _watching(pid: int) -> Iterator[dict[int, int]]:
    """Process -> peak of its memory in KiB.

    Not ``ru_maxrss`` of the ended process, which begins with the memory of whoever started it.
    """
    peaks: dict[int, int] = {}
    ended = Event()

    def look() -> None:
        while not ended.wait(BETWEEN_LOOKS):
            for one in _family(pid):
                peaks[one] = max(peaks.get(one, 0), memory_kib(one, "VmHWM"))

    watcher = Thread(target=look)
    watcher.start()
    try:
        yield peaks
    finally:
        ended.set()
        watcher.join()


def _family(pid: int) -> list[int]:
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def import_file(kind: str, file: Path, url: str, folder: Path, *options: str) -> Run:
    """Ours, as people run it."""
    arguments = ("import", kind, str(file), "--json", *options)
    command = (sys.executable, str(ROOT / "manage.py"), *arguments)
    return run(command, environment=settings_of(url, folder))


def report_of(imported: Run) -> dict[str, Any]:
    """What the command said that it did."""
    report: dict[str, Any] = json.loads(imported.output.strip().splitlines()[-1])
    return report


Side = Callable[[str], Run]
"""Does the work in the database at this URL."""


def race(
    state: str, sides: Mapping[str, Side], rounds: int, kind: str | None
) -> dict[str, list[Run]]:
    """Side -> its runs, each in a new copy of ``state``; they take turns in being first.

    :param kind: Whose table all sides must leave the same rows in, None where they need not.
    """
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    left: dict[str, tuple[int, int]] = {}
    for number in range(rounds):
        for name in sorted(sides, key=list(sides).index, reverse=number % 2 == 1):
            with copied(state, "running") as url:
                os.sync()  # else the first seconds would share the disk with the copy
                runs[name].append(sides[name](url))
                if kind:
                    left[name] = fingerprint(url, FILLED[kind])
            print(f"{name}: {runs[name][-1].seconds:.1f} s", file=sys.stderr)
        if len(set(left.values())) > 1:
            raise WrongResultError(f"the sides left different rows: {left}")
    return runs


def net_seconds(runs: Sequence[Run]) -> float:
    """What the runs took in the middle, without their start; it may take longer than few rows."""
    return max(median(one.seconds - one.start for one in runs), 0.01)


def fingerprint(url: str, table: Table) -> tuple[int, int]:
    """The number of rows, and a sum over what they say, in whichever order."""
    engine = create_engine(url)
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        event.listen(
            engine,
            "connect",
            lambda connection, _: connection.create_function(
                "hashtext", 1, lambda words: crc32(words.encode()), deterministic=True
            ),
        )
    parts = [
        f"coalesce(CAST({column.name} AS text), 'nothing')"
        for column in table.columns
        if column.name not in UNTOLD
    ]
    words = " || ' | ' || ".join(parts)
    with engine.connect() as connection:
        rows, total = connection.execute(
            text(f"SELECT count(*), sum(hashtext({words})) FROM {table.name}")
        ).one()
    engine.dispose()
    return rows, int(total or 0)
