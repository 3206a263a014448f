"""Indexes that might serve what statements ask; whether they do is measured and not guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from sqlalchemy import Boolean, Text

from backoffice.database import Base
from backoffice.indexes.advice.needs import Need
from backoffice.indexes.found import Found

MOST_COLUMNS = 5
LONGEST_NAME = 63
"""Characters of a name on PostgreSQL, in which an advised index is kept."""

PLACES = re.compile(r'[\s()"]|::[\w ]+')
"""What a condition may have more or less of, and be the same."""

OFFER = re.compile(r"\s*(\w+)\s*:\s*(.+?)(?:\s+WHERE\s+(.+?))?\s*", re.IGNORECASE | re.DOTALL)


class OfferError(ValueError):
    """What somebody offered is no index of ours; the message says why."""


@dataclass(frozen=True)
class Candidate:
    """An index that might be made; a column is "name DESC" where it runs against the others."""

    table: str
    columns: tuple[str, ...]
    where: str | None = None
    offered: bool = field(default=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns without their directions."""
        return tuple(column.removesuffix(" DESC") for column in self.columns)

    @property
    def name(self) -> str:
        """As the models' convention names it, with the condition where it has one."""
        parts = ["ix", self.table, *(column.replace(" ", "_").lower() for column in self.columns)]
        if self.where:
            parts += ["where", *re.findall(r"\w+", self.where.lower())]
        name = "_".join(parts)
        if len(name) <= LONGEST_NAME:
            return name
        digest = blake2b(name.encode(), digest_size=4).hexdigest()
        return f"{name[: LONGEST_NAME - 9]}_{digest}"

    @property
    def statement(self) -> str:
        """What makes it."""
        return self.made_as(self.name)

    def made_as(self, name: str) -> str:
        """What makes it under another name."""
        where = f" WHERE {self.where}" if self.where else ""
        return f"CREATE INDEX {name} ON {self.table} ({', '.join(self.columns)}){where}"

    def __str__(self) -> str:
        where = f" WHERE {self.where}" if self.where else ""
        return f"{self.table}: {', '.join(self.columns)}{where}"


def offered(text: str) -> Candidate:
    """The candidate of ``products: supplier_id, name WHERE active``.

    :raises OfferError: there is no such table or column, or it is not written so.
    """
    found = OFFER.fullmatch(text)
    if not found:
        raise OfferError(f"{text!r} is not written as 'table: column, column'")
    table, listed, where = found.groups()
    columns = tuple(
        re.sub(r"\s+desc$", " DESC", column.strip(), flags=re.IGNORECASE)
        for column in listed.split(",")
    )
    candidate = Candidate(table, columns, where, offered=True)
    if table not in Base.metadata.tables:
        raise OfferError(f"there is no table {table}")
    unknown = set(candidate.names) - {column.name for column in Base.metadata.tables[table].columns}
    if unknown:
        raise OfferError(f"{table} has no column {', '.join(sorted(unknown))}")
    return candidate


def candidates(all_needs: Iterable[Need]) -> list[Candidate]:
    """Every index that one of the needs suggests, each once."""
    found: dict[Candidate, None] = {}
    for need in all_needs:
        if "id" in Base.metadata.tables[need.table].primary_key.columns:
            found.update(dict.fromkeys(_of(need)))
    return list(found)


def _of(need: Need) -> Iterator[Candidate]:
    for columns in sorted(_lists(need)):
        yield from _worth(need.table, columns)
        yield from _covering(need, columns)
        for condition, gone in _conditions(need):
            rest = tuple(column for column in columns if column not in gone)
            # A condition alone leaves the order, or the key, to be indexed.
            yield from _worth(need.table, rest or need.order or ("id",), condition)


