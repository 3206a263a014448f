"""`manage.py` for tests: a process of its own that need not import anything first."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from backoffice.config import ROOT


class Commands:
    """Processes that do what `manage.py ...` does; they begin as copies of one that is loaded.

    A test of how a process starts, or is stopped, starts `manage.py` by itself.
    """

    def __init__(self) -> None:
        self._server, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.command_server", str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def run(
        self,
        *arguments: Any,
        environ: Mapping[str, str],
        cwd: Path = ROOT,
        stdin: str = "",
        stdout: IO[str] | None = None,
        module: str = "manage",
        together: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` with ``arguments`` and return what ``subprocess.run`` would.

        :param stdout: Where the output goes instead of to the result.
        :param module: What to run instead, as by `python -m`.
        :param together: Have what goes to stderr among the output, as it came.
        """
        asked = {
            "module": module,
            "arguments": list(map(str, arguments)),
            "environ": dict(environ),
            "cwd": str(cwd),
        }
        with piped(stdin) as given, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            target = stdout or out
            files = [given.fileno(), target.fileno(), (target if together else err).fileno()]
            socket.send_fds(self._server, [json.dumps(asked).encode()], files)
            code = int(self._server.recv(100))
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(asked["arguments"], code, out.read(), err.read())

    def end(self) -> None:
        self._server.close()
        self._process.wait()


def piped(content: str) -> IO[bytes]:
    """A pipe in which ``content`` waits to be read."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as end:
        assert len(content) < 60_000, "a pipe holds no more"
        end.write(content)
    return os.fdopen(reading, "rb")
