"""The indexes that the database has, on our tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from backoffice.database import Base
from backoffice.indexes.spelling import spelled

ON_POSTGRESQL = text(
    """
    SELECT index.relname AS name, tables.relname AS on_table,
           pg_index.indisunique AS is_unique,
           pg_index.indisvalid AND pg_index.indisready AND pg_index.indislive AS is_valid,
           EXISTS (
               SELECT FROM pg_stat_progress_create_index AS now
               WHERE now.index_relid = index.oid
           ) AS building,
           coalesce(obj_description(index.oid, 'pg_class'), '') AS comment,
           coalesce(pg_get_expr(pg_index.indpred, pg_index.indrelid), '') AS condition,
           pg_get_indexdef(index.oid) AS definition,
           (
               SELECT CASE contype WHEN 'p' THEN 'primary key' ELSE 'unique constraint' END
               FROM pg_constraint
               WHERE conindid = index.oid AND contype IN ('p', 'u')
           ) AS behind,
           ARRAY(
               SELECT concat_ws(
                   ' ',
                   pg_get_indexdef(index.oid, part::int, false),
                   CASE WHEN pg_index.indcollation[part - 1] NOT IN
                           (0, coalesce(attribute.attcollation, 100))
                       THEN (
                           SELECT 'COLLATE ' || collname FROM pg_collation
                           WHERE oid = pg_index.indcollation[part - 1]
                       )
                   END,
                   CASE WHEN NOT class.opcdefault THEN class.opcname END,
                   CASE pg_index.indoption[part - 1]
                       WHEN 1 THEN 'DESC NULLS LAST'
                       WHEN 2 THEN 'NULLS FIRST'
                       WHEN 3 THEN 'DESC'
                   END
               )
               FROM generate_series(1, pg_index.indnkeyatts) AS part
               JOIN pg_opclass AS class ON class.oid = pg_index.indclass[part - 1]
               LEFT JOIN pg_attribute AS attribute
                   ON attribute.attrelid = pg_index.indrelid
                   AND attribute.attnum = pg_index.indkey[part - 1]
               ORDER BY part
           ) AS keys,
           ARRAY(
               SELECT pg_get_indexdef(index.oid, part::int, false)
               FROM generate_series(pg_index.indnkeyatts + 1, pg_index.indnatts) AS part
               ORDER BY part
           ) AS included,
           pg_am.amname AS method
    FROM pg_index
    JOIN pg_class AS index ON index.oid = pg_index.indexrelid
    JOIN pg_am ON pg_am.oid = index.relam
    JOIN pg_class AS tables ON tables.oid = pg_index.indrelid
    WHERE tables.oid = to_regclass(tables.relname) AND tables.relkind = 'r'
      AND tables.relname = ANY (:tables)
    """
)


@dataclass(frozen=True)
class Found:
    """One index of the database.

    ``keys`` are spelled as the database does, each with all that orders it, so that equal keys
    are equal texts. ``definition`` is that of the whole index without its name.
    """

    name: str
    table: str
    keys: tuple[str, ...]
    condition: str
    unique: bool
    definition: str
    method: str = "btree"
    included: tuple[str, ...] = ()
    """What it carries beside its keys, PostgreSQL's INCLUDE."""
    behind: str = ""
    """"primary key" or "unique constraint", where it belongs to one."""
    valid: bool = True
    building: bool = False
    """Somebody is making it at this moment."""
    comment: str = ""


def found_indexes(connection: Connection) -> list[Found]:
    """Every index of our tables, by table and name, with those behind constraints."""
    read = _on_sqlite if connection.dialect.name == "sqlite" else _on_postgresql
    return sorted(read(connection), key=lambda index: (index.table, index.name))


def _on_sqlite(connection: Connection) -> Iterator[Found]:
    rows = connection.execute(
        text(
            """
            SELECT list.name, tables.name, list."unique", list.origin, made.sql,
                   (
                       SELECT group_concat(name, ',')
                       FROM (SELECT name FROM pragma_index_info(list.name) ORDER BY seqno)
                   )
            FROM sqlite_master AS tables
            JOIN pragma_index_list(tables.name) AS list
            LEFT JOIN sqlite_master AS made ON made.type = 'index' AND made.name = list.name
            WHERE tables.type = 'table'
            """
        )
    )
    behind = {"pk": "primary key", "u": "unique constraint"}
    for name, table, unique, origin, sql, columns in rows:
        if table not in Base.metadata.tables:
            continue
        if sql:
            parts = spelled(sql)
            keys, condition = parts.keys, parts.condition
        else:  # SQLite's own, whose columns are plain
            keys, condition = tuple(columns.split(",")), ""
        yield Found(
            name=name,
            table=table,
            keys=keys,
            condition=condition,
            unique=bool(unique),
            definition=repr((bool(unique), keys, condition)),
            behind=behind.get(origin, ""),
            comment=_comment(sql),
        )


def _comment(sql: str | None) -> str:
    found = re.search(r"/\*(.*?)\*/", sql or "", re.DOTALL)
    return found[1].strip() if found else ""


def _on_postgresql(connection: Connection) -> Iterator[Found]:
    tables = {"tables": sorted(Base.metadata.tables)}
    for row in connection.execute(ON_POSTGRESQL, tables):
        yield Found(
            name=row.name,
            table=row.on_table,
            keys=tuple(row.keys),
            condition=row.condition,
            unique=row.is_unique,
            definition=without_names(row.definition),
            method=row.method,
            included=tuple(row.included),
            behind=row.behind or "",
            valid=row.is_valid,
            building=row.building and not row.is_valid,
            comment=row.comment,
        )


def without_names(create_index: str) -> str:
    """PostgreSQL's statement without the names of index and schema: ``USING btree (name, id)``."""
    unique = "UNIQUE " if create_index.startswith("CREATE UNIQUE") else ""
    definition = unique + create_index.partition(" USING ")[2]
    return re.sub(r"\b(pg_temp(_\d+)?|public)\.", "", definition)
