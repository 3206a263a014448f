"""An index that somebody has dropped."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy import select

from backoffice.database import Base, db


@contextmanager
def dropped(app: Flask, name: str) -> Iterator[None]:
    """Without the index ``name`` inside the block."""
    [index] = [i for t in Base.metadata.sorted_tables for i in t.indexes if i.name == name]
    with app.app_context(), db.engine.begin() as connection:
        index.drop(connection)
    try:
        yield
    finally:
        with app.app_context(), db.engine.begin() as connection:
            # SQLite would go by what this connection knew of the tables when it last looked.
            connection.execute(select(1).select_from(index.table).limit(1))
            index.create(connection)
