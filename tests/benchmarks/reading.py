"""Reading and validating products, without a database.

python -m tests.benchmarks.reading [ROWS]
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backoffice.imports.kinds import KINDS
from backoffice.imports.mapping import load_mapping, match
from backoffice.imports.read import batches, open_source
from backoffice.imports.validate import validate


def write_products(path: Path, rows: int) -> None:
    """A file of nine columns like the one that `export products` writes, about 90 bytes a row."""
    with path.open("w", encoding="utf-8") as file:
        file.write("sku,supplier,category,name,description,price,stock,reorder_level,active\n")
        for n in range(rows):
            name = f'"Bolt, M{n % 30}"' if n % 10 == 0 else f"Bolt M{n % 30} × {n}"
            file.write(
                f"SKU{n:08},SUP{n % 1000:04},Category {n % 50},{name},"
                f"Zinc plated steel no. {n},{n % 1000}.{n % 100:02},{n % 500},{n % 20},yes\n"
            )


def read(path: Path, dialect: str) -> tuple[float, int]:
    """Seconds of processor time and complaints of reading and validating ``path`` once."""
    begun = time.process_time()
    kind, complaints = KINDS["products"], list[Any]()
    source = open_source(path, name=path.name)
    layout = match(kind, load_mapping(kind), source.header, source.header_line)
    deque(validate(layout, batches(source), complaints, dialect, source), maxlen=0)
    return time.process_time() - begun, len(complaints)


def main(rows: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "products.csv"
        write_products(path, rows)
        gc.freeze()  # as the command does
        for dialect in ("sqlite", "postgresql") * 2:
            seconds, complaints = read(path, dialect)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(
                f"{dialect}: {rows:,} rows in {seconds:.2f} s, {rows / seconds:,.0f} a second, "
                f"{complaints} complaints, {memory} MiB"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
