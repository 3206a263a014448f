"""One statement for a list's page: its rows, and how many there are in all.

First the rows' ids and keys, in order and no more than fit; then what is shown of these alone,
so that joins and related figures are read for the rows on screen and for no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import eq
from typing import Any

from sqlalchemy import (
    BinaryExpression,
    Column,
    ColumnElement,
    Dialect,
    Select,
    Subquery,
    case,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql import visitors
from sqlalchemy.sql.operators import custom_op

from backoffice.database import Rows
from backoffice.grid import count, keyset
from backoffice.grid.count import Count
from backoffice.grid.keyset import Page, Position, Sort
from backoffice.grid.search import Search, Term
from backoffice.grid.served import index_of

WALKED = 20_000
"""Rows of the sort's index that a search for a common term looks at before it gives up on it."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which rows of ``model`` a page shows. Hashable: the same again needs no new statement.

    :param filters: Conditions on ``model``.
    :param terms: What is searched for, by ``search``.
    """

    model: type[Any]
    sort: Sort
    position: Position
    size: int
    filters: tuple[ColumnElement[bool], ...] = ()
    search: Search
    terms: tuple[Term, ...] = ()

    @property
    def is_narrowed(self) -> bool:
        return bool(self.filters or self.terms)

    def conditions(self, dialect: str) -> list[ColumnElement[bool]]:
        """Filters and search as conditions on ``model``."""
        return [*self.filters, *self.search.conditions(self.terms, dialect)]

    def hits(self, dialect: str) -> Rows:
        """The ids of all rows that match, in no order."""
        return self.search.hits(self.terms, self.filters, dialect)


def fetch(
    session: Session, statement: Rows, wanted: Wanted, limit: int = count.LIMIT
) -> tuple[Page, Count]:
    """The rows of ``statement`` that are ``wanted``, with the count of all that match.

    :param limit: The count is exact as far as that.
    """
    dialect = session.get_bind().dialect.name
    sort, position, size = wanted.sort, wanted.position, wanted.size
    shape = replace(wanted, position=position.shape)
    expected = None
    if wanted.terms and dialect == "postgresql":
        expected = count.common(session, *_explained(shape, session.get_bind().dialect), limit)
    shown = page_statement(statement, shape, limit, dialect, is_common=expected is not None)
    rows = session.execute(shown, position.parameters).all()
    found = keyset.cut(rows, sort, position, size)
    if rows:
        told = rows[0]._mapping  # noqa: SLF001 - documented
        estimate = told.get("_estimate", expected)
        total = replace(count.up_to(told["_count"], limit), estimate=estimate)
    elif expected is not None:
        total = Count(limit, exact=False, estimate=expected)
    elif position == Position() and not wanted.is_narrowed:
        total = Count(0, exact=True)
    else:
        total = count.count_up_to(session, wanted.hits(dialect), limit)
    goes_on = found.before if position.backward else found.after
    if total.exact or not wanted.is_narrowed or goes_on is not None:
        return found, total
    # What is looked for is common, but not where the page lies, or the page is the last. Here only
    # reading and sorting all that was found helps, which costs what there is to find.
    page = _sorted(wanted, wanted.hits(dialect)).subquery("page")
    rows = session.execute(_shown(statement, wanted, page)).all()
    return keyset.cut(rows, sort, position, size), total


@lru_cache(maxsize=256)
def _explained(wanted: Wanted, dialect: Dialect) -> tuple[str, dict[str, Any]]:
    """Kept like ``page_statement``, for the pages of one search."""
    return count.explained(wanted.model, wanted.hits(dialect.name), dialect)


@lru_cache(maxsize=256)
def page_statement(
    statement: Rows, wanted: Wanted, limit: int, dialect: str, *, is_common: bool
) -> Rows:
    """``statement`` for the page, with ``_count`` and the sort's keys in each row.

    :param is_common: There are known to be more than ``limit``: they are not counted.

    Kept for all pages of the position's shape: to put the expressions together takes as long as
    to run them, and people turn pages and open the same lists over and over.
    """
    model, sort = wanted.model, wanted.sort
    if is_common:
        more = literal(limit + 1).label("_count")
        return _shown(statement, wanted, _many(wanted, true(), dialect).subquery("page"), more)
    if not _is_in_order(wanted):
        page, number = _found(wanted, limit, dialect)
        return _shown(statement, wanted, page, number.label("_count"))
    page = keyset.walk(
        model, sort, wanted.position, conditions=wanted.filters, limit=wanted.size + 1
    ).subquery("page")
    if wanted.is_narrowed:
        number = count.counted(wanted.hits(dialect), limit)
        return _shown(statement, wanted, page, number.label("_count"))
    estimate = count.estimated(model.__tablename__, dialect)
    number = case(
        (estimate > count.FAR * limit, limit + 1),
        else_=count.counted(select(model.id), limit),
    )
    return _shown(statement, wanted, page, number.label("_count"), estimate.label("_estimate"))


def _shown(statement: Rows, wanted: Wanted, page: Subquery, *extra: ColumnElement[Any]) -> Rows:
    """``statement`` for the rows of ``page``, in its order; ``extra`` and the keys come last."""
    keys = [page.c[f"_key_{i}"] for i in range(len(wanted.sort.columns))]
    return (
        statement.join(page, page.c.id == wanted.model.id)
        .add_columns(*extra, *keys)
        .order_by(*keyset.page_order(wanted.sort, page))
    )


def _found(wanted: Wanted, limit: int, dialect: str) -> tuple[Subquery, Any]:
    """The page of a search or filter, and how many rows it finds, up to ``limit + 1``.

    Few hits are all read, by the index that serves what is looked for, and sorted. Of what is
    common so many are found already that the sort's index shows enough of them within a short
    walk: the other half of the union then. Each half is run only if the count says so, and neither
    grows with the table. Left to itself, a planner walks the sort's index to its end for a price
    that nothing has: 3 s of a million rows.
    """
    hits = wanted.hits(dialect).limit(limit + 1).cte("hits").prefix_with("MATERIALIZED")
    counted = select(func.count().label("n")).select_from(hits).cte("counted")
    number = select(counted.c.n).scalar_subquery()
    few = _sorted_few(wanted, select(hits.c.id), dialect).where(number <= limit)
    many = _many(wanted, number > limit, dialect)
    both = select(few.subquery("few")).union_all(select(many.subquery("many")))
    return both.subquery("page"), number


def _many(wanted: Wanted, holds: ColumnElement[bool], dialect: str) -> Select[*tuple[Any, ...]]:
    """The page of what is common: found on a walk along the sort's index, if ``holds``."""
    # A range of the sort's own index is where the walk goes, and not what it looks for.
    own = [test for test in wanted.filters if _is_range(test, wanted)]
    others = [test for test in wanted.filters if not _is_range(test, wanted)]
    tests = [*others, *wanted.search.row_tests(wanted.terms, dialect)]
    walked = keyset.walk(
        wanted.model,
        wanted.sort,
        wanted.position,
        **_only_if(holds, own, dialect),
        carried=_columns_in(tests, wanted.model),
    ).subquery("walked")
    keys = (f"_key_{i}" for i in range(len(wanted.sort.columns)))
    return (
        select(*(walked.c[name] for name in ("id", keyset.PART, *keys)))
        .where(*(_moved(test, wanted.model, walked) for test in tests))
        .limit(wanted.size + 1)
    )


