"""What the revisions before a statement have made, so that it is judged with that in mind."""

from __future__ import annotations

from dataclasses import dataclass, field

from backoffice.revisions.rules import SMALL

COPY = "_alembic_tmp_"
"""Before a table's name: what a batch on SQLite fills before it takes the table's place."""


@dataclass
class Known:
    """What the revisions so far have told; ``made`` and what follows are this revision's."""

    filled: dict[str, str] = field(default_factory=dict)
    """Constraint -> the column that it says is not null."""
    proven: set[tuple[str, str]] = field(default_factory=set)
    """(table, column) that a validated check says has no null."""
    indexes: dict[str, str] = field(default_factory=dict)
    """Index -> its table."""
    made: set[str] = field(default_factory=set)
    rebuilt: set[str] = field(default_factory=set)
    added: set[str] = field(default_factory=set)

    def begin_revision(self) -> None:
        """Forget what the last revision made: its tables have rows by now."""
        self.made, self.rebuilt, self.added = set(), set(), set()

    def is_new(self, table: str) -> bool:
        """Whether this revision made it: nobody reads it yet, and it is empty."""
        return table in self.made

    def is_spared(self, table: str) -> bool:
        """Whether it is new or small."""
        return self.is_new(table) or table in SMALL
