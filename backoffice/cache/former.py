"""The former door: a text under a key that holds the stamp. Goes with its last caller."""

from __future__ import annotations

from flask import current_app

from backoffice.cache.shelf import Entry, shelf_of


def fetch(key: str) -> str | None:
    """The text kept under ``key``; None when there is none, or the cache does not answer."""
    entry = shelf_of(current_app).read(key)
    return None if entry is None else entry.text


def keep(key: str, text: str, seconds: int) -> None:
    """Keep ``text`` for that long if the cache answers; nobody waits for one that does not."""
    shelf_of(current_app).keep(key, Entry.fresh("", text), seconds)