def _is_in_order(wanted: Wanted) -> bool:
    """Whether an index holds the rows that match, and nothing between them, in the list's order.

    It is that of the sort, narrowed to a range of it, or one that has a value before the sort's
    columns: the newest products of a supplier.
    """
    others = [test for test in wanted.filters if not _is_range(test, wanted)]
    if wanted.terms or len(others) > 1:
        return False
    return all(
        isinstance(test, BinaryExpression)
        and test.operator is eq
        and isinstance(test.left, Column)
        and index_of(test.left, *wanted.sort.columns) is not None
        for test in others
    )


def _is_range(condition: ColumnElement[bool], wanted: Wanted) -> bool:
    """Whether ``condition`` is about the column that is sorted by alone, and compares it."""
    names = [column.name for column in _columns_in([condition], wanted.model)]
    parts = visitors.iterate(condition)
    is_pattern = any(isinstance(getattr(part, "operator", None), custom_op) for part in parts)
    return names == [wanted.sort.columns[0].key] and not is_pattern


def _only_if(
    holds: ColumnElement[bool], conditions: Sequence[ColumnElement[bool]], dialect: str
) -> dict[str, Any]:
    """How a walk is kept from starting: each database has a way that it sees before the first row.

    PostgreSQL would plan for a tenth of the table if the limit were an expression; SQLite would
    put the condition to each row.
    """
    if dialect == "sqlite":
        return {"conditions": conditions, "limit": case((holds, WALKED), else_=0)}
    return {"conditions": [holds, *conditions], "limit": WALKED}


def _sorted_few(wanted: Wanted, ids: Rows, dialect: str) -> Select[*tuple[Any, ...]]:
    """The same as ``_sorted`` where no more ids come than a list counts: each is looked up.

    PostgreSQL would read the whole table for a few thousand, for it plans as if each lookup went
    to a turning disk.
    """
    if dialect == "sqlite":
        return _sorted(wanted, ids)
    sort, model = wanted.sort, wanted.model
    found = ids.subquery("found")
    looked_up = select(model.id, keyset.part_of(sort), *sort.keys()).where(
        model.id == found.c.id, keyset.from_position(sort, wanted.position)
    )
    row = looked_up.limit(1).lateral("row")
    return (
        select(*row.c)
        .select_from(found)
        .join(row, true())
        .order_by(*keyset.page_order(sort, row, backward=wanted.position.backward))
        .limit(wanted.size + 1)
    )


def _sorted(wanted: Wanted, ids: Rows) -> Select[*tuple[Any, ...]]:
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
