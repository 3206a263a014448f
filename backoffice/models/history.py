"""History: who changed what, when, by what means."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backoffice.database import Base
from backoffice.models.columns import BIG_KEY, Key, Moment, utc_now


class HistoryEntry(Base):
    """One change of one record, or one whole import or bulk change.

    ``changes`` maps a field to ``[before, after]`` for a single record, and names what was done
    (file, counts) for a bulk change, whose ``row_id`` is NULL.
    """

    __tablename__ = "history"
    __table_args__ = (
        # Serves history.entries_of: one record's changes, newest first.
        Index(None, "table_name", "row_id", "id"),
    )

    id: Mapped[Key]
    at: Mapped[Moment] = mapped_column(server_default=utc_now())
    actor: Mapped[str] = mapped_column(String(255))
    means: Mapped[str] = mapped_column(String(16))
    action: Mapped[str] = mapped_column(String(16))
    table_name: Mapped[str] = mapped_column(String(64))
    row_id: Mapped[int | None] = mapped_column(BIG_KEY)
    label: Mapped[str] = mapped_column(String(300), server_default="", default="")
    changes: Mapped[dict[str, Any]] = mapped_column(JSON().with_variant(JSONB(), "postgresql"))
