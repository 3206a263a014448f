"""A process of its own that asks the cache once: see ``tests/test_single_flight.py``.

Says "ready", waits for a line, asks, and says the answer as JSON. Counts what it computes in
Redis under ``computed``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from time import sleep

from flask import Flask
from redis import Redis

from backoffice import cache


def main(redis_url: str, stamp: str, seconds: str, fails: str) -> None:
    client = Redis.from_url(redis_url)

    def compute() -> tuple[str, str]:
        number = client.incr("computed")
        sleep(float(seconds))
        if fails:
            raise ConnectionError(fails)
        return stamp, f"text {number}"

    app = Flask("flight")
    cache.init_app(app, redis_url)
    print("ready", flush=True)
    sys.stdin.readline()
    with app.app_context():
        answer = cache.single_flight(
            "figures", stamp, compute, every=0.5, seconds=60, expected=(ConnectionError,)
        )
    print(json.dumps(asdict(answer)), flush=True)
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
