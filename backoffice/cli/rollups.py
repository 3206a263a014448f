"""./manage.py rollups: the sums that the dashboard reads."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from backoffice.cli import with_app
from backoffice.cli.progress import bar
from backoffice.rollups.verify import Verdict, rebuild, verify


@click.group("rollups")
def command() -> None:
    """Compare the dashboard's sums with the tables, and remake them."""


@command.command("verify")
@click.option("--json", "as_json", is_flag=True, help="One object instead of a line a difference.")
@with_app
def verify_(as_json: bool) -> None:
    """Bring the sums up to date, add up all orders and compare.

    Days that change meanwhile are left out. Exits 1 when there is a difference.
    """
    verdict = verify()
    if as_json:
        click.echo(json.dumps(asdict(verdict)))
    else:
        _say(verdict)
    sys.exit(0 if verdict.is_right else 1)


def _say(verdict: Verdict) -> None:
    for difference in verdict.differences:
        click.echo(str(difference))
    for trigger in verdict.triggers:
        click.echo(f"{trigger}: the trigger is gone, so changes are not seen")
    if verdict.waiting:
        click.echo(f"{verdict.waiting:,} changed meanwhile and were left out", err=True)
    if verdict.is_right:
        click.echo("no difference")
    else:
        click.echo("run `manage.py rollups rebuild`, which remakes them", err=True)


@command.command("rebuild")
@with_app
def rebuild_() -> None:
    """Make all sums anew, in short transactions while staff work."""
    with bar(1) as progress:
        progress.doing("days")
        rebuild(progress.reached)
    click.echo("all sums are made anew")
