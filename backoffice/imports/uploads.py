"""Files uploaded in the browser: kept by the number of their run, and removed after some days."""

from __future__ import annotations

import fcntl
import os
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkstemp

from flask import current_app
from sqlalchemy import Connection
from werkzeug.datastructures import FileStorage

from backoffice.imports import ledger
from backoffice.imports.ledger import RunRefusedError
from backoffice.imports.read import Limits, Reading, Source, open_source
from backoffice.imports.work import looking, write
from backoffice.imports.workbook import is_workbook

KEPT_DAYS = 7
"""How long a file stays after it came, or after its run ended."""

LONGEST_NAME = 200
DRAFT = "draft-"

LIMITS = Limits(memory=768 << 20, unpacked=512 << 20, seconds=60, prefix=DRAFT)
"""Of a workbook. A few megabytes unpack to anything, and anybody who may import can send them."""

PATIENCE = 10.0
"""Seconds that somebody waits for the workbooks of others to be opened."""


def folder() -> Path:
    """Where they are: on several machines a folder that all of them share."""
    place = Path(current_app.instance_path) / "imports"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def path_of(run: int) -> Path:
    """The file of ``run``; its name owes nothing to what the browser called it."""
    return folder() / str(int(run))


def rejects_of(run: int) -> Path:
    """The refused rows of ``run``, if there are any."""
    return folder() / f"{int(run)}.rejects"


@contextmanager
def received(upload: FileStorage) -> Iterator[Path]:
    """The uploaded file, for its owner alone; gone afterwards unless it was given a place."""
    descriptor, draft = mkstemp(prefix=DRAFT, dir=folder())  # 0600
    path = Path(draft)
    try:
        with os.fdopen(descriptor, "wb") as file:
            upload.save(file)
        yield path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


def opened(path: Path, *, name: str, reading: Reading) -> Source:
    """What is uploaded, as it is read; of workbooks, one at a time on a machine.

    :raises FileRefused: it is not what an import takes.
    :raises RunRefusedError: others' workbooks take too long.
    """
    if not is_workbook(path):
        return open_source(path, name=name, reading=reading)
    limits = replace(LIMITS, folder=folder())
    with _one_at_a_time():
        return open_source(path, name=name, reading=reading, limits=limits)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    # A lock of the file system ends with its process, however that ends.
    with (folder() / "workbook.lock").open("w") as file:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RunRefusedError(_BUSY) from None
                time.sleep(0.05)
            else:
                break
        yield


_BUSY = "other workbooks are being opened first: try again in a minute, or save the sheet as CSV"


def shown_name(name: str | None) -> str:
    """What the browser called the file, fit to be shown: its last part, without odd characters."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    kept = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    if len(kept) > LONGEST_NAME:
        suffix = Path(kept).suffix[:20]
        kept = kept[: LONGEST_NAME - len(suffix)] + suffix
    return kept or "file"


def remove_old(connection: Connection) -> None:
    """Remove what nobody needs any more; runs that were never begun end with it."""
    oldest = time.time() - KEPT_DAYS * 86_400
    for path in folder().iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest and _is_over(connection, path.name):
                path.unlink()


def _is_over(connection: Connection, name: str) -> bool:
    if name.startswith(DRAFT):
        return True
    number = name.removesuffix(".rejects")
    if not number.isdecimal():
        return False
    run = int(number)
    now = datetime.now(UTC)

    def give_up() -> None:
        states = (ledger.UPLOADED, ledger.CHECKED)
        ledger.move(connection, run, states, state=ledger.CANCELLED, ended_at=now)

    try:
        write(connection, give_up)
        with looking(connection):
            noted = ledger.get(connection, run)
    except RunRefusedError:
        return True
    return noted.ended_at is not None and (now - noted.ended_at).days >= KEPT_DAYS
