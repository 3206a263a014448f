"""What a person chose for one file, as the ledger keeps it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from backoffice.imports.mapping import FieldMap
from backoffice.imports.read import Reading, reading_again

HOW = ("create_missing", "skip_refused", "clears")
"""The choices about rows."""


@dataclass(frozen=True)
class Chosen:
    """How the file is read, which column sets which field, and what becomes of the rows."""

    reading: Reading = field(default_factory=Reading)
    mapping: FieldMap = field(default_factory=lambda: FieldMap({}, {}, {}))
    how: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(HOW, False))

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Chosen:
        """What ``kept`` says, as ``as_kept`` made it."""
        how = {name: bool(kept.get(name)) for name in HOW}
        return cls(reading_again(kept["reading"]), FieldMap(**kept["mapping"]), how)

    def as_kept(self) -> dict[str, Any]:
        """The same as the ledger has it of every run."""
        return {"reading": asdict(self.reading), "mapping": asdict(self.mapping), **self.how}
