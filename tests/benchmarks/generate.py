"""How fast `manage.py generate` fills the indexed products table of either database.

    python -m tests.benchmarks.generate [ROWS] [sqlite|postgresql ...]

Prints a Markdown table. The floor beside it, in the same run, is what the database needs for a
plain INSERT ... SELECT of the same rows, prepared in a staging table, into an equal empty table.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from time import perf_counter

import flask_migrate
from sqlalchemy import text

from backoffice import create_app
from backoffice.config import Settings
from backoffice.database import allow_long_work, db
from backoffice.indexes.build import build
from backoffice.synthetic.run import CACHE_KIB, Wanted, generate
from tests.benchmarks.servers import database


def measure(url: str, folder: Path, rows: int) -> tuple[float, float]:
    """Seconds of `generate`, and of the floor."""
    settings = Settings(instance_path=folder, database_url=url, secret_key="x" * 40)
    with create_app(settings).app_context():
        with redirect_stdout(sys.stderr):
            flask_migrate.upgrade()
        list(build())
        generate(Wanted(suppliers=1_000))
        ours = generate(Wanted(products=rows))[0].seconds
        with db.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE_KIB}")
                connection.commit()
            allow_long_work(connection)
            connection.execute(text("CREATE TABLE staging AS SELECT * FROM products ORDER BY id"))
            # Emptied in a way that leaves no dead rows behind.
            emptied = "DELETE FROM" if connection.dialect.name == "sqlite" else "TRUNCATE"
            for table in ("order_lines", "products"):
                cascade = " CASCADE" if emptied == "TRUNCATE" else ""
                connection.execute(text(f"{emptied} {table}{cascade}"))
            connection.commit()
            allow_long_work(connection)
            started = perf_counter()
            connection.execute(text("INSERT INTO products SELECT * FROM staging"))
            connection.commit()
            floor = perf_counter() - started
    return ours, floor


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print("| database | products | generate, rows/s | floor, rows/s | of the floor |")
    print("|---|---|---|---|---|")
    for kind in sys.argv[2:] or ("sqlite", "postgresql"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with database(kind, folder) as url:
                ours, floor = measure(url, folder, rows)
        print(
            f"| {kind} | {rows:,} | {rows / ours:,.0f} | {rows / floor:,.0f} | {floor / ours:.0%} |"
        )


if __name__ == "__main__":
    main()
