"""What Prometheus asks for: requests by route, and what they asked of the database.

Counted off the requests' path, by the thread that keeps the query log. Several processes of one
server count in files that each of them adds up.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

from flask import Flask, current_app, request
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from backoffice import cache
from backoffice.database import db
from backoffice.querylog.record import Record, repeats_in

CONTENT_TYPE = CONTENT_TYPE_LATEST
NAME = "metrics"
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Anything may be sent as a method, and each label is kept for good."""

FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class Metrics:
    """The figures of one application; a route is a rule, never an address with its ids."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests.", "route", "method", "status")
        self.seconds = Histogram(
            "backoffice_request_seconds",
            "Time of requests.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.statements = self._counter("statements", "Statements.", "route")
        self.database = self._counter("database_seconds", "Time in the database.", "route")
        self.rows = self._counter("rows", "Rows read.", "route")
        self.slow = self._counter("slow_statements", "Statements over the threshold.", "route")
        self.repeating = self._counter(
            "repeating_requests", "Requests that asked one statement over and over: N+1.", "route"
        )
        self.dropped = self._counter("query_log_dropped", "Entries that the log had no place for.")
        self.pool = self._gauge("pool_in_use", "Database connections in use.", "livesum")
        self.away = self._gauge("cache_away", "1 while Redis does not answer.", "livemax")

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(f"backoffice_{name}", says, labels, registry=self.registry)

    def _gauge(self, name: str, says: str, mode: Any) -> Gauge:
        return Gauge(f"backoffice_{name}", says, registry=self.registry, multiprocess_mode=mode)

    def add(self, record: Record) -> None:
        """Count one request."""
        route = record.route
        method = record.method if record.method in METHODS else "other"
        self.requests.labels(route, method, str(record.status)).inc()
        self.seconds.labels(route).observe(record.took)
        if record.statements:
            self.statements.labels(route).inc(record.statements)
            self.database.labels(route).inc(record.seconds)
            self.rows.labels(route).inc(record.rows)
        if record.slow:
            self.slow.labels(route).inc(len(record.slow))
        if any(True for _ in repeats_in(record)):
            self.repeating.labels(route).inc()


def init_app(app: Flask) -> None:
    """Begin to count."""
    disable_created_metrics()  # type: ignore[no-untyped-call] # when each began: as many again
    app.extensions[NAME] = Metrics()


def share(folder: Path) -> None:
    """Have all processes that this one starts count together, in ``folder``; from zero.

    Before the first application of this process is made.
    """
    for made in (*reversed(folder.parents[:2]), folder):
        made.mkdir(mode=0o700, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink()
    os.environ[FOLDER] = str(folder)
    # The library looked for it when it was imported.
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


def forget_process(pid: int) -> None:
    """What a process had in use that is gone now, it has no more."""
    if FOLDER in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


def count(app: Flask, records: Iterable[Record], dropped: int) -> None:
    """Count ``records``, and as many entries as the log had to drop since the last time."""
    metrics: Metrics = app.extensions[NAME]
    for record in records:
        metrics.add(record)
    metrics.dropped.inc(dropped)
    pool: Any = db.engine.pool
    metrics.pool.set(pool.checkedout())
    metrics.away.set(cache.state() is not None)


def text() -> bytes:
    """The figures of all processes as Prometheus reads them."""
    metrics: Metrics = current_app.extensions[NAME]
    if FOLDER not in os.environ:
        return generate_latest(metrics.registry)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def may_read() -> bool:
    """Who has the token; where there is none, and no proxy, who asks from this machine itself.

    Behind a proxy everybody's connection may come from this machine. One that nobody told us of
    mostly says whom it asks for: whoever has such a header is from elsewhere.
    """
    token = current_app.config["METRICS_TOKEN"]
    if token:
        given = request.headers.get("Authorization", "")
        return compare_digest(given.encode(), f"Bearer {token}".encode())
    has_proxy = "werkzeug.proxy_fix.orig" in request.environ or any(
        name in request.headers for name in FORWARDED
    )
    return not has_proxy and _is_this_machine(request.remote_addr)


def _is_this_machine(address: str | None) -> bool:
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped.is_loopback
    return parsed.is_loopback
