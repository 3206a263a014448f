"""Runs revisions in child processes that are killed at one statement after the other.

    python tests/revisions/killed.py up 0001 up 0002 down 0001

Each revision is begun again and again; the first try is killed (SIGKILL) before its first
statement, the next ones before later ones and before COMMIT, until a try gets to the end. Prints
how often it was killed, a line each.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import flask_migrate
from flask import Flask
from sqlalchemy import Engine, event

from backoffice import create_app


def run(app: Flask, way: str, revision: str, moment: int) -> None:
    """In the child: run it, and be killed before the statement or COMMIT number ``moment``."""
    seen = 0

    def look(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    with app.app_context():
        event.listen(Engine, "before_cursor_execute", look)
        event.listen(Engine, "commit", look)
        work = flask_migrate.upgrade if way == "up" else flask_migrate.downgrade
        work(revision=revision)


def main() -> None:
    arguments = sys.argv[1:]
    app = create_app()  # connects to nothing yet
    for way, revision in zip(arguments[::2], arguments[1::2], strict=True):
        kills, moment = 0, 1
        while True:
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                run(app, way, revision, moment)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            if os.WIFEXITED(status):
                break
            kills += 1
            moment += 1 + moment // 2
        if status:
            sys.exit(f"{way} {revision} failed after {kills} kills")
        print(f"{way} {revision}: killed {kills} times")


if __name__ == "__main__":
    main()
