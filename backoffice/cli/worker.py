"""./manage.py worker: background jobs, where they do not run in the web process."""

from __future__ import annotations

import logging
import signal
from threading import Event
from typing import Any

import click
from flask import current_app

from backoffice.cli import fail, with_app
from backoffice.database import db
from backoffice.imports.background import Workers
from backoffice.monitoring.health import why_not_ready


@click.command("worker")
@click.option(
    "--jobs",
    type=click.IntRange(1, 32),
    default=2,
    show_default=True,
    help="How many imports at once; those into one table queue.",
)
@with_app
def command(jobs: int) -> None:
    """Run background jobs.

    They are the imports of the browser. Any number of workers may run; what one leaves undone,
    because it was killed, another finishes within half a minute. Ends on Ctrl-C or SIGTERM.
    """
    if complaint := why_not_ready():
        fail(f"{complaint}: run `manage.py doctor`, which says what to do")
    db.engine.dispose()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    ended = Event()

    def end(*_: Any) -> None:
        ended.set()

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, end)
    workers = Workers(current_app._get_current_object(), jobs)  # type: ignore[attr-defined] # noqa: SLF001
    workers.start()
    click.echo(f"{jobs} job{'s' if jobs != 1 else ''} at once; waiting for imports")
    ended.wait()
    workers.stop()
