"""One statement for a list's page: its rows, and how many there are in all.

First the rows' ids and keys, in order and no more than fit; then what is shown of these alone,
so that joins and related figures are read for the rows on screen and for no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    if not wanted.terms:
        return _run(session, statement, wanted, *_listed(wanted, limit), limit)
    page, number = _found(wanted, limit, dialect)
    found, total = _run(session, statement, wanted, page, number, limit)
    goes_on = found.before if wanted.position.backward else found.after
    if total.exact or goes_on is not None:
        return found, total
    # The term is common, but not where the page lies, or the page is the last. Here only
    # reading and sorting all that was found helps, which costs what the search finds.
    hits = wanted.search.hits(wanted.terms, wanted.filters, dialect)
    found, _ = _run(session, statement, wanted, _sorted_hits(wanted, hits).subquery("page"))
    return found, total


def _listed(wanted: Wanted, limit: int) -> tuple[Subquery, Any]:
    """The page of a list that is not searched, and the count of its rows."""
    page = keyset.walk(
        wanted.model,
        wanted.sort,
        wanted.position,
        conditions=wanted.filters,
        limit=wanted.size + 1,
    )
    matching = select(wanted.model.id).where(*wanted.filters)
    return page.subquery("page"), count.counted(matching, limit)


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


def _run(  # noqa: PLR0917 - what _listed and _found return goes in as it is
    session: Session,
    statement: Rows,
    wanted: Wanted,
    page: Subquery,
    number: Any = None,
    limit: int = 0,
) -> tuple[Page, Count]:
    """Run ``statement`` for the rows of ``page``; without ``number`` the count is not asked for."""
    sort = wanted.sort
    narrowed = bool(wanted.filters or wanted.terms)
    extra = [] if number is None else [number.label("_count")]
    if number is not None and not narrowed:
        table, dialect = wanted.model.__tablename__, session.get_bind().dialect.name
        extra.append(count.estimated(table, dialect).label("_estimate"))
    keys = [page.c[f"_key_{i}"] for i in range(len(sort.columns))]
    rows = session.execute(
        statement.join(page, page.c.id == wanted.model.id)
        .add_columns(*extra, *keys)
        .order_by(*keyset.page_order(sort, page))
    ).all()
    found = keyset.cut(rows, sort, wanted.position, wanted.size)
    if number is None:
        return found, Count(0, exact=False)
    if rows:
        total = count.up_to(rows[0]._mapping["_count"], limit)  # noqa: SLF001 - documented
        estimate = None if narrowed else rows[0]._mapping["_estimate"]  # noqa: SLF001
        return found, Count(total.number, total.exact, estimate)
    if wanted.position == Position() and not wanted.terms:
        return found, Count(0, exact=True)
    return found, count.up_to(session.scalar(select(number)) or 0, limit)
