"""What SQLite's program for a statement reads and sorts: more than EXPLAIN QUERY PLAN tells.

"SCAN t USING INDEX i" is what the plan says both of a list's page, which stops after 51 rows, and
of a count of the whole table. In the program the two differ: in a loop over a cursor (``Next`` or
``Prev``, which jumps back to its beginning) that has no condition to search by, the last operand
is 1; where a LIMIT ends it there is a ``DecrJumpZero`` inside, and where a filter can pass rows
over before that, a jump to the loop's end.

:source: SQLite, "The bytecode engine", and SQLITE_STMTSTATUS_FULLSCAN_STEP, which is that operand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

STEPS = 1_000
MOST_STEPS = 300_000
"""So many steps of the program sort about 15,000 rows; what takes fewer sorts a handful."""


class Op(NamedTuple):
    """One instruction."""

    addr: int
    opcode: str
    p1: int
    p2: int
    p3: int
    p4: Any
    p5: int
    comment: Any


class Loop(NamedTuple):
    """A loop over the rows of a cursor; ``all`` of them, not those that a search finds."""

    first: int
    last: int
    cursor: int
    all: bool


def judge_program(
    driver: Any, statement: str, parameters: Any, sizes: Mapping[str, int], large: int
) -> Iterator[tuple[str, str]]:
    """``reads`` or ``sorts``, and the table, for each loop that reads one whole or sorts it.

    :param sizes: Table or index -> entries.
    """
    program = [Op(*row) for row in driver.execute(f"EXPLAIN {statement}", parameters)]
    opened = _opened(driver, program)
    loops = [
        Loop(op.p2, op.addr, op.p1, op.p5 == 1) for op in program if op.opcode in {"Next", "Prev"}
    ]
    steps: int | None = None
    for loop in loops:
        index, table = opened.get(loop.cursor, ("", ""))
        if not loop.all or sizes.get(index, 0) < large:
            continue
        if not _is_limited(program, loop):
            yield "reads", table
        elif _passes_over(program, loop):
            # Few rows fit, or many: only running it tells.
            steps = _steps(driver, statement, parameters) if steps is None else steps
            if steps >= 2 * sizes[index]:
                yield "reads", table
    for table in _sorted(program, loops, opened):
        if sizes.get(table, 0) >= large:
            steps = _steps(driver, statement, parameters) if steps is None else steps
            if steps > MOST_STEPS:
                yield "sorts", table


def _opened(driver: Any, program: list[Op]) -> dict[int, tuple[str, str]]:
    """Cursor -> name of the index or table that it is on, and the table."""
    names = {
        root: (name, table)
        for root, name, table in driver.execute(
            "SELECT rootpage, name, tbl_name FROM sqlite_master"
        )
    }
    # The cursor of an index has its table's beside it, which is opened too.
    return {op.p1: names[op.p2] for op in program if op.opcode == "OpenRead" and op.p2 in names}


def _is_limited(program: list[Op], loop: Loop) -> bool:
    """Whether a LIMIT ends the loop."""
    return any(
        op.opcode == "DecrJumpZero" and not loop.first <= op.p2 <= loop.last
        for op in program[loop.first : loop.last]
    )


def _passes_over(program: list[Op], loop: Loop) -> bool:
    """Whether rows can be left out that the LIMIT does not count; OFFSET counts its own."""
    return any(
        op.p2 == loop.last and op.opcode not in {"IfPos", "Goto", "Yield"}
        for op in program[loop.first : loop.last]
    )


def _sorted(
    program: list[Op], loops: list[Loop], opened: Mapping[int, tuple[str, str]]
) -> Iterator[str]:
    """The tables whose rows come into a sort straight from a loop over them."""
    sorters = {op.p1 for op in program if op.opcode in {"Sort", "SorterSort"}}
    for op in program:
        if op.opcode in {"IdxInsert", "SorterInsert"} and op.p1 in sorters:
            for loop in loops:
                if loop.first <= op.addr <= loop.last and loop.cursor in opened:
                    yield opened[loop.cursor][1]


def _steps(driver: Any, statement: str, parameters: Any) -> int:
    """How many instructions it takes, in thousands, to run it to its end."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += STEPS
        return 0

    driver.set_progress_handler(count, STEPS)
    try:
        driver.execute(statement, parameters).fetchall()
    finally:
        driver.set_progress_handler(None, 0)
    return steps
