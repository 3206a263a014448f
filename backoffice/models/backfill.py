"""Backfills: how far the batches of a large change of rows have come."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from backoffice.database import Base
from backoffice.models.columns import Moment, UtcDateTime


class Backfill(Base):
    """The ledger of one backfill, kept in each batch's transaction.

    Rows up to the id ``position`` are done; ``rows`` counts those that were changed.
    """

    __tablename__ = "backfills"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[Moment]
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
