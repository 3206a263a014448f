"""./manage.py generate: synthetic data."""

from __future__ import annotations

from datetime import datetime

import click

from backoffice.cli import fail, with_app
from backoffice.cli.progress import bar
from backoffice.synthetic.run import Added, UnsuitableError, Wanted, generate

ROWS = click.IntRange(0, 1_000_000_000)
"""How many rows one run may add to a table; keys and codes fit far more."""


@click.command("generate")
@click.option("--suppliers", type=ROWS, default=0, help="How many to add.")
@click.option("--products", type=ROWS, default=0, help="How many to add.")
@click.option("--customers", type=ROWS, default=0, help="How many to add.")
@click.option("--orders", type=ROWS, default=0, help="How many to add, with three lines each.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31),
    default=1,
    show_default=True,
    help="Other rows for another.",
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day (UTC) before which the two years of data end, from 1902-01-02 to 2199-12-31.  "
    "[default: today]",
)
@with_app
def command(seed: int, until: datetime | None, **rows: int) -> None:
    """Add synthetic data, for trials at size.

    It comes on top of what is there. The same options give the same rows on the same day;
    with --until, on every day.
    """
    wanted = Wanted(**rows)
    if not wanted.total:
        raise click.UsageError("nothing to add: say how many, such as --suppliers 10")
    for result in add(wanted, seed, until):
        click.echo(
            f"{result.rows:,} {result.table.replace('_', ' ')} added in {result.seconds:.1f} s"
        )


def add(wanted: Wanted, seed: int = 1, until: datetime | None = None) -> list[Added]:
    """Generate ``wanted`` behind a progress bar; exits 1 when the database does not suit."""
    try:
        with bar(wanted.total) as progress:
            progress.doing("rows")
            return generate(
                wanted, seed=seed, until=until.date() if until else None, progress=progress.advance
            )
    except UnsuitableError as refusal:
        fail(str(refusal))
        return []
