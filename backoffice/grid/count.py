"""Counts that stop at a limit: a page never counts a whole table."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backoffice.database import Rows

LIMIT = 10_000


@dataclass(frozen=True)
class Count:
    """How many rows there are: exactly, or at least."""

    number: int
    exact: bool

    def __str__(self) -> str:
        return f"{self.number:,}" if self.exact else f"{self.number:,}+"


def count_up_to(session: Session, statement: Rows, limit: int = LIMIT) -> Count:
    """How many rows ``statement`` has; the database looks at ``limit + 1`` of them at most."""
    inner = statement.order_by(None).limit(limit + 1).subquery()
    number = session.scalar(select(func.count()).select_from(inner)) or 0
    return Count(min(number, limit), exact=number <= limit)
