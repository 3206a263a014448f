"""The queue of jobs and who works it off: huey, over Redis or a file beside the embedded database.

huey hands out each job at most once: of a worker that dies, nothing is heard again. So a thread
looks every few seconds for runs that have something to be done and nobody at it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

from flask import Flask, current_app

from backoffice.cache import redis_options
from backoffice.database import begins_reading, db
from backoffice.imports import jobs, uploads

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 15.0
SECONDS_BETWEEN_CLEANINGS = 3600.0
SECONDS_TO_STOP = 20.0
TASK = "work"


def soon(run: int) -> None:
    """Have ``run`` worked at by the next worker that is free."""
    queue = queue_of(current_app._get_current_object())  # type: ignore[attr-defined] # noqa: SLF001
    try:
        queue.enqueue(_task(queue, run))
    except Exception as error:  # the page goes on: whoever looks after the runs finds it
        log.warning("run %s could not be queued: %s", run, error)


def queue_of(app: Flask) -> Any:
    """The queue of ``app``, made when it is first asked for.

    huey is imported then: a command that queues nothing need not pay for it.
    """
    if "import_jobs" not in app.extensions:
        app.extensions["import_jobs"] = _new_queue(app)
    return app.extensions["import_jobs"]


def _new_queue(app: Flask, *, for_workers: bool = False) -> Any:
    from huey import RedisHuey, SqliteHuey  # noqa: PLC0415
    from huey.registry import Message  # noqa: PLC0415
    from huey.serializer import Serializer  # noqa: PLC0415

    class Plain(Serializer):
        """Messages as JSON. The library's own would unpickle, and so run, what it reads."""

        def _serialize(self, data: Any) -> bytes:
            return json.dumps(data).encode()

        def _deserialize(self, data: bytes) -> Any:
            return Message(*json.loads(data))

    options: dict[str, Any] = {"name": "backoffice", "results": False, "serializer": Plain()}
    if app.config["REDIS_URL"]:
        from redis import ConnectionPool  # noqa: PLC0415 - the embedded default needs no Redis

        # A page does not wait for a Redis that hangs; workers wait in it for what there is to do.
        patience = {} if for_workers else redis_options()
        pool = ConnectionPool.from_url(app.config["REDIS_URL"], **patience)
        queue = RedisHuey(connection_pool=pool, **options)
    else:
        file = Path(app.instance_path) / "jobs.db"
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
        queue = SqliteHuey(filename=str(file), **options)
    queue.stopping = Event()

    @queue.task(name=TASK)
    def work(run: int) -> None:
        with app.app_context():
            jobs.work(run, queue.stopping.is_set)

    queue.work = work
    return queue


def _task(queue: Any, run: int) -> Any:
    return queue.work.s(run)


class Workers:
    """Threads that work off the queue of ``app``, and one that looks after the runs."""

    def __init__(self, app: Flask, count: int = 2) -> None:
        from huey.consumer import Consumer  # noqa: PLC0415 - as above

        class Quiet(Consumer):
            """It leaves the signals to the process that it runs in."""

            def _set_signal_handlers(self) -> None:
                pass

        self.app = app
        is_shared = app.config["REDIS_URL"] is not None
        self.queue = _new_queue(app, for_workers=True) if is_shared else queue_of(app)
        self.consumer = Quiet(self.queue, workers=count, periodic=False, max_delay=1.0)
        self.looking = Thread(target=self._look_after, name="look after imports", daemon=True)

    def start(self) -> None:
        """Begin; runs that were left alone are found at once."""
        self.consumer.start()
        self.looking.start()

    def stop(self) -> None:
        """Let running jobs come to a point from where others go on; returns when they have."""
        until = time.monotonic() + SECONDS_TO_STOP
        self.queue.stopping.set()
        # First: it would take threads that end now for dead ones, and start others.
        self.looking.join(max(0.0, until - time.monotonic()))
        self.consumer.stop_flag.set()
        for _, thread in self.consumer.worker_threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _look_after(self) -> None:
        next_cleaning = 0.0
        while not self.queue.stopping.is_set():
            try:
                with self.app.app_context():
                    look_after(self.queue)
                    if time.monotonic() >= next_cleaning:
                        next_cleaning = time.monotonic() + SECONDS_BETWEEN_CLEANINGS
                        clean()
                if not self.queue.stopping.is_set():
                    self.consumer.check_worker_health()
            except Exception:
                log.exception("cannot look after the imports")
            self.queue.stopping.wait(SECONDS_BETWEEN_LOOKS)


def look_after(queue: Any) -> None:
    """Queue the runs that were left alone and are not queued already."""
    waiting = {task.args[0] for task in queue.pending()}
    for run in jobs.left_alone():
        if run not in waiting:
            queue.enqueue(_task(queue, run))


def clean() -> None:
    """Remove old uploads."""
    with begins_reading(db.engine).connect() as connection:
        uploads.remove_old(connection)
