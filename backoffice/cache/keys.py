"""Every cached thing: its key, its lifetime, who forgets it. Nobody else spells a key.

=================  ==============================  ===================  =========================
key                holds                           lives for            is forgotten by
=================  ==============================  ===================  =========================
``summary:<P>``    the dashboard's figures of the  ``SUMMARY_SECONDS``  a refresh, when the data
                   period P                                             has another stamp
``turn:<KEY>``     whose turn it is to compute     ``LEASE_SECONDS``,   its owner, or its end when
                   KEY: a random token             renewed meanwhile    the owner was killed
``look``           nothing: whether Redis takes    ``LEASE_SECONDS``    its end
                   what is written to it
=================  ==============================  ===================  =========================

In Redis all of them begin with ``PREFIX``; `manage.py cache clear` forgets them all. The tries to
sign in (``LIMITS:``) and the queue of jobs (``huey.``) are in the same Redis and are no cache.
"""

from __future__ import annotations

FORMAT = 2
"""Raise it when what a key holds changes: releases that run side by side do not mix then."""

PREFIX = f"backoffice:{FORMAT}:"

SUMMARY_SECONDS = 3600
"""The stamp tells whether figures are current; this is for periods that nobody asks for again."""

SUMMARY_EVERY = 1.0
"""Seconds between refreshes of figures under constant writing: they show within two."""

LEASE_SECONDS = 1.5
"""A process that was killed while it computed holds the others up for so long."""

LOOK = "look"


def summary_key(period: str) -> str:
    """The dashboard's figures of a period, by the period's own key."""
    return f"summary:{period}"


def turn_key(key: str) -> str:
    """Whose turn it is to compute what ``key`` holds."""
    return f"turn:{key}"
