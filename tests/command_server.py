"""Becomes `manage.py` again and again, see ``tests.commands``: each time in a copy of itself.

What a process of its own costs is the second of computing that its imports take; a copy has them.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import sys
from importlib import import_module
from pkgutil import walk_packages

import backoffice

PATIENCE = 300
"""Seconds after which a command that does not end is ended."""


def asked_for(asks: socket.socket) -> str | None:
    """Copy this process for each who asks, and say how the copy ended; the module in the copy."""
    while True:
        message, given, _, _ = socket.recv_fds(asks, 1_000_000, 3)
        if not message:
            return None
        child = os.fork()
        if not child:
            return become(given, **json.loads(message))
        _, status = os.waitpid(child, 0)
        for descriptor in given:
            os.close(descriptor)
        asks.send(str(os.waitstatus_to_exitcode(status)).encode())


def become(
    given: list[int], module: str, arguments: list[str], environ: dict[str, str], cwd: str
) -> str:
    """Make this process what a shell would have started, up to the module to run."""
    for standard, descriptor in enumerate(given):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    sys.argv[1:] = arguments
    signal.alarm(PATIENCE)
    return module


if __name__ == "__main__":
    for part in walk_packages(backoffice.__path__, "backoffice."):
        import_module(part.name)
    import_module("psycopg")  # which SQLAlchemy imports when it connects
    gc.freeze()  # else each copy ends by looking through all of it, which takes half a second
    with socket.socket(fileno=int(sys.argv[1])) as asks:
        module = asked_for(asks)
    if module:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
