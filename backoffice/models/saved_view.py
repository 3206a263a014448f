"""Saved views: a list's search, filters, sort and columns under a name."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from backoffice.database import Base
from backoffice.models.columns import Key, UtcDateTime, plain_order, utc_now
from backoffice.models.record import NO_ID_TWICE, filled


class SavedView(Base):
    """One view of one list: its owner's alone, or for everybody to open.

    ``query`` is what the list's address carries for it, as ``grid.state.ListState.query`` has it.
    """

    __tablename__ = "saved_views"
    __table_args__ = (
        # Also serves the own half of grid.saved.visible_views, by name.
        UniqueConstraint(
            "user_id",
            "list",
            "name",
            info={"field": "name", "says": "Another view of yours has this name."},
        ),
        filled("name"),
        # The half that others shared, by name.
        Index(None, "list", "shared", "name", "id"),
        NO_ID_TWICE,
    )
    # What two delete at once is gone, as both wanted: no reason to warn.
    __mapper_args__ = {"confirm_deleted_rows": False}

    id: Mapped[Key]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    list: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(plain_order(80))
    query: Mapped[str] = mapped_column(Text)
    shared: Mapped[bool] = mapped_column(server_default=false(), default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=utc_now())
