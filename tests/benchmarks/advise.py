"""What index advice finds, refuses and promises, beside what the indexes do once they are there.

    python -m tests.benchmarks.advise --keep FOLDER

Plants ten missing indexes and a week's log, offers five useless ones, has `indexes advise` measure,
then builds what it chose on the tables themselves, which are logged, and measures there. Prints
Markdown. The databases are those of the other benchmarks; those in FOLDER
are changed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from sqlalchemy import Connection, delete, text

from backoffice.database import analyze, begins_reading, db
from backoffice.indexes.advice.advise import advise, schema
from backoffice.indexes.advice.candidates import offered
from backoffice.indexes.advice.copied import Scratch
from backoffice.indexes.advice.measure import compare
from backoffice.indexes.advice.verdict import Advice, Report, Rules
from backoffice.indexes.advice.workload import recorded, workload
from backoffice.indexes.advice.writes import Cost, measure_writes
from backoffice.models import QueryHour, QueryShape
from backoffice.models.rollup_triggers import create_triggers
from backoffice.models.searched import restore_search
from tests.benchmarks.data import Size, fill, our_app, sizes
from tests.benchmarks.servers import database
from tests.planted import PLANTED, USELESS, plant

KINDS = ("sqlite", "postgresql")
BOUND = 0.25
"""How far what is promised may be from what is measured afterwards."""

NOISE = 0.3
"""Microseconds a row below which two costs do not differ."""


def main() -> None:
    options = read_options()
    keeping = nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory()
    with keeping as name:
        for kind in options.databases:
            folder = Path(name) / kind
            folder.mkdir(parents=True, exist_ok=True)
            with database(kind, folder) as url:
                for line in run(url, folder, options):
                    print(line, flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.advise")
    parser.add_argument("--orders", type=int, default=1_000_000, help="with three lines each")
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--databases", type=_words, default=KINDS, help="sqlite,postgresql")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the databases there")
    return parser.parse_args()


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def run(url: str, folder: Path, options: argparse.Namespace) -> Iterator[str]:
    fill(url, folder, Size(options.products, options.orders))
    app = our_app(url, folder)
    yield f"### {app.config['SQLALCHEMY_DATABASE_URI'].partition(':')[0]}: {sizes(app)}"
    yield ""
    with app.app_context():
        with db.engine.begin() as connection:
            connection.execute(delete(QueryHour))
            connection.execute(delete(QueryShape))
            planted = plant(connection)
        started = perf_counter()
        report = _advice()
        seconds = perf_counter() - started
        found = [_paying_for(report, fingerprint) for fingerprint in planted]
        refused = [_refusal(report, offer) for offer in USELESS]
        yield (
            f"found {sum(map(bool, found))} of {len(PLANTED)}, "
            f"refused {sum(map(bool, refused))} of {len(USELESS)}, "
            f"{len(report.paying)} advised, in {seconds:,.0f} s"
        )
        yield ""
        for offer, reason in zip(USELESS, refused, strict=True):
            yield f"- {offer}: {reason or '**not refused**'}"
        yield ""
        yield from _compared(report)
        db.engine.dispose()


def _advice() -> Report:
    with begins_reading(db.engine).connect() as connection:
        since = datetime.now(UTC) - timedelta(days=7)
        asked = workload(recorded(connection, since), connection.dialect.name, schema())
        connection.rollback()
        return advise(
            connection,
            asked,
            [offered(offer) for offer in USELESS],
            Rules(),
            progress=lambda says: print(says, file=sys.stderr),
        )


def _paying_for(report: Report, fingerprint: str) -> Advice | None:
    """The advised index that makes the statement at least twice as fast."""
    for one in report.paying:
        for read in one.reads:
            if read.fingerprint == fingerprint and read.factor >= 2:
                return one
    return None


def _refusal(report: Report, offer: str) -> str:
    return next(
        one.reason for one in report.advice if one.candidate == offered(offer) and not one.pays
    )


@contextmanager
def _real() -> Iterator[Scratch]:
    """The tables themselves, asked as the copy is.

    Their triggers and foreign keys rest meanwhile: they cost as much with every index, and more
    than an index, so that what they vary by hides it. So does autovacuum, which would clear away
    what each trial takes back while the next is measured.
    """
    with db.engine.connect() as connection:
        try:
            _upkeep(connection, on=False)
            if connection.dialect.name == "sqlite":
                # Values are swapped between rows, so that a parcel may leave before its order.
                connection.exec_driver_sql("PRAGMA ignore_check_constraints = 1")
                connection.rollback()
            else:
                connection.execute(text("SET statement_timeout = 0"))
                connection.execute(text("SET session_replication_role = replica"))  # no triggers
                connection.commit()
            real = Scratch(connection)
            for table in schema():
                with connection.begin():
                    ((real.rows[table],),) = real.run(f"SELECT count(*) FROM {table}")
            yield real
        finally:
            connection.rollback()
            _upkeep(connection, on=True)
            connection.invalidate()


def _upkeep(connection: Connection, on: bool) -> None:
    """Have triggers and autovacuum, or not."""
    if connection.dialect.name == "postgresql":
        for table in ("orders", "order_lines", "products", "suppliers", "customers"):
            connection.execute(text(f"ALTER TABLE {table} SET (autovacuum_enabled = {on})"))
    elif on:
        restore_search(connection)
        create_triggers(connection)
    else:
        find = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for name in connection.scalars(text(find)).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
    connection.commit()


def _compared(report: Report) -> Iterator[str]:
    """Each promise beside what the index does on the tables themselves."""
    with _real() as real:
        if real.dialect == "postgresql":
            with real.connection.begin():
                real.run(
                    "ALTER TABLE orders DROP CONSTRAINT IF EXISTS ck_orders_shipped_after_placed"
                )
        with real.connection.begin():
            for one in report.paying:
                real.run(one.candidate.statement)
        tables = sorted({one.candidate.table for one in report.paying})
        with real.connection.begin():
            analyze(real.connection, tables)
        for table in tables:
            real.tidy(table)
        really = {one.candidate.name: _really(real, one) for one in report.paying}
    yield "| index | gain, s | really | | insert, µs | really | | update, µs | really | |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    outside = 0
    for one in report.paying:
        assert one.writes is not None
        gain, cost = really[one.candidate.name]
        pairs = [
            (one.gain, gain, 0.0),
            (one.writes.insert, cost.insert, NOISE),
            (one.writes.update, cost.update, NOISE),
        ]
        cells = []
        for promised, found, noise in pairs:
            near = abs(promised - found) <= max(noise, BOUND * found)
            outside += not near
            off = f"{promised / found - 1:+.0%}" if found else "apart"
            cells.append(f"{promised:,.2f} | {found:,.2f} | {off if near else f'**{off}**'}")
        yield f"| {one.candidate} | {' | '.join(cells)} |"
    yield ""
    yield f"{outside} of {3 * len(report.paying)} pairs are more than {BOUND:.0%} apart"
    yield ""


def _really(real: Scratch, one: Advice) -> tuple[float, Cost]:
    """What it gains in seconds, beside all the others, and what it costs."""
    reads = compare(real, one.candidate.name, [read.question for read in one.reads], 30)
    # No deletes: other tables refer to the rows.
    cost = measure_writes(real, one.candidate, kinds=("insert", "update"))
    return sum(read.gain for read in reads), cost


if __name__ == "__main__":
    main()
