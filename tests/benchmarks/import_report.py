"""What the import benchmark found: one line a figure with its target, and the same as JSON."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.import_runs import Run
from tests.benchmarks.targets import Target


@dataclass(frozen=True)
class Figure:
    """A target with its measured value, and what that was worked out from."""

    target: Target
    runs: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def told(self, kind: str) -> dict[str, Any]:
        runs = {
            name: [
                {"seconds": one.seconds, "start": one.start, "peak_mib": one.peak_mib}
                for one in some
            ]
            for name, some in self.runs.items()
        }
        return {"database": kind, **asdict(self.target), "runs": runs, **self.more}


Found = Mapping[str, Sequence[Figure]]
"""Kind of database -> its figures."""


HEADER = """| database | what | target | measured | |
|---|---|---|---|---|"""


def brief(complaint: object) -> str:
    """The end of it, where the reason stands, on one line."""
    return " ".join(str(complaint).split())[-200:].replace("|", "/")


def write_json(file: Path, found: Found, options: Mapping[str, Any]) -> None:
    """All figures with every single run, and on what they were measured."""
    content = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "processors": os.cpu_count(),
        "options": dict(options),
        "figures": [figure.told(kind) for kind, figures in found.items() for figure in figures],
    }
    file.write_text(json.dumps(content, indent=1, default=str) + "\n")
