"""The server that Chromium talks to in the tests beside this file."""

from __future__ import annotations

import gc
import socket
import struct
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Flask

RESET = struct.pack("ii", 1, 0)


class TestABrowserThatLeaves:
    def test_leaves_no_file_open(self, app: Flask, address_of: Callable[[Flask], str]) -> None:
        server = urlsplit(address_of(app))

        for visit in range(60):
            with socket.create_connection((server.hostname, server.port)) as browser:
                browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                browser.sendall(b"GET /static/js/live.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
                time.sleep(0.0005 * (visit % 20))
        time.sleep(0.2)

        gc.collect()  # a file left open is a ResourceWarning here, and fails the test
