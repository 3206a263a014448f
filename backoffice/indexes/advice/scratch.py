"""A copy of tables on which indexes are made and dropped while staff work on the tables.

Without triggers, foreign keys and checks, which cost the same with every index and hide what one
costs. Who is killed leaves the copy, and the next run drops it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from backoffice.database import db
from backoffice.indexes.advice.copied import Limits, Scratch
from backoffice.indexes.advice.copy_postgresql import copied_tables
from backoffice.indexes.advice.copy_sqlite import copied_file


@contextmanager
def scratch(
    tables: Iterable[str],
    limits: Limits,
    *,
    used: Iterable[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Scratch]:
    """A copy of ``tables`` as they are now, gone afterwards.

    :param used: Names of indexes for search that are copied as well; others of their kind take
        longer to make than all else.
    :raises ScratchError: there is no room, or another run is at work.
    """
    tables = sorted(tables)
    if db.engine.dialect.name == "sqlite":
        with copied_file(Path(str(db.engine.url.database)), tables, progress) as copy:
            _count(copy, tables)
            yield copy
    else:
        with copied_tables(tables, limits, set(used), progress) as copy:
            _count(copy, tables)
            yield copy


def _count(copy: Scratch, tables: Iterable[str]) -> None:
    with copy.connection.begin():
        for table in tables:
            ((copy.rows[table],),) = copy.run(f"SELECT count(*) FROM {table}")  # noqa: S608
