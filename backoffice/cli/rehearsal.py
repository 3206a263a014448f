"""./manage.py db rehearse: the pending migrations on a clone, as a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict

import click
from alembic.util import CommandError

from backoffice.cli import fail, with_app
from backoffice.revisions.rehearse import rehearse as rehearse_on_clone
from backoffice.revisions.trial import WAITS, Held, Rehearsal, RehearsalRefusedError, Trial


@click.command()
@click.argument("revision", default="head")
@click.option("--down", is_flag=True, help="Take them back too, and compare with what was.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of a table.")
@with_app
def rehearse(revision: str, down: bool, as_json: bool) -> None:
    """Run the pending migrations on a clone, and say how long they take and what they lock.

    The database is only read. The clone is dropped at the end, also after Ctrl-C; what one that
    was killed left is dropped by the next. Exits 1 when a migration fails, or --down found that
    taking back does not lead to what was.
    """
    try:
        done = rehearse_on_clone(revision, down=down, say=_say)
    except (CommandError, RehearsalRefusedError) as error:
        fail(str(error))
    if as_json:
        click.echo(json.dumps(asdict(done)))
    else:
        for line in _lines(done):
            click.echo(line)
    if done.failure:
        fail(done.failure)
    if done.differences:
        number = len(done.differences)
        what = (
            "1 thing is not as it was" if number == 1 else f"{number} things are not as they were"
        )
        fail(f"taken back, {what}")


def _say(words: str) -> None:
    if sys.stderr.isatty():
        click.echo(words, err=True)


def _lines(done: Rehearsal) -> Iterator[str]:
    if not done.trials:
        if not done.failure:
            yield f"nothing to rehearse: the database is at {done.revision or 'no migration'}"
        return
    yield f"clone of {_bytes(done.clone_bytes)} made in {done.clone_seconds:.1f} s"
    for trial in done.trials:
        yield from _trial_lines(trial)
    if done.differences is not None:
        for line in done.differences:
            yield f"not as it was: {line}"
        if not done.differences:
            yield "taken back: every column, rule, index and row is as it was"


def _trial_lines(trial: Trial) -> Iterator[str]:
    name = trial.revision if trial.is_upgrade else f"{trial.revision} taken back"
    rows = sum(trial.rows.values())
    parts = [f"{trial.seconds:.2f} s", f"{rows:,} rows written", f"disk {_bytes(trial.bytes, '+')}"]
    if trial.fill_seconds:
        parts.insert(0, f"filled before in {trial.fill_seconds:.1f} s")
    yield f"{name}: {', '.join(parts)}"
    width = max((len(held.table) for held in trial.locks), default=0)
    for held in trial.locks:
        yield f"  {held.table:{width}}  {_lock_words(held)}"


def _lock_words(held: Held) -> str:
    kind = held.lock.removesuffix("Lock")
    name = "".join(f" {letter}" if letter.isupper() else letter for letter in kind).strip().upper()
    shown = held.lock if held.lock == "write lock" else name
    rewritten = ", every row rewritten" if held.rewritten else ""
    return f"{shown} for {held.seconds:.2f} s: {WAITS.get(held.lock, 'somebody waits')}{rewritten}"


def _bytes(number: int, sign: str = "") -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if abs(number) >= size:
            return f"{number / size:{sign},.1f} {unit}"
    return f"{number / 1e3:{sign},.0f} kB"
