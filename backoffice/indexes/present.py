"""The indexes that a database has, those behind keys and unique constraints included."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

PLACES = re.compile(r'[\s()"]|::[\w ]+')


@dataclass(frozen=True)
class Present:
    """One index; a column is "name DESC" where it is, and empty where it is an expression.

    ``statement`` makes it; empty for the index behind a key on SQLite.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    where: str | None
    unique: bool
    ordered: bool = True  # a tree, by which rows are found and come in order
    statement: str = ""


def present(connection: Connection, tables: Iterable[str]) -> list[Present]:
    """All indexes of ``tables``, in the order of their names."""
    read = _on_sqlite if connection.dialect.name == "sqlite" else _on_postgresql
    return [index for table in sorted(tables) for index in read(connection, table)]


def same_condition(one: str | None, other: str | None) -> bool:
    """Whether two conditions are written alike, but for brackets, blanks and casts."""
    return _bare(one) == _bare(other)


def _bare(condition: str | None) -> str:
    return PLACES.sub("", (condition or "").lower())


def _on_sqlite(connection: Connection, table: str) -> list[Present]:
    rows = connection.execute(
        text(
            """
            SELECT list.name, list."unique", master.sql
            FROM pragma_index_list(:table) AS list
            LEFT JOIN sqlite_master AS master ON master.name = list.name
            ORDER BY list.name
            """
        ),
        {"table": table},
    ).all()
    # The rows themselves lie in the order of their key.
    found = [Present("the primary key", table, ("id",), None, unique=True)]
    for name, unique, sql in rows:
        parts = connection.execute(
            text(
                """
                SELECT coalesce(name, '') || CASE WHEN "desc" THEN ' DESC' ELSE '' END
                FROM pragma_index_xinfo(:name) WHERE key ORDER BY seqno
                """
            ),
            {"name": name},
        )
        where = re.split(r"\bWHERE\b", sql or "", maxsplit=1, flags=re.IGNORECASE)[1:]
        columns = tuple(parts.scalars())
        condition = where[0].strip() if where else None
        found.append(Present(name, table, columns, condition, bool(unique), statement=sql or ""))
    return found


def _on_postgresql(connection: Connection, table: str) -> list[Present]:
    rows = connection.execute(
        text(
            """
            SELECT class.relname, indisunique, pg_get_expr(indpred, indrelid), amname,
                   CASE contype
                       WHEN 'p' THEN format(
                           'ALTER TABLE %s ADD %s', indrelid::regclass,
                           pg_get_constraintdef(pg_constraint.oid)
                       )
                       ELSE pg_get_indexdef(indexrelid)
                   END,
                   ARRAY(
                       SELECT coalesce(attname, '')
                           || CASE WHEN indoption[place - 1] & 1 = 1 THEN ' DESC' ELSE '' END
                       FROM unnest(indkey::int[]) WITH ORDINALITY AS part(number, place)
                       LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = number
                       WHERE place <= indnkeyatts
                       ORDER BY place
                   )
            FROM pg_index
            JOIN pg_class AS class ON class.oid = indexrelid
            JOIN pg_am ON pg_am.oid = class.relam
            LEFT JOIN pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u')
            WHERE indrelid = to_regclass(:table) AND indisvalid
            ORDER BY class.relname
            """
        ),
        {"table": table},
    ).all()
    return [
        Present(name, table, tuple(columns), where, unique, method == "btree", statement)
        for name, unique, where, method, statement, columns in rows
    ]
