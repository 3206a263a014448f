"""Which tables are so large that it matters how they are read."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from backoffice.database import Base
from backoffice.monitoring.explained import LARGE
from backoffice.querylog.plans import named_in


def tables_of(statement: str) -> set[str]:
    """Those of our tables that it names."""
    return {name for name in named_in(statement).values() if name in Base.metadata.tables}


def large_tables(session: Session, statements: Iterable[str]) -> Collection[str]:
    """The large ones of all that ``statements`` name, counted as far as it takes to know."""
    names = sorted({name for statement in statements for name in tables_of(statement)})
    if not names:
        return ()
    counts = [
        select(func.count())
        .select_from(
            select(literal(1).label("one"))
            .select_from(Base.metadata.tables[name])
            .limit(LARGE + 1)
            .subquery()
        )
        .scalar_subquery()
        for name in names
    ]
    found = session.execute(select(*counts)).one()
    return {name for name, count in zip(names, found, strict=True) if count > LARGE}
