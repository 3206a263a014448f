"""Index advice as tables: what pays, and why the rest does not."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.table import Table

from backoffice.indexes.advice.measure import duration
from backoffice.indexes.advice.verdict import Advice, Report, Rules

WIDE = 150
"""Columns of the table in a pipe."""


def say(report: Report, rules: Rules) -> None:
    """Print it; statements that were not understood go to stderr."""
    if report.workload.unread:
        click.echo(f"{len(report.workload.unread)} statements were not understood", err=True)
    if not report.workload.questions:
        click.echo("no statement to serve")
        return
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    if report.paying:
        console.print(_paying(report))
    refused = [one for one in report.advice if not one.pays]
    # What was offered, or cost a trial of its own, deserves its reason; the rest are variants.
    if not report.paying:
        click.echo("no index pays")
    told = [one for one in refused if one.candidate.offered or one.reads]
    if told:
        console.print(_refused(told))
    if len(refused) > len(told):
        click.echo(f"{len(refused) - len(told)} other candidates add nothing to these, see --json.")
    click.echo(
        f"An index pays where readers gain {rules.least:.0%} of their time, {rules.noticed:g} ms "
        f"a call, and {rules.worth:g} times what writers lose."
    )
    for note in dict.fromkeys(note for one in report.paying for note in one.notes):
        click.echo(note)


def _paying(report: Report) -> Table:
    table = Table(title="Indexes that pay", title_justify="left")
    for heading in ("index", "statement"):
        table.add_column(heading, overflow="fold", ratio=1)
    for heading in ("calls", "before", "after", "times", "insert", "update", "size"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in report.paying:
        for number, read in enumerate(one.reads):
            least = "≥ " if read.stopped else ""
            cells = (_share(one, "insert"), _share(one, "update"), _size(one.bytes))
            table.add_row(
                "" if number else f"{one.candidate.name}\n{_balance(one)}",
                read.question.shape[:200],
                f"{read.question.calls:,}",
                f"{least}{duration(read.before / 1000)}",
                duration(read.after / 1000),
                f"{least}{read.factor:,.0f}",
                *(("", "", "") if number else cells),
                end_section=number == len(one.reads) - 1,
            )
    return table


def _refused(refused: list[Advice]) -> Table:
    table = Table(title="Refused", title_justify="left")
    table.add_column("candidate", overflow="fold")
    table.add_column("why", overflow="fold")
    for one in refused:
        table.add_row(str(one.candidate), one.reason)
    return table


def _balance(one: Advice) -> str:
    return f"readers gain {duration(one.gain)}, writers lose {duration(one.cost)}"


def _share(one: Advice, kind: str) -> str:
    return f"+{one.writes.share(kind):.0%}" if one.writes else ""


def _size(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"
