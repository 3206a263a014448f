"""A load generator in a process of its own: so many connections, each asking again and again.

    python -m tests.benchmarks.load PORT PATH COOKIES CONNECTIONS SECONDS

Prints the numbers of answered and of failed requests, and the seconds. It reads answers until the
connection is closed and looks at nothing but the status: what it takes itself is taken from the
servers, which share the machine with it.
"""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter


def ask(port: int, request: bytes, until: float) -> tuple[int, int]:
    answered = failed = 0
    buffer = bytearray(1 << 16)
    while perf_counter() < until:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request)
            connection.recv_into(buffer)
            good = buffer.startswith(b"HTTP/1.1 200")
            while connection.recv_into(buffer):
                pass
        if good:
            answered += 1
        else:
            failed += 1
    return answered, failed


def main() -> None:
    port, path, cookies, connections, seconds = sys.argv[1:]
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Cookie: {cookies}\r\nConnection: close\r\n\r\n"
    ).encode()
    started = perf_counter()
    until = started + float(seconds)
    with ThreadPoolExecutor(int(connections)) as pool:
        asking = [pool.submit(ask, int(port), request, until) for _ in range(int(connections))]
        results = [future.result() for future in asking]
    answered, failed = (sum(counts) for counts in zip(*results, strict=True))
    print(answered, failed, perf_counter() - started)


if __name__ == "__main__":
    main()
