"""The revisions that one command runs, in order, and who is told of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from alembic.runtime.migration import MigrationContext, MigrationInfo, RevisionStep

from backoffice.revisions import backfill
from backoffice.revisions.patience import Patience, set_limits

Made = Callable[[tuple[str, ...], MigrationContext], Iterable[RevisionStep]]
"""What Alembic's command gives: (revision the database is at, context) -> its steps."""


class Watch:
    """Told of each revision; this one prints "0001 tables", or "0001 tables taken back"."""

    number = 0
    """How many were run."""

    def filled(self, filled: backfill.Filled) -> None:
        """A backfill goes on, or is done."""
        click.echo(
            f"{filled.name}: {filled.rows:,} rows, up to id {filled.position:,}, "
            f"{filled.batches:,} batches in {filled.seconds:.1f} s, longest {filled.longest:.2f} s",
            err=True,
        )

    def begins(self, step: RevisionStep, context: MigrationContext) -> None:
        """The revision's transaction is about to begin."""

    def applied(self, *, ctx: MigrationContext, step: MigrationInfo, **_: Any) -> None:
        """All is done, and nothing is committed yet."""
        name = title(_module(step))
        click.echo(name if step.is_upgrade else f"{name} taken back")

    def ended(self, step: RevisionStep, context: MigrationContext) -> None:
        """The revision is committed."""
        self.number += 1


class Steps:
    """A plan that is made once: a later try goes on where the last one ended, also for "+2"."""

    def __init__(self, make: Made, watch: Watch, patience: Patience) -> None:
        self._make = make
        self._watch = watch
        self._patience = patience
        self._left: list[RevisionStep] | None = None

    def __call__(self, heads: tuple[str, ...], context: MigrationContext) -> Iterator[RevisionStep]:
        """Yield each step; asked for the next one, the last one is committed."""
        assert context.connection is not None  # noqa: S101 - online
        if self._left is None:
            self._left = list(self._make(heads, context))
        while self._left:
            step = self._left[0]
            # What Alembic read began a transaction; on SQLite that holds the one write lock.
            context.connection.commit()
            if step.is_upgrade:
                self._fill(step, context)
            # Again for each: the one before may have set others.
            set_limits(context.connection, self._patience)
            self._watch.begins(step, context)
            yield step
            self._left.pop(0)
            self._watch.ended(step, context)

    @property
    def next(self) -> str:
        """The name of the revision that is being run."""
        return title(self._left[0].revision.module) if self._left else "the version table"

    def _fill(self, step: RevisionStep, context: MigrationContext) -> None:
        """Run the revision's ``BACKFILL`` before its transaction: its own are many and short."""
        fill: backfill.Batches | None = getattr(step.revision.module, "BACKFILL", None)
        if fill is not None:
            assert context.connection is not None  # noqa: S101 - online
            filled = backfill.run(context.connection.engine, fill, self._watch.filled)
            self._watch.filled(filled)


def forget_backfill(*, ctx: MigrationContext, step: MigrationInfo, **_: Any) -> None:
    """Taken back, a revision's ``BACKFILL`` is to be done anew when it comes again."""
    fill = getattr(_module(step), "BACKFILL", None)
    if fill is not None and not step.is_upgrade:
        assert ctx.connection is not None  # noqa: S101 - online
        backfill.forget(ctx.connection, fill)


def _module(step: MigrationInfo) -> ModuleType:
    script: Any = step.up_revision  # Alembic's annotation names the parent class
    module: ModuleType = script.module
    return module


def title(module: ModuleType) -> str:
    """The name of a revision's file in words: "0001 tables"."""
    return Path(str(module.__file__)).stem.replace("_", " ")
