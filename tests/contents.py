"""All that a database holds, to compare before and after."""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy import select

from backoffice.database import Base, db
from backoffice.models import QUERY_LOG, ROLLUPS


def contents(app: Flask) -> dict[str, list[tuple[Any, ...]]]:
    """Table -> its rows in the order of their keys; only for the few rows of a test.

    Without the rollups and the query log: a page brings those up to date and is recorded in this,
    and neither says more than the other tables.
    """
    with app.app_context(), db.engine.connect() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in Base.metadata.sorted_tables
            if table not in (*ROLLUPS, *QUERY_LOG)
        }
