"""Staff who go on saving products in their browsers while an import runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event
from time import sleep

from sqlalchemy import create_engine, func, select

from backoffice.models import Product
from tests.benchmarks.client import Client
from tests.benchmarks.import_runs import Run, WrongResultError
from tests.benchmarks.measure import client_of, percentile
from tests.benchmarks.servers import copied, serving
from tests.pages import Page

STAFF = 8
PAUSE = 0.5
"""Seconds that each of them rests between two saves."""

USUAL_SECONDS = 8.0
LOCKED = "database is locked"


@dataclass
class Saves:
    """Seconds of each POST of an edit form, and how often which status answered.

    302 is saved; 409 shows what somebody else, here the import, changed in between.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    locked: int = 0

    @property
    def p99(self) -> float | None:
        return percentile(self.seconds, 0.99) if self.seconds else None

    @property
    def failed(self) -> int:
        return sum(count for status, count in self.statuses.items() if status not in {302, 409})


@dataclass(frozen=True)
class Beside:
    """Saves before an import and during it; what the import said if it failed."""

    usual: Saves
    meanwhile: Saves
    imported: Run | None
    complaint: str


def save_beside(state: str, folder: Path, work: Callable[[str], Run]) -> Beside:
    """Staff at work in a copy of ``state``, alone and then beside ``work``."""
    with copied(state, "running") as url, serving("ours", url, folder) as server:
        rows = _range_of_keys(url)
        signed_in = client_of(server)
        with _saving(signed_in, rows) as usual:
            sleep(USUAL_SECONDS)
        complaint, imported = "", None
        with _saving(signed_in, rows) as meanwhile:
            try:
                imported = work(url)
            except WrongResultError as error:
                complaint = str(error)
        meanwhile.locked += complaint.count(LOCKED)
        meanwhile.locked += (folder / f"{server.name}.log").read_text().count(LOCKED)
    return Beside(usual, meanwhile, imported, complaint)


def _range_of_keys(url: str) -> range:
    engine = create_engine(url)
    with engine.connect() as connection:
        low, high = connection.execute(select(func.min(Product.id), func.max(Product.id))).one()
    engine.dispose()
    return range(low, high + 1)


@contextmanager
def _saving(signed_in: Client, rows: range) -> Iterator[Saves]:
    saves, ended = Saves(), Event()

    def work(number: int) -> None:
        client = Client(signed_in.port)
        client.cookies = dict(signed_in.cookies)
        chance = Random(number)
        while not ended.wait(PAUSE):
            _save(client, chance.choice(rows), chance.randrange(1000), saves)

    with ThreadPoolExecutor(STAFF) as pool:
        working = [pool.submit(work, number) for number in range(STAFF)]
        try:
            yield saves
        finally:
            ended.set()
        for one in working:
            one.result()


def _save(client: Client, key: int, level: int, saves: Saves) -> None:
    """Open the form of a product, change one field and save."""
    address = f"/admin/products/edit/?id={key}"
    opened = client.get(address)
    if opened.status != 200:
        saves.statuses[opened.status] += 1
        return
    answer = client.post(address, Page(opened).form | {"reorder_level": str(level)})
    saves.seconds.append(answer.seconds)
    saves.statuses[answer.status] += 1
