"""SQLite's references after a revision, which runs with foreign keys off.

To look at all of them took half a minute of a million products, under the one write lock; so only
those are looked at that the revision's statements may have broken.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Connection, text

from backoffice.revisions.known import COPY

References = dict[str, set[tuple[str, str, str]]]
"""Table -> (its column, the table that it refers to, the column there)."""


class Touched:
    """Hears from SQLite which tables each statement on ``connection`` writes."""

    def __init__(self, connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        self._driver = driver
        self._whole: set[str] = set()
        self._columns: set[tuple[str, str]] = set()
        self._references = references(connection)
        self._driver.set_authorizer(self._hear)

    def _hear(self, action: int, table: str | None, column: str | None, *_: object) -> int:
        name = (table or "").removeprefix(COPY)
        if action in {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_DROP_TABLE}:
            self._whole.add(name)
        elif action == sqlite3.SQLITE_UPDATE:
            self._columns.add((name, column or ""))
        return sqlite3.SQLITE_OK

    def end(self) -> None:
        """Hear no more."""
        self._driver.set_authorizer(None)

    def orphans(self, connection: Connection) -> list[str]:
        """The rows that refer to none, as "products 7", in what was touched since the last time."""
        now = references(connection)
        found = []
        for table, refers in now.items():
            changed = refers != self._references.get(table)
            if changed or table in self._whole or any(map(self._may_break(table), refers)):
                rows = connection.execute(text(f'PRAGMA foreign_key_check("{table}")'))
                found += [f"{name} {row}" for name, row, *_ in rows]
        self._whole, self._columns, self._references = set(), set(), now
        return found

    def _may_break(self, table: str) -> Any:
        def breaks(reference: tuple[str, str, str]) -> bool:
            column, other, key = reference
            return (
                other in self._whole
                or (table, column) in self._columns
                or (other, key) in self._columns
            )

        return breaks


def references(connection: Connection) -> References:
    """What each table refers to."""
    rows = connection.execute(
        text(
            'SELECT m.name, f."from", f."table", coalesce(f."to", \'id\') '
            "FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'"
        )
    )
    found: References = {}
    for table, column, other, key in rows:
        found.setdefault(table, set()).add((column, other, key))
    return found
