"""Keys: free ones for the rows to come, and those of the rows that they refer to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, insert, select, text

from backoffice.models import Category
from backoffice.synthetic import words
from backoffice.synthetic.chunk import Keys


def reserve(connection: Connection, table: str, size: int) -> int:
    """The first of ``size`` free keys of ``table`` that nobody else will get.

    PostgreSQL: its sequence moves past them, and until this transaction ends nobody else adds
    rows to the table. SQLite: this transaction holds the write lock.
    """
    if connection.dialect.name == "sqlite":
        return int(connection.scalar(text(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")) or 1)  # noqa: S608 - our own name
    # Between nextval and setval somebody's insert may draw the very next key, and a second
    # `generate` the same ones; those who add rows wait for this lock before they draw.
    connection.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
    sequence = f"pg_get_serial_sequence('{table}', 'id')"
    last = connection.scalar(
        text(
            f"SELECT setval({sequence}, :size + greatest("  # noqa: S608 - our own name
            f"nextval({sequence}) - 1, (SELECT max(id) FROM {table})))"
        ),
        {"size": size},
    )
    return int(last or size) - size + 1


def keys_of(connection: Connection, model: Any) -> Keys:
    """The keys that ``model`` has; it must have one."""
    low, high, count = connection.execute(
        select(func.min(model.id), func.max(model.id), func.count())
    ).one()
    return Keys(low, high - low + 1, without_gaps=count == high - low + 1)


def category_keys(connection: Connection) -> list[int]:
    """The keys of our categories, those made that are missing."""
    ours = select(Category.name, Category.id).where(Category.name.in_(words.CATEGORIES))
    known: dict[str, int] = dict(connection.execute(ours).all())
    for name in words.CATEGORIES:
        if name not in known:
            made = insert(Category).values(name=name).returning(Category.id)
            known[name] = connection.execute(made).scalar_one()
    return [known[name] for name in words.CATEGORIES]
