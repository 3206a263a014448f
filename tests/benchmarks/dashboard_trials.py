"""What the dashboard costs: read cold, kept in step by writers, asked by many at once."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from sqlalchemy import create_engine, text

from backoffice.dashboard.period import named_period
from backoffice.dashboard.summary import compute
from backoffice.database import db
from backoffice.models import Order, OrderLine, OrderStatus
from backoffice.models.rollup_triggers import create_triggers, drop_triggers
from backoffice.rollups.fold import fold
from tests.benchmarks.client import Client
from tests.benchmarks.data import our_app, tidy_up
from tests.benchmarks.import_files import exported
from tests.benchmarks.measure import client_of, percentile
from tests.benchmarks.servers import ROOT, copied, copy, drop, named, serving, settings_of
from tests.benchmarks.timing import statement_times
from tests.redis_server import RedisServer

PERIODS = ("today", "7d", "30d", "90d", "year")
PAGE = "/admin/?period=30d"
CLIENTS = 200
ORDERS_IN_A_ROW = 10


def cold(url: str, folder: Path, times: int) -> dict[str, float]:
    """Period -> median milliseconds of all statements of a summary with nothing cached."""
    found = {}
    with our_app(url, folder).app_context():
        fold()
        for period in PERIODS:
            taken = []
            for _ in range(times + 1):
                with statement_times(db.engine) as statements:
                    compute(db.session(), named_period(period, datetime.now(UTC).date()))
                taken.append(sum(statements))
            found[period] = median(taken[1:])
        db.session.remove()
        db.engine.dispose()
    return found


@dataclass(frozen=True)
class Compared:
    """The same work with the triggers and without, in seconds; folding comes on top of the first.

    ``folded`` is what bringing the rollups up to date afterwards took, which nobody waits for.
    """

    with_triggers: float
    without: float
    folded: float | None = None

    @property
    def ratio(self) -> float:
        return self.with_triggers / self.without


def orders_saved(url: str, folder: Path, rounds: int) -> Compared:
    """Orders of three lines, each in a transaction of its own; median seconds of one.

    On two copies in turn, one of which has lost the triggers.
    """
    taken: dict[bool, list[float]] = {True: [], False: []}
    copies = {True: copy(url, "with_triggers"), False: copy(url, "without_triggers")}
    apps = {kept: our_app(there, folder) for kept, there in copies.items()}
    _without_triggers(copies[False])
    for number in range(20 * rounds):
        for kept, app in sorted(apps.items(), reverse=bool(number % 2)):
            with app.app_context():
                taken[kept] += [_save_order(number, n) for n in range(ORDERS_IN_A_ROW)]
                db.session.remove()
    for kept, app in apps.items():
        with app.app_context():
            db.engine.dispose()
        drop(copies[kept])
    return Compared(median(taken[True]), median(taken[False]))


def _save_order(number: int, n: int) -> float:
    now = datetime.now(UTC)
    lines = [
        OrderLine(line_no=line, product_id=1 + n * 7 + line, quantity=2, unit_price=Decimal("9.99"))
        for line in (1, 2, 3)
    ]
    order = Order(
        number=f"BENCH-{number}-{n}", status=OrderStatus.PLACED, placed_at=now, lines=lines
    )
    started = perf_counter()
    db.session.add(order)
    db.session.commit()
    return perf_counter() - started


def lines_imported(url: str, folder: Path) -> Compared:
    """All order lines by `manage.py import`, into a copy that has the orders but no lines."""
    file = exported("order-lines", url, folder)
    base = copy(url, "without_lines")
    _without_triggers(base, "order_lines")
    seconds = {}
    with our_app(base, folder / "import").app_context():
        with db.engine.begin() as connection:
            create_triggers(connection)
        fold()
        db.engine.dispose()
    tidy_up(base)
    for kept in (True, False, False, True):
        with copied(base, "imported") as there:
            if not kept:
                _without_triggers(there)
            seconds.setdefault(kept, []).append(_import(file, there, folder / "import"))
            if kept:
                folded = _fold(there, folder / "import")
    drop(named(url, "without_lines"))
    return Compared(min(seconds[True]), min(seconds[False]), folded)


def _import(file: Path, url: str, folder: Path) -> float:
    command = (sys.executable, str(ROOT / "manage.py"), "import", "order-lines", str(file))
    started = perf_counter()
    subprocess.run(
        command, env=os.environ | settings_of(url, folder), check=True, stdout=subprocess.DEVNULL
    )
    return perf_counter() - started


def _fold(url: str, folder: Path) -> float:
    with our_app(url, folder).app_context():
        started = perf_counter()
        fold()
        seconds = perf_counter() - started
        db.engine.dispose()
    return seconds


def _without_triggers(url: str, emptied: str | None = None) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        drop_triggers(connection)
        if emptied:
            verb = "DELETE FROM" if engine.dialect.name == "sqlite" else "TRUNCATE"
            connection.execute(text(f"{verb} {emptied}"))
            connection.execute(text("INSERT INTO rollup_changes VALUES ('all', 0, 0)"))
    engine.dispose()


@dataclass(frozen=True)
class Crowd:
    """200 clients at once, in milliseconds: before a change, and after one."""

    warm_median: float
    expired_p99: float
    computations: int | None


def crowd(url: str, folder: Path, rounds: int) -> Crowd:
    """The page that a change has made stale, asked for by 200 clients over two processes."""
    redis = RedisServer(folder)
    warm, expired, computed = [], [], []
    try:
        with (
            copied(url, "crowd") as there,
            serving("ours", there, folder, workers=2, REDIS_URL=redis.url) as server,
        ):
            client = client_of(server)
            engine = create_engine(there)
            for number in range(rounds + 1):
                client.page(PAGE)
                sleep(1.5)  # longer than cache.SUMMARY_EVERY
                usual = _at_once(client)
                before = _reads(engine)
                with engine.begin() as connection:
                    change = f"UPDATE order_lines SET quantity = {number + 1} WHERE id = 1"
                    connection.execute(text(change))
                sleep(1.5)
                stale = _at_once(client)
                if number:
                    warm.append(median(usual))
                    expired.append(percentile(stale, 0.99))
                    after = _reads(engine)
                    computed.append(None if after is None else after - (before or 0))
            engine.dispose()
    finally:
        redis.stop()
    worst = None if computed[0] is None else max(number or 0 for number in computed)
    return Crowd(median(warm), median(expired), worst)


def _at_once(client: Client) -> list[float]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda _: client.page(PAGE), range(CLIENTS)))
    return [1000 * answer.seconds for answer in answers]


def _reads(engine: object) -> int | None:
    """How often the best products were read, which each computation does once; None on SQLite."""
    if engine.dialect.name == "sqlite":  # type: ignore[attr-defined]
        return None
    sleep(12)  # the server's processes tell it with a delay, those that rest of ten seconds
    with engine.connect() as connection:  # type: ignore[attr-defined]
        return int(
            connection.scalar(
                text(
                    "SELECT idx_scan FROM pg_stat_user_indexes "
                    "WHERE indexrelname = 'ix_product_periods_best'"
                )
            )
        )
