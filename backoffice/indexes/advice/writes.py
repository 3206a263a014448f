"""What an index costs those who write: the same batches with it and without, in turn, on a copy.

The copy has neither triggers nor foreign keys, so a share is of the bare table's writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from operator import sub
from statistics import fmean

from sqlalchemy import Integer, String, UniqueConstraint

from backoffice.database import Base
from backoffice.indexes.advice.candidates import Candidate
from backoffice.indexes.advice.copied import Scratch
from backoffice.indexes.advice.measure import ROUNDS
from backoffice.indexes.advice.workload import Writes

TURNS_A_ROUND = 6
"""An index costs a tenth of a write: that is told surely by some hundred batches of each side."""

BATCHES_A_TURN = 8
MOST_ROWS = 100
"""Rows of a batch; fewer where the table has few. Short, so that some batches are undisturbed."""

TWINS = ("advise_twin_1", "advise_twin_2")
"""Beside the index, two that are alike: a third of what all three cost is told more surely, since
one costs no more than batches differ by themselves.
"""

NEW, OLD = "advise_new", "advise_old"
KINDS = ("insert", "update", "other", "delete")


@dataclass(frozen=True)
class Cost:
    """Microseconds a row, see ``_middle``: with the index more than without, and without.

    ``update`` is of the index's own columns, ``other`` of ``version`` and ``updated_at``, as every
    change of a record writes them.
    """

    insert: float
    update: float
    other: float
    delete: float
    bare: dict[str, float]

    def share(self, kind: str) -> float:
        """How much longer a write of this kind takes: 0.04 is 4 percent."""
        return float(getattr(self, kind) / self.bare[kind]) if self.bare.get(kind) else 0.0

    def of(self, writes: Writes, columns: frozenset[str]) -> float:
        """Seconds over all the writes of the period."""
        cost = writes.inserts * self.insert + writes.deletes * self.delete
        for changed, rows in writes.updates.items():
            concerned = bool(changed & columns) or "*" in changed
            cost += rows * (self.update if concerned else self.other)
        return cost / 1e6

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def measure_writes(
    scratch: Scratch,
    candidate: Candidate,
    *,
    rounds: int = ROUNDS,
    name: str = "",
    kinds: Sequence[str] = KINDS,
) -> Cost:
    """Write batches with the index of ``candidate``, which is there, and without; all is undone.

    :param name: The index's name where it is another than the candidate's.
    """
    turns = rounds * TURNS_A_ROUND
    batches = turns * BATCHES_A_TURN
    size = max(1, min(MOST_ROWS, scratch.rows[candidate.table] // len(KINDS) // batches))
    statements = {k: v for k, v in _statements(candidate).items() if k in kinds}
    taken: dict[tuple[str, bool], list[float]] = defaultdict(list)
    alike = [name or candidate.name, *TWINS]
    with _staged(scratch, candidate.table, len(KINDS) * size * batches), _twins(scratch, candidate):
        for turn, kind in product(range(turns), statements):
            batches_now = range(turn * BATCHES_A_TURN, (turn + 1) * BATCHES_A_TURN)
            for without in (True, False) if turn % 2 else (False, True):
                # A transaction for each: what others have written in it would be in the way of
                # the next one's pages.
                with scratch.transaction(alike if without else []):
                    # Once to warm: each side finds its pages in memory then.
                    for counts in (False, True):
                        with scratch.connection.begin_nested() as attempt:
                            seconds = _written(scratch, statements, kind, batches_now, size)
                            if counts:
                                taken[kind, without] += (1e6 * one / size for one in seconds)
                            attempt.rollback()
    scratch.tidy(candidate.table)
    bare = {kind: _middle(taken[kind, True]) for kind in statements}
    more = {
        # A batch beside itself: others have other rows, which cost more or less by themselves.
        kind: max(0.0, _middle(list(map(sub, taken[kind, False], taken[kind, True]))) / len(alike))
        for kind in statements
    }
    return Cost(**{kind: more.get(kind, 0.0) for kind in KINDS}, bare=bare)


def _middle(taken: list[float]) -> float:
    """The mean of the middle half: as steady as a median nearly, by more of what is known."""
    quarter = len(taken) // 4
    return fmean(sorted(taken)[quarter : len(taken) - quarter])


def _written(
    scratch: Scratch, statements: dict[str, str], kind: str, batches: range, size: int
) -> list[float]:
    """Seconds of each batch of one kind, each kind's of rows of its own."""
    seconds = []
    for batch in batches:
        first = (batch * len(KINDS) + KINDS.index(kind)) * size
        span = f"place > {first} AND place <= {first + size}"
        started = scratch.clock(alone=True)
        scratch.run(statements[kind].replace("{span}", span))
        seconds.append(scratch.clock(alone=True) - started)
    return seconds


