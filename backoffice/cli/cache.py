"""./manage.py cache: what is remembered to save work."""

from __future__ import annotations

import click
import redis

from backoffice import cache
from backoffice.cli import fail, with_app
from backoffice.config import Settings
from backoffice.dashboard import summary
from backoffice.database import db
from backoffice.rollups.fold import fold
from backoffice.rollups.periods import PERIODS


@click.group("cache")
def command() -> None:
    """Forget cached figures, and have them ready."""


@command.command()
@with_app
def warm() -> None:
    """Bring the dashboard's sums up to date, and cache the figures of every named period.

    `manage.py serve` does it when it starts. Exits 1 when figures are not of now.
    """
    fold()
    if not Settings.from_environ().redis_url:
        # As below: a cache of this process is of no use to others.
        click.echo("the sums are up to date; without REDIS_URL each web process caches by itself")
        return
    ready = summary.warm(db.session())
    if complaint := cache.state():
        fail(f"nothing is cached: {complaint}")
    click.echo(f"{ready} of {len(PERIODS)} periods ready")
    if ready < len(PERIODS):
        fail("figures are not of now: the database or the cache is busy, try again")


@command.command()
@with_app
def clear() -> None:
    """Forget everything that is cached."""
    if not Settings.from_environ().redis_url:
        # The cache of this process is empty; those of the web processes are out of reach.
        click.echo("nothing to clear: without REDIS_URL each web process keeps its own cache")
        return
    try:
        cache.clear()
    except redis.RedisError as error:
        fail(f"Redis does not answer: {error}")
    click.echo("cleared")
