"""./manage.py serve: the production server."""

from __future__ import annotations

import errno
import gc
import logging
import socket
from threading import Thread
from typing import Any

import click
from flask import Flask
from gunicorn.app.base import BaseApplication
from sqlalchemy.exc import SQLAlchemyError

from backoffice import create_app
from backoffice.cli import fail, with_app
from backoffice.config import Settings
from backoffice.dashboard import summary
from backoffice.database import db
from backoffice.imports.background import Workers
from backoffice.monitoring import metrics
from backoffice.monitoring.health import why_not_ready

THREADS = 8
"""Requests that one process serves at once; they mostly wait for the database."""

PATIENCE = 120
"""Seconds that somebody may take to read what the network holds of a response, some 100 kB."""


class Server(BaseApplication):
    """gunicorn with our settings, and none from files or its own environment variables.

    Each worker makes the application for itself: no connection is shared across a fork.
    """

    def __init__(self, host: str, port: int, workers: int) -> None:
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.workers = workers
        self.jobs: Workers | None = None
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": self.address,
            "workers": self.workers,
            "worker_class": "gthread",
            "threads": THREADS,
            "preload_app": False,
            "graceful_timeout": 30,
            "loglevel": "warning",
            "control_socket_disable": True,
            "worker_exit": self.end_jobs,
            "child_exit": lambda _server, worker: metrics.forget_process(worker.pid),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        made = create_app()
        if not made.config["REDIS_URL"]:  # else `manage.py worker` does them
            self.jobs = Workers(made)
            self.jobs.start()
        Thread(target=warm_cache, args=(made,), name="warm", daemon=True).start()
        app = letting_go(made)
        # What is there now stays: the collector would look through all of it again and again.
        gc.collect()
        gc.freeze()
        return app

    def end_jobs(self, _server: Any, _worker: Any) -> None:
        """Let the jobs come to a point from where the next process goes on."""
        if self.jobs is not None:
            self.jobs.stop()


def warm_cache(app: Flask) -> None:
    """Have the dashboard ready before somebody asks; of several processes one computes."""
    try:
        with app.app_context():
            summary.warm(db.session())
    except SQLAlchemyError as error:  # the first page says it as well
        app.logger.warning("the dashboard is not ready: %s", str(error).partition("\n")[0])


def letting_go(app: Any) -> Any:
    """``app`` for visitors who may stop reading.

    Without a limit each of them would keep a thread, and of an export the database connection.
    """

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        def start(*arguments: Any) -> Any:
            environ["gunicorn.socket"].settimeout(PATIENCE)
            return start_response(*arguments)

        return app(environ, start)

    return answer


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Its port."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help=f"Processes, each with {THREADS} threads.  [default: 2 with REDIS_URL, else 1]",
)
def command(host: str, port: int, workers: int | None) -> None:
    """Run the production server.

    Ends on Ctrl-C or SIGTERM when the requests under way are answered.
    """
    settings = Settings.from_environ()
    shared = settings.redis_url is not None
    workers = workers or (2 if shared else 1)
    if workers > 1 and not shared:
        fail(
            "more than one worker needs REDIS_URL: without it each process has a cache of its own "
            "and counts failed sign-ins for itself"
        )
    refuse_if_taken(host, port)
    metrics.share(settings.instance_path / "metrics" / str(port))
    refuse_if_not_ready()
    serve(host, port, workers)


def serve(host: str, port: int, workers: int = 1) -> None:
    """Listen and say where; returns never, exits 0 on Ctrl-C or SIGTERM."""
    # The workers are forked and keep it. Without, a logged line has neither time nor level.
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    server = Server(host, port, workers)
    click.echo(f"http://{server.address}")
    server.run()


@with_app
def refuse_if_not_ready() -> None:
    """Exit 1 when no page would work: each would say that something went wrong."""
    complaint = why_not_ready()
    db.engine.dispose()  # no connection may be shared across a fork
    if complaint:
        fail(f"{complaint}: run `manage.py doctor`, which says what to do")


def refuse_if_taken(host: str, port: int) -> None:
    """Exit 1 when nothing can listen there: gunicorn would try for five seconds."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (socket.gaierror, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no host name"
        fail(f"cannot listen at {host} ({reason}): use an address of this machine")
    except OSError as error:
        remedy = "choose another --port"
        if error.errno == errno.EADDRNOTAVAIL:
            remedy = "--host is no address of this machine"
        fail(f"cannot listen at {host} port {port} ({error.strerror}): {remedy}")
