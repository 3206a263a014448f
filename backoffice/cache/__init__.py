"""The cache: ``single_flight()`` computes a text once for all who ask, and keeps it.

In this process by default; in Redis, for all processes, where there is one. A Redis that does
not answer is left alone: each process then goes by what it has itself. What is cached belongs to
everybody who may see the page: no key tells one user or role from another, so none may hold what
is not for all of them.
"""

from backoffice.cache.flight import Answer, single_flight
from backoffice.cache.keys import SUMMARY_EVERY, SUMMARY_SECONDS, summary_key
from backoffice.cache.shared import redis_options
from backoffice.cache.shelf import clear, init_app, state

__all__ = [
    "SUMMARY_EVERY",
    "SUMMARY_SECONDS",
    "Answer",
    "clear",
    "init_app",
    "redis_options",
    "single_flight",
    "state",
    "summary_key",
]
