"""Runs of imports: what was loaded by whom, and how far it came."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backoffice.database import Base
from backoffice.models.columns import BIG_KEY, Key, Moment, UtcDateTime, utc_now
from backoffice.models.record import NO_ID_TWICE

PLAIN_JSON = JSON().with_variant(JSONB(), "postgresql")


class ImportRun(Base):
    """The ledger of one import: of a command's when it writes, in the browser from the upload on.

    It is kept in step with each chunk that is merged.

    ``digest`` is the SHA-256 of the file, ``choices`` how it was read and mapped: both equal, it is
    the same import again. Rows up to ``merged_line`` of the file are merged. ``entries`` maps a
    table to its history entry, which lists the written rows; ``created`` a table to the number of
    rows that were made for references; ``undone`` a table to the last row id that undoing has
    passed. ``asked_by`` is who asked in the browser for what is to be done now, and ``progress``
    how far that is: ``read`` of ``size`` bytes, ``tries``, and the ``problem`` that it met.
    """

    __tablename__ = "imports"
    __table_args__ = (NO_ID_TWICE,)

    id: Mapped[Key]
    kind: Mapped[str] = mapped_column(String(32))
    file: Mapped[str] = mapped_column(String(300))
    path: Mapped[str | None] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    choices: Mapped[dict[str, Any]] = mapped_column(PLAIN_JSON)
    state: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(255))
    means: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[Moment] = mapped_column(server_default=utc_now())
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    total: Mapped[int] = mapped_column(BIG_KEY, server_default="0", default=0)
    inserted: Mapped[int] = mapped_column(BIG_KEY, server_default="0", default=0)
    updated: Mapped[int] = mapped_column(BIG_KEY, server_default="0", default=0)
    rejected: Mapped[int] = mapped_column(BIG_KEY, server_default="0", default=0)
    merged_line: Mapped[int] = mapped_column(BIG_KEY, server_default="0", default=0)
    entries: Mapped[dict[str, int]] = mapped_column(PLAIN_JSON, server_default="{}", default=dict)
    created: Mapped[dict[str, int]] = mapped_column(PLAIN_JSON, server_default="{}", default=dict)
    undone: Mapped[dict[str, int]] = mapped_column(PLAIN_JSON, server_default="{}", default=dict)
    asked_by: Mapped[str | None] = mapped_column(String(255))
    progress: Mapped[dict[str, Any]] = mapped_column(PLAIN_JSON, server_default="{}", default=dict)
    report: Mapped[dict[str, Any]] = mapped_column(PLAIN_JSON, server_default="{}", default=dict)
