"""Everything that is known of each index, for the page, `indexes list` and `indexes check`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from backoffice.indexes.declared import declared_indexes
from backoffice.indexes.found import Found, found_indexes
from backoffice.indexes.notes import read_note
from backoffice.indexes.overlap import covered, duplicates
from backoffice.indexes.plan import Comparison, State, compare
from backoffice.indexes.sizes import Size, shown, sizes
from backoffice.indexes.usage import Usage, usage

UNUSED_AFTER = timedelta(days=7)
"""How long nobody may have used an index before it is said to be unused."""


@dataclass(frozen=True)
class IndexReport:
    """One index. What nobody knows is None."""

    name: str
    table: str
    columns: tuple[str, ...]
    """As declared where it is, else as found."""
    there: tuple[str, ...]
    """As found; empty where it is missing."""
    condition: str
    """Which rows it holds; empty: all."""
    unique: bool
    behind: str
    """"primary key" or "unique constraint", where it belongs to one."""
    valid: bool
    """False also of one that is undeclared and serves nobody."""
    state: State
    duplicate_of: str | None
    covered_by: str | None
    size: Size
    uses: int | None
    uses_are_plans: bool
    """``uses`` counts recorded plans that name it, not executions: all that SQLite can say."""
    plans: int
    used_last: datetime | None
    counted_since: datetime | None
    """Since when ``uses`` is counted, or since it was built, whichever is later."""
    built_at: datetime | None
    built_in: float | None
    """Seconds that the build took."""

    @property
    def is_there(self) -> bool:
        """Whether the database has it, in whatever state."""
        return bool(self.there)

    @property
    def is_well(self) -> bool:
        """Whether it is as declared, and no other is the same."""
        return self.state is State.PRESENT and not self.duplicate_of

    @property
    def never_used(self) -> bool | None:
        """Whether nobody used it for ``UNUSED_AFTER``; what forbids doubles is always of use."""
        if self.state is not State.PRESENT and self.state is not State.UNDECLARED:
            return None
        if self.unique:
            return False
        if self.uses:
            return False
        if self.uses is None or self.counted_since is None:
            return None
        return True if self.counted_for > UNUSED_AFTER else None

    @property
    def counted_for(self) -> timedelta:
        """For how long uses were counted."""
        return datetime.now(UTC) - (self.counted_since or datetime.now(UTC))

    @property
    def size_shown(self) -> str:
        """The size for people, empty where nobody knows it."""
        if self.size.bytes is None:
            return ""
        return ("about " if self.size.is_estimate else "") + shown(self.size.bytes)


def indexes_of(
    connection: Connection, *, exact: bool = False, behind: bool = False
) -> list[IndexReport]:
    """Every index of our tables, declared or found, by table and name.

    :param exact: Also where it takes a second: see ``sizes``.
    :param behind: Also those behind primary keys and unique constraints.
    """
    found = found_indexes(connection)
    compared = compare(connection, found)
    if behind:
        compared += [_of_constraint(index) for index in found if index.behind]
    declared = [str(index.name) for index in declared_indexes(connection)]
    doubled, longer = duplicates(found, declared), covered(found)
    size, used = sizes(connection, found, exact=exact), usage(connection)
    return [
        _report(
            index,
            doubled.get(index.name),
            longer.get(index.name),
            size.get(index.name, Size()),
            used,
        )
        for index in sorted(compared, key=lambda index: (index.table, index.name))
    ]


def _of_constraint(index: Found) -> Comparison:
    return Comparison(index.name, index.table, index.keys, "", State.PRESENT, found=index)


def _report(
    index: Comparison, duplicate_of: str | None, covered_by: str | None, size: Size, used: Usage
) -> IndexReport:
    here = index.found
    built_at, built_in = read_note(here.comment if here else "")
    starts = [moment for moment in (used.since, built_at) if moment]
    return IndexReport(
        name=index.name,
        table=index.table,
        columns=index.columns,
        there=here.keys if here else (),
        condition=index.condition,
        unique=index.unique,
        behind=here.behind if here else "",
        valid=here.valid if here else False,
        state=index.state,
        duplicate_of=duplicate_of,
        covered_by=covered_by,
        size=size,
        uses=used.of(index.name) if here else None,
        uses_are_plans=used.by_plans,
        plans=used.plans,
        used_last=used.last.get(index.name),
        counted_since=max(starts, default=None) if used.since else None,
        built_at=built_at,
        built_in=built_in,
    )
