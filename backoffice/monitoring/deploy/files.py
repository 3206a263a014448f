"""Who may read and write the files of an installation, and whether there is room for more."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from backoffice.monitoring.deploy.settings import Deployed
from backoffice.monitoring.health import Finding

LEAST_FREE = 1024**3
TIMES_THE_DATABASE = 2
"""An import of all there is, and its undo, take about as much as there is."""


def check_files(deployed: Deployed) -> Iterator[Finding]:
    """Nobody but the server's account reads the key, the data and what was uploaded."""
    instance = deployed.settings.instance_path
    yield from _open_to_others(instance, "the instance folder", may_read=True)
    yield from _open_to_others(instance / "secret_key", "the secret key")
    yield from _open_to_others(instance / "imports", "the folder of uploaded files")
    for file in _database_files(deployed):
        yield from _open_to_others(file, "the database")
    for place in (instance, instance / "imports"):
        if place.exists() and not os.access(place, os.W_OK):
            yield Finding(f"{place} cannot be written", f"give it to this account: chown {place}")


def _database_files(deployed: Deployed) -> Iterator[Path]:
    if deployed.settings.is_embedded:
        path = deployed.settings.database_url.removeprefix("sqlite:///").partition("?")[0]
        yield from (Path(f"{path}{suffix}") for suffix in ("", "-wal", "-shm"))


def _open_to_others(place: Path, what: str, *, may_read: bool = False) -> Iterator[Finding]:
    """:param may_read: Others may see what is in it, as what matters there is closed itself."""
    try:
        found = place.stat()
    except OSError:  # it is not there: what makes it closes it
        return
    mode = stat.S_IMODE(found.st_mode)
    if mode & (0o022 if may_read else 0o077):
        closed = "700" if place.is_dir() else "600"
        yield Finding(
            f"{what} is open to other accounts: {place} has mode {mode:o}",
            f"run `chmod {closed} {place}`",
        )
    if found.st_uid not in {os.geteuid(), 0} and os.geteuid():
        yield Finding(f"{what} belongs to somebody else: {place}", f"run `chown` on {place}")


def check_disk(deployed: Deployed) -> Iterator[Finding]:
    """There is room for an import, for its undo and for the log of writes."""
    places = {deployed.settings.instance_path, *(f.parent for f in _database_files(deployed))}
    held = sum(file.stat().st_size for file in _database_files(deployed) if file.exists())
    wanted = max(LEAST_FREE, TIMES_THE_DATABASE * held)
    for place in sorted(place for place in places if place.exists()):
        free = shutil.disk_usage(place).free
        if free < wanted:
            yield Finding(
                f"{place} has {free // 1024**2:,} MB left",
                f"make room for {wanted // 1024**2:,} MB: a full disk stops every write",
            )
