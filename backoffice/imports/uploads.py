"""Files uploaded in the browser: kept by the number of their run, and removed after some days."""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkstemp

from flask import current_app
from sqlalchemy import Connection
from werkzeug.datastructures import FileStorage

from backoffice.imports import ledger
from backoffice.imports.ledger import RunRefusedError
from backoffice.imports.work import looking, write

KEPT_DAYS = 7
"""How long a file stays after it came, or after its run ended."""

LONGEST_NAME = 200
DRAFT = "draft-"


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
