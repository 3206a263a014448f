"""./manage.py cache: what is remembered to save work."""

from __future__ import annotations

import click
import redis

from backoffice import cache
from backoffice.cli import fail, with_app
from backoffice.config import Settings


@click.group("cache")
def command() -> None:
    """Forget cached figures."""


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
