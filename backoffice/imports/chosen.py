"""What a person chose for one file, as the ledger keeps it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from backoffice.imports.mapping import FieldMap
from backoffice.imports.read import Reading, reading_again
from backoffice.imports.run import Choices

HOW = ("create_missing", "skip_refused", "clears")
"""The choices about rows, of those that an import has."""


def _usual() -> dict[str, bool]:
    known = {part.name for part in fields(Choices)}
    return {name: False for name in HOW if name in known}


@dataclass(frozen=True)
class Chosen:
    """How the file is read, which column sets which field, and what becomes of the rows."""

    reading: Reading = field(default_factory=Reading)
    mapping: FieldMap = field(default_factory=lambda: FieldMap({}, {}, {}))
    how: dict[str, bool] = field(default_factory=_usual)

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Chosen:
        """What ``kept`` says, as ``as_kept`` made it."""
        how = {name: bool(kept.get(name)) for name in _usual()}
        return cls(reading_again(kept["reading"]), FieldMap(**kept["mapping"]), how)

    def as_kept(self) -> dict[str, Any]:
        """The same as the ledger has it of every run."""
        return {"reading": asdict(self.reading), "mapping": asdict(self.mapping), **self.how}
