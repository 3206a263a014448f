"""The query log: which statements pages asked, how they were planned, and what that led to.

Any process writes it, off its requests' path, and none needs it: all of it may be deleted.
Times are whole microseconds, so that they add up exactly on both databases.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from backoffice.database import Base
from backoffice.models.columns import Key, Moment, UtcDateTime
from backoffice.models.import_run import PLAIN_JSON
from backoffice.models.record import NO_ID_TWICE

Count = Annotated[int, mapped_column(BigInteger, server_default="0", default=0)]


class QueryShape(Base):
    """One statement without its values, whoever asks it: see ``querylog.shape``.

    ``statement`` and ``parameters`` are one call of it as the driver got it, the slowest lately,
    by which it is explained and asked again; ``parameters`` as ``querylog.parameters`` writes
    them. They hold people's data: only an admin who asks for them sees them.
    """

    __tablename__ = "query_shapes"
    __table_args__ = (NO_ID_TWICE,)

    id: Mapped[Key]
    fingerprint: Mapped[str] = mapped_column(String(16), unique=True)
    shape: Mapped[str] = mapped_column(Text)
    statement: Mapped[str] = mapped_column(Text)
    parameters: Mapped[Any] = mapped_column(PLAIN_JSON)
    microseconds: Mapped[Count]
    first_seen: Mapped[Moment]
    last_seen: Mapped[Moment]


class QueryHour(Base):
    """What one shape cost in one hour, by the page and the line of ours that asked it."""

    __tablename__ = "query_hours"
    __table_args__ = (
        # The oldest hours are deleted, and a period's are read by what they cost.
        Index(None, "hour"),
        {"sqlite_with_rowid": False},
    )

    shape_id: Mapped[int] = mapped_column(
        ForeignKey("query_shapes.id", ondelete="CASCADE"), primary_key=True
    )
    route: Mapped[str] = mapped_column(String(200), primary_key=True)
    line: Mapped[str] = mapped_column(String(200), primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    calls: Mapped[Count]
    microseconds: Mapped[Count]
    slowest: Mapped[Count]
    rows: Mapped[Count]


class QueryPlan(Base):
    """A plan of a shape, from when it was first seen until it was another; the last is current.

    ``scans`` names the tables that it reads whole; ``worse`` says that it reads one whole, or
    sorts, where the plan before it did not.
    """

    __tablename__ = "query_plans"
    __table_args__ = (
        # The plans of one shape in their order, and the current one.
        Index(None, "shape_id", "id"),
        NO_ID_TWICE,
    )

    id: Mapped[Key]
    shape_id: Mapped[int] = mapped_column(ForeignKey("query_shapes.id", ondelete="CASCADE"))
    fingerprint: Mapped[str] = mapped_column(String(16))
    plan: Mapped[str] = mapped_column(Text)
    scans: Mapped[list[str]] = mapped_column(PLAIN_JSON)
    sorts: Mapped[bool]
    worse: Mapped[bool]
    release: Mapped[str] = mapped_column(String(64))
    first_seen: Mapped[Moment]
    last_seen: Mapped[Moment]


class SlowQuery(Base):
    """One call that took longer than the threshold, with its plan at that moment."""

    __tablename__ = "slow_queries"
    __table_args__ = (
        # The calls of one shape, newest first.
        Index(None, "shape_id", "id"),
        NO_ID_TWICE,
    )

    id: Mapped[Key]
    shape_id: Mapped[int] = mapped_column(ForeignKey("query_shapes.id", ondelete="CASCADE"))
    plan_id: Mapped[int | None] = mapped_column(
        ForeignKey("query_plans.id", ondelete="SET NULL"), index=True
    )
    at: Mapped[Moment]
    route: Mapped[str] = mapped_column(String(200))
    line: Mapped[str] = mapped_column(String(200))
    microseconds: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    # The kinds of the parameters alone, then they themselves.
    kinds: Mapped[Any] = mapped_column(PLAIN_JSON)
    parameters: Mapped[Any] = mapped_column(PLAIN_JSON)
    failed: Mapped[bool]
    release: Mapped[str] = mapped_column(String(64))


class PageHour(Base):
    """What the requests of one route cost in one hour.

    ``repeats`` counts those that asked one statement over and over (N+1), ``failed`` those that
    were answered with 500 or more.
    """

    __tablename__ = "page_hours"
    __table_args__ = (
        Index(None, "hour"),  # as in QueryHour
        {"sqlite_with_rowid": False},
    )

    route: Mapped[str] = mapped_column(String(200), primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    requests: Mapped[Count]
    microseconds: Mapped[Count]
    slowest: Mapped[Count]
    in_database: Mapped[Count]
    statements: Mapped[Count]
    most_statements: Mapped[Count]
    rows: Mapped[Count]
    repeats: Mapped[Count]
    failed: Mapped[Count]


class IndexAdvice(Base):
    """What one proposed index was measured to bring and to cost, and what it did once it was there.

    ``measured`` and ``proved`` are as ``indexes.advice`` writes them.
    """

    __tablename__ = "index_advice"
    __table_args__ = (NO_ID_TWICE,)

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(63), unique=True)
    on_table: Mapped[str] = mapped_column(String(63))
    columns: Mapped[list[str]] = mapped_column(PLAIN_JSON)
    measured: Mapped[dict[str, Any]] = mapped_column(PLAIN_JSON)
    measured_at: Mapped[Moment]
    proved: Mapped[dict[str, Any] | None] = mapped_column(PLAIN_JSON)
    proved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


QUERY_LOG = tuple(
    model.__table__
    for model in (QueryHour, PageHour, SlowQuery, QueryPlan, QueryShape, IndexAdvice)
)
"""Tables that nobody would miss; children before their parents."""
