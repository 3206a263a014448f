"""Users: who may sign in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_security.core import RoleMixin, UserMixin
from sqlalchemy import JSON, CheckConstraint, String, UniqueConstraint, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backoffice.database import Base
from backoffice.models.columns import ShortText
from backoffice.models.record import Record

ROLES = ("viewer", "editor", "manager", "admin")
"""From the least to the most; each may do all that the ones before it may."""


@dataclass
class Role(RoleMixin):
    """A role as Flask-Security wants to see it; stored as a word in the user's row."""

    name: str


class User(Record, UserMixin, Base):
    """One member of staff.

    ``preferences`` maps a list to what its user changed there, see ``grid.settings``.
    """

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("email", info={"field": "email", "says": "Another user has this email."}),
        UniqueConstraint("fs_uniquifier"),
        CheckConstraint(f"role IN {ROLES}", name="role_known"),
    )

    email: Mapped[str] = mapped_column(String(255))
    password: Mapped[ShortText]
    role: Mapped[str] = mapped_column(String(16))
    active: Mapped[bool] = mapped_column(server_default=true(), default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64))
    # In the user's row, which each page reads anyway: no statement of its own.
    preferences: Mapped[dict[str, Any]] = mapped_column(
        JSON().with_variant(JSONB(), "postgresql"), server_default="{}", default=dict
    )

    @property
    def roles(self) -> list[RoleMixin]:  # type: ignore[override]
        """The user's one role: one column, so a page reads its user by one statement."""
        return [Role(self.role)]
