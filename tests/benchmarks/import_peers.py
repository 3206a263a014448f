"""The imports of Django's users, beside ours on the same file."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.import_runs import Run, run
from tests.benchmarks.servers import settings_of

WAYS = {
    "django-import-export": "defaults",
    "django-import-export, tuned": "tuned",
    "bulk_create": "bulk_create",
}
"""Name -> what peers.django_imports calls it."""


def import_by(way: str, file: Path, url: str, folder: Path) -> Run:
    command = (sys.executable, "-m", "tests.benchmarks.peers.django_imports", way, str(file))
    done = run(command, environment=settings_of(url, folder))
    return replace(done, start=done.seconds - float(done.output.split()[-1]))
