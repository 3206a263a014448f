"""What a database holds, in a form that tells whether it is the same again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from warnings import catch_warnings, filterwarnings
from zlib import crc32

from sqlalchemy import Connection, inspect, text

from backoffice.models.searched import is_fts_table


def contents(connection: Connection) -> dict[str, str]:
    """What there is, as a name -> its shape, or the number and checksum of its rows."""
    found = dict(_indexes(connection))
    look = inspect(connection)
    for table in look.get_table_names():
        if table == "alembic_version" or is_fts_table(table):
            continue
        columns = look.get_columns(table)
        for column in columns:
            required = "" if column["nullable"] else " NOT NULL"
            default = f" DEFAULT {column['default']}" if column["default"] else ""
            found[f"column {table}.{column['name']}"] = f"{column['type']}{required}{default}"
        with catch_warnings():
            # SQLite's rules are told by its indexes; those over expressions are read above.
            filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")
            rules: dict[str, list[Any]] = {
                "foreign key": list(look.get_foreign_keys(table)),
                "unique": list(look.get_unique_constraints(table)),
                "check": list(look.get_check_constraints(table)),
            }
        for kind, several in rules.items():
            for rule in several:
                found[f"{kind} {rule['name']} of {table}"] = _words(rule)
        found[f"rows of {table}"] = checksum(
            connection, table, sorted(column["name"] for column in columns)
        )
    return found


def _indexes(connection: Connection) -> Iterator[tuple[str, str]]:
    statement = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if connection.dialect.name == "sqlite"
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
    )
    for name, made in connection.execute(text(statement)):
        yield f"index {name}", " ".join(made.replace('"', "").split())


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What is not as it was, a line each."""
    lines = []
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was is None:
            lines.append(f"{name}: was not there, is {now}")
        elif now is None:
            lines.append(f"{name}: is gone")
        elif was != now:
            lines.append(f"{name}: was {was}, is {now}")
    return lines


def checksum(connection: Connection, table: str, columns: list[str]) -> str:
    """The number of the rows and a sum over them that no order changes."""
    quoted = connection.dialect.identifier_preparer.quote
    listed = ", ".join(quoted(column) for column in columns)
    if connection.dialect.name == "postgresql":
        row = connection.execute(
            text(
                "SELECT count(*), coalesce(sum(hashtextextended(CAST(ROW("  # noqa: S608
                f"{listed}) AS text), 0)), 0) FROM {quoted(table)}"
            )
        ).one()
        return f"{row[0]:,} rows, sum {int(row[1]) & 0xFFFFFFFF:08x}"
    count = total = 0
    cursor: Any = connection.connection.driver_connection
    for row in cursor.execute(f"SELECT {listed} FROM {quoted(table)}"):  # noqa: S608
        count += 1
        total += crc32(repr(row).encode())
    return f"{count:,} rows, sum {total & 0xFFFFFFFF:08x}"


def _words(rule: Any) -> str:
    kept = {
        name: value
        for name, value in sorted(rule.items())
        if name not in {"name", "comment", "dialect_options", "duplicates_index"} and value
    }
    return ", ".join(f"{name} {value}" for name, value in kept.items())
