"""Which indexes the models declare, and which of them migrations leave to `indexes build`."""

from __future__ import annotations

from sqlalchemy import Index

from backoffice.database import Base


def online_indexes() -> list[Index]:
    """The declared indexes of large tables, in the order of their tables and names."""
    return [
        index
        for table in Base.metadata.sorted_tables
        for index in sorted(table.indexes, key=lambda index: str(index.name))
        if index.info.get("online")
    ]


def is_online(table: str, name: str | None) -> bool:
    """Whether the index ``name`` of ``table`` is one of those."""
    return any(index.name == name and index.table.name == table for index in online_indexes())