def _lists(need: Need) -> set[tuple[str, ...]]:
    """Columns equal first, then an order or one span, for each way in which rows are looked up."""
    flags = _flags(need.table)
    equal = tuple(sorted(set(need.equal) - {"id"}, key=lambda name: (name in flags, name)))
    if "id" in need.equal:
        return set()  # it is one row
    starts = {equal}
    for join in set(need.joined) - {"id"}:
        rest = tuple(name for name in equal if name != join)
        starts |= {(join, *rest), (*rest, join)}
    ends: set[tuple[str, ...]] = {(), need.groups, *((span,) for span in need.spans)}
    if need.order:
        ends.add(need.order)
    lists = {(*start, *end) for start in starts for end in ends}
    if need.limited or need.groups:
        lists |= {need.order, need.groups}
    return {_once(columns) for columns in lists if columns}


def _covering(need: Need, columns: tuple[str, ...]) -> Iterator[Candidate]:
    """With all else that is read, so that the rows themselves need not be; only if it is narrow."""
    table = Base.metadata.tables[need.table]
    bare = {column.removesuffix(" DESC") for column in columns}
    rest = sorted(need.read - bare)
    texts = [name for name in rest if isinstance(table.columns[name].type, Text)]
    if rest and not texts:
        yield from _worth(need.table, (*columns, *rest))


def _worth(table: str, columns: tuple[str, ...], where: str | None = None) -> Iterator[Candidate]:
    first = columns[0].removesuffix(" DESC")
    # By the key the rows lie already; of a flag's two values neither is worth a search.
    if len(columns) <= MOST_COLUMNS and (first != "id" or where):
        yield Candidate(table, columns, where)


def _conditions(need: Need) -> Iterator[tuple[str, set[str]]]:
    """(condition, columns that need no place in the index then) by which part may be indexed.

    All together where there are several: fewer rows are left.
    """
    lasting = _lasting(need)
    if lasting:
        # Of a list or of NULL a column may have its place in the order all the same.
        gone = set(lasting) - {column.removesuffix(" DESC") for column in need.order}
        yield " AND ".join(lasting.values()), gone


def _lasting(need: Need) -> dict[str, str]:
    """Column -> condition of a flag, of NULL, and of lists and columns that stand in the text.

    Another value would be another call of the same shape, which an index of this value alone
    does not serve.
    """
    flags = _flags(need.table)
    return {
        name: condition
        for name, condition in need.conditions.items()
        if name in flags or "=" not in condition or "<" in condition or ">" in condition
    }


def _flags(table: str) -> set[str]:
    columns = Base.metadata.tables[table].columns
    return {column.name for column in columns if isinstance(column.type, Boolean)}


def _once(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Without a column that is there already, in whichever direction; nothing after the key."""
    kept: dict[str, str] = {}
    for column in columns:
        kept.setdefault(column.removesuffix(" DESC"), column)
        if column == "id":
            break
    return tuple(kept.values())


def as_found(candidate: Candidate) -> Found:
    """As it would be found, once it is made."""
    return Found(
        name=candidate.name,
        table=candidate.table,
        keys=candidate.columns,
        condition=candidate.where or "",
        unique=False,
        definition=candidate.statement,
    )


def covered_by(candidate: Candidate, there: Iterable[Found], dialect: str) -> str | None:
    """Why what is there makes ``candidate`` needless, None where it does not."""
    wanted = _without_key(candidate.columns, dialect)
    for index in there:
        if index.table != candidate.table or index.method != "btree":
            continue
        if _bare(index.condition) != _bare(candidate.where):
            continue
        has = _without_key(index.keys, dialect)
        if has == wanted:
            return f"is there already: {index.name}"
        if has[: len(wanted)] == wanted:
            return f"covered by {index.name} ({', '.join(index.keys)})"
        if index.unique and has and set(has) <= set(wanted[: len(has)]):
            return f"{index.name} finds the one row already"
    return None


def _bare(condition: str | None) -> str:
    return PLACES.sub("", (condition or "").lower())


def _without_key(columns: tuple[str, ...], dialect: str) -> tuple[str, ...]:
    """SQLite ends every index by the key anyway, and spells in small letters."""
    ends = dialect == "sqlite" and len(columns) > 1 and columns[-1] == "id"
    return tuple(column.lower() for column in (columns[:-1] if ends else columns))
