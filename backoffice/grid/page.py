"""One statement for a list's page: its rows, and how many there are in all.

First the rows' ids and keys, in order and no more than fit; then what is shown of these alone,
so that joins and related figures are read for the rows on screen and for no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Subquery, case, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import visitors

from backoffice.database import Rows
from backoffice.grid import count, keyset
from backoffice.grid.count import Count
from backoffice.grid.keyset import Page, Position, Sort
from backoffice.grid.search import Search, Term

WALKED = 20_000
"""Rows of the sort's index that a search for a common term looks at before it gives up on it."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which rows of ``model`` a page shows.

    :param filters: Conditions on ``model``.
    :param terms: What is searched for, by ``search``.
    """

    model: type[Any]
    sort: Sort
    position: Position
    size: int
    filters: Sequence[ColumnElement[bool]] = ()
    search: Search
    terms: Sequence[Term] = ()

    def conditions(self, dialect: str) -> list[ColumnElement[bool]]:
        """Filters and search as conditions on ``model``."""
        return [*self.filters, *self.search.conditions(self.terms, dialect)]


def fetch(
    session: Session, statement: Rows, wanted: Wanted, limit: int = count.LIMIT
) -> tuple[Page, Count]:
    """The rows of ``statement`` that are ``wanted``, with the count of all that match.

    :param limit: The count is exact as far as that.
    """
    dialect = session.get_bind().dialect.name
    if not wanted.terms and not wanted.filters:
        shown = _whole_list(
            statement,
            wanted.model,  # type: ignore[arg-type]  # a class has a hash
            wanted.sort,
            wanted.position.shape,
            size=wanted.size,
            limit=limit,
            dialect=dialect,
        )
        return _read(session, shown, wanted, limit, select(wanted.model.id))
    if not wanted.terms:
        matching = select(wanted.model.id).where(*wanted.filters)
        number = count.counted(matching, limit).label("_count")
        shown = _shown(statement, wanted.model, wanted.sort, _walked(wanted), number)
        return _read(session, shown, wanted, limit, matching)
    page, number = _found(wanted, limit, dialect)
    hits = wanted.search.hits(wanted.terms, wanted.filters, dialect)
    shown = _shown(statement, wanted.model, wanted.sort, page, number.label("_count"))
    found, total = _read(session, shown, wanted, limit, hits)
    goes_on = found.before if wanted.position.backward else found.after
    if total.exact or goes_on is not None:
        return found, total
    # The term is common, but not where the page lies, or the page is the last. Here only
    # reading and sorting all that was found helps, which costs what the search finds.
    page = _sorted_hits(wanted, hits).subquery("page")
    rows = session.execute(_shown(statement, wanted.model, wanted.sort, page)).all()
    return keyset.cut(rows, wanted.sort, wanted.position, wanted.size), total


@lru_cache(maxsize=256)
def _whole_list(
    statement: Rows,
    model: Any,
    sort: Sort,
    shape: Position,
    *,
    size: int,
    limit: int,
    dialect: str,
) -> Rows:
    """The page of a list that is not narrowed, for any position of this shape.

    Made once: to put the expressions together took as long as to run them, and no page is opened
    more often.
    """
    page = keyset.walk(model, sort, shape, limit=size + 1).subquery("page")
    estimate = count.estimated(model.__tablename__, dialect)
    number = case(
        (estimate > count.FAR * limit, limit + 1),
        else_=count.counted(select(model.id), limit),
    )
    return _shown(statement, model, sort, page, number.label("_count"), estimate.label("_estimate"))


def _walked(wanted: Wanted) -> Subquery:
    """The page of a list that is filtered and not searched."""
    size = wanted.size + 1
    page = keyset.walk(
        wanted.model, wanted.sort, wanted.position, conditions=wanted.filters, limit=size
    )
    return page.subquery("page")


def _found(wanted: Wanted, limit: int, dialect: str) -> tuple[Subquery, Any]:
    """The page of a search, and how many rows it finds, up to ``limit + 1``.

    Few hits are all read and sorted. Of a common term so many are found already that the
    sort's index shows enough of them within a short walk: the other half of the union then. Each
    half is run only if the count says so, and neither grows with the table.
    """
    hits = wanted.search.hits(wanted.terms, wanted.filters, dialect).limit(limit + 1).cte("hits")
    hits = hits.prefix_with("MATERIALIZED")
    number = select(func.count()).select_from(hits).scalar_subquery()
    few = _sorted_hits(wanted, select(hits.c.id)).where(number <= limit)

    tests = [*wanted.filters, *wanted.search.row_tests(wanted.terms, dialect)]
    walked = keyset.walk(
        wanted.model,
        wanted.sort,
        wanted.position,
        **_only_if(number > limit, dialect),
        carried=_columns_in(tests, wanted.model),
    ).subquery("walked")
    many = (
        select(*(walked.c[name] for name in few.selected_columns.keys()))  # noqa: SIM118
        .where(*(_moved(test, wanted.model, walked) for test in tests))
        .limit(wanted.size + 1)
    )
    both = select(few.subquery("few")).union_all(select(many.subquery("many")))
    return both.subquery("page"), number


def _only_if(holds: ColumnElement[bool], dialect: str) -> dict[str, Any]:
    """How a walk is kept from starting: each database has a way that it sees before the first row.

    PostgreSQL would plan for a tenth of the table if the limit were an expression; SQLite would
    put the condition to each row.
    """
    if dialect == "sqlite":
        return {"limit": case((holds, WALKED), else_=0)}
    return {"conditions": [holds], "limit": WALKED}


def _sorted_hits(wanted: Wanted, ids: Rows) -> Select[*tuple[Any, ...]]:
    """The page of the rows with these ids: as many as are read are sorted."""
    sort, model = wanted.sort, wanted.model
    found = ids.subquery("found")
    return (
        select(model.id, keyset.part_of(sort), *sort.keys())
        .join(found, found.c.id == model.id)
        .where(keyset.from_position(sort, wanted.position))
        .order_by(*keyset.list_order(sort, backward=wanted.position.backward))
        .limit(wanted.size + 1)
    )


def _columns_in(
    conditions: Iterable[ColumnElement[bool]], model: type[Any]
) -> list[ColumnElement[Any]]:
    """The columns of ``model`` that ``conditions`` look at."""
    columns = {
        part.name: part
        for condition in conditions
        for part in visitors.iterate(condition)
        if isinstance(part, Column) and part.table is model.__table__ and part.name != "id"
    }
    return [columns[name] for name in sorted(columns)]


def _moved(condition: ColumnElement[bool], model: type[Any], rows: Subquery) -> ColumnElement[bool]:
    """The same condition on ``rows``, which carry the columns of ``model`` that it looks at."""

    def column_of(part: Any, **_: Any) -> Any:
        is_ours = isinstance(part, Column) and part.table is model.__table__
        return rows.c[part.name] if is_ours else None

    moved: ColumnElement[bool] = visitors.replacement_traverse(condition, {}, column_of)  # type: ignore[call-overload]
    return moved


def _shown(
    statement: Rows, model: type[Any], sort: Sort, page: Subquery, *extra: ColumnElement[Any]
) -> Rows:
    """``statement`` for the rows of ``page``, in its order; ``extra`` and the keys come last."""
    keys = [page.c[f"_key_{i}"] for i in range(len(sort.columns))]
    return (
        statement.join(page, page.c.id == model.id)
        .add_columns(*extra, *keys)
        .order_by(*keyset.page_order(sort, page))
    )


def _read(
    session: Session, shown: Rows, wanted: Wanted, limit: int, matching: Rows
) -> tuple[Page, Count]:
    """The page that ``shown`` selects, and its count, which each row carries."""
    rows = session.execute(shown, wanted.position.parameters).all()
    found = keyset.cut(rows, wanted.sort, wanted.position, wanted.size)
    if rows:
        told = rows[0]._mapping  # noqa: SLF001 - documented
        total = count.up_to(told["_count"], limit)
        return found, replace(total, estimate=told.get("_estimate"))
    if wanted.position == Position() and not wanted.terms:
        return found, Count(0, exact=True)
    return found, count.count_up_to(session, matching, limit)
