"""Times of calls, and of the statements within."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event


def milliseconds(times: int, call: Callable[[], object]) -> float:
    """The median over ``times`` calls, after one that does not count."""
    call()
    taken = []
    for _ in range(times):
        started = perf_counter()
        call()
        taken.append(1000 * (perf_counter() - started))
    return median(taken)


@contextmanager
def statement_times(engine: Engine) -> Iterator[list[float]]:
    """The milliseconds of each statement that runs inside."""
    taken: list[float] = []
    started: list[float] = []

    def before(*_: Any) -> None:
        started.append(perf_counter())

    def after(*_: Any) -> None:
        taken.append(1000 * (perf_counter() - started.pop()))

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield taken
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)