@contextmanager
def _twins(scratch: Scratch, candidate: Candidate) -> Iterator[None]:
    try:
        with scratch.connection.begin():
            for twin in TWINS:
                scratch.run(candidate.made_as(twin))
        yield
    finally:
        with scratch.connection.begin():
            for twin in TWINS:
                scratch.run(f"DROP INDEX IF EXISTS {twin}")


class _staged:  # noqa: N801 - reads as the function that it is
    """The rows of all batches: new ones, which are like the newest, and old ones from all over."""

    def __init__(self, scratch: Scratch, table: str, rows: int) -> None:
        self.scratch, self.table, self.rows = scratch, table, rows

    def __enter__(self) -> None:
        columns = ", ".join(_columns(self.table))
        # Scattered by a hash of their keys, the same at each run.
        scattered = "(id * 2654435761) % 1000003, id"
        new = ", ".join(f"{value} AS {name}" for name, value in _new_values(self.table))
        old = ", ".join(
            f"coalesce(lead({name}) OVER (ORDER BY place), {name}) AS new_{name}"
            for name in _columns(self.table)
        )
        with self.scratch.connection.begin():
            self._drop()
            for name, chosen, order in ((NEW, new, "id DESC"), (OLD, f"id, {old}", scattered)):
                self.scratch.run(
                    f"CREATE TABLE {name} AS SELECT {chosen}, place FROM (SELECT {columns}, "  # noqa: S608
                    f"row_number() OVER (ORDER BY {order}) AS place FROM {self.table} "
                    f"ORDER BY {order} LIMIT {self.rows}) AS taken"
                )
                self.scratch.run(f"CREATE INDEX {name}_place ON {name} (place)")
                self.scratch.run(f"ANALYZE {name}")

    def __exit__(self, *_: object) -> None:
        with self.scratch.connection.begin():
            self._drop()

    def _drop(self) -> None:
        for table in (NEW, OLD):
            self.scratch.run(f"DROP TABLE IF EXISTS {table}")


def _statements(candidate: Candidate) -> dict[str, str]:
    """Kind -> the statement that writes one batch."""
    table = candidate.table
    columns = ", ".join(_columns(table))
    found = {
        "insert": f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {NEW} WHERE {{span}}",  # noqa: S608
        "delete": f"DELETE FROM {table} WHERE id IN (SELECT id FROM {OLD} WHERE {{span}})",  # noqa: S608
    }
    concerned = [name for name in concerned_by(candidate) if name not in _unique(table)]
    if concerned:
        found["update"] = _update(table, concerned)
    other = [name for name in _columns(table) if name in {"version", "updated_at"}]
    if other:
        found["other"] = _update(table, other)
    return found


def concerned_by(candidate: Candidate) -> list[str]:
    """The columns whose change the index has to follow, those of its condition included."""
    where = candidate.where or ""
    return [name for name in _columns(candidate.table) if name in candidate.names or name in where]


def _update(table: str, columns: list[str]) -> str:
    # By the batch and not the table, which a planner might otherwise read whole.
    changes = ", ".join(f"{name} = new_{name}" for name in columns)
    return f"UPDATE {table} SET {changes} FROM {OLD} WHERE {table}.id = {OLD}.id AND {{span}}"  # noqa: S608


def _columns(table: str) -> list[str]:
    return [column.name for column in Base.metadata.tables[table].columns]


def _unique(table: str) -> set[str]:
    found = Base.metadata.tables[table]
    unique = {column.name for column in found.primary_key.columns}
    for constraint in found.constraints:
        if isinstance(constraint, UniqueConstraint):
            unique |= {column.name for column in constraint.columns}
    return unique


def _new_values(table: str) -> Iterator[tuple[str, str]]:
    """Each column of a new row: like an old one, but for the values that must be unique."""
    columns = Base.metadata.tables[table].columns
    references = {column.name for column in columns if column.foreign_keys}
    for column in columns:
        name, value = column.name, column.name
        if name == "id":
            value = f"(SELECT max(id) FROM {table}) + place"  # noqa: S608
        elif name in _unique(table) and name not in references:
            if isinstance(column.type, Integer):
                value = "1000000 + place"
            elif isinstance(column.type, String):
                value = f"substr({name}, 1, 40) || '~' || place"
        yield name, value
