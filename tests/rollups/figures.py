"""What the rollups say."""

from __future__ import annotations

from sqlalchemy import text

from backoffice.database import db


def sums_of(table: str, column: str, where: str = "true") -> int:
    """The sum of ``column`` over the rows of a rollup."""
    with db.engine.connect() as connection:
        total = connection.scalar(text(f"SELECT sum({column}) FROM {table} WHERE {where}"))
    return int(total or 0)
