"""Saved mappings: which column of a supplier's files sets which field."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backoffice.database import Base
from backoffice.models.columns import Key, UtcDateTime, plain_order, utc_now
from backoffice.models.import_run import PLAIN_JSON
from backoffice.models.record import NO_ID_TWICE, filled


class ImportMapping(Base):
    """How files of one kind with one header are read, under a name, for everybody.

    ``fingerprint`` is that of the header, ``choices`` what a run's have: reading, mapping and what
    to do with unknown references, blank cells and refused rows.
    """

    __tablename__ = "import_mappings"
    __table_args__ = (
        # Also serves imports.saved.of_kind, by name.
        UniqueConstraint("kind", "name"),
        # Serves imports.offered.candidates: the few of a kind.
        Index(None, "kind", "fingerprint"),
        filled("name"),
        NO_ID_TWICE,
    )

    id: Mapped[Key]
    kind: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(plain_order(80))
    fingerprint: Mapped[str] = mapped_column(String(64))
    choices: Mapped[dict[str, Any]] = mapped_column(PLAIN_JSON)
    actor: Mapped[str] = mapped_column(String(255))
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=utc_now())
