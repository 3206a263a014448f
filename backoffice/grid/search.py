"""Search text -> terms -> conditions that an index serves, over declared columns only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, and_, func, literal_column, or_, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from backoffice.database import Rows, folded
from backoffice.grid.count import count_up_to
from backoffice.grid.reference import LAST_CHARACTER, Reference, ways
from backoffice.grid.served import index_of
from backoffice.models.searched import LEAST_TRIGRAM, SEARCHED, document, fts_table

MOST_TERMS = 8
LONGEST = 200
MOST_REFERRED = 1_000
"""Rows of another table that a term tied to it may mean: "supplier:a" is no search."""

LIKE_SIGNS = re.compile(r"[\\%_]")
QUOTED = r"\\\g<0>"
HAS_TRIGRAM = re.compile(r"[^\W_]{3}|[^\W_]{2}[\W_]|[\W_][^\W_]")
"""What PostgreSQL takes a trigram from: letters and digits, where a word ends one blank behind
it and two before it (manual, "pg_trgm", trigram concepts). "C++" has none."""
TERM = re.compile(r'(?:(\w+):)?(?:"([^"]*)"?|(\S+))')


class Term(NamedTuple):
    """A word or quoted phrase that has to be found anywhere, or in one field."""

    text: str
    field: str = ""

    @property
    def by_trigram(self) -> bool:
        """Whether a trigram index finds it anywhere; else it is looked for at the beginning."""
        return len(self.text) >= LEAST_TRIGRAM and HAS_TRIGRAM.search(self.text) is not None


@dataclass(frozen=True, eq=False)
class Search:
    """What the text in a list's search box is looked up in.

    :param columns: The searched columns of ``model``, those of its trigram index.
    :param references: Field -> the column that refers and where to: "supplier:nord".
    """

    model: type[Any]
    columns: tuple[InstrumentedAttribute[str], ...]
    references: Mapping[str, tuple[InstrumentedAttribute[Any], Reference]] = field(
        default_factory=dict
    )

    @cached_property
    def beginnings(self) -> tuple[InstrumentedAttribute[str], ...]:
        """The columns in which a short term is looked for at the beginning: those with an index."""
        return tuple(column for column in self.columns if index_of(column) is not None)

    @property
    def table(self) -> str:
        return str(self.model.__tablename__)

    def terms(self, typed: str) -> tuple[Term, ...]:
        """The words of ``typed``; all are to be found. A field that is none is part of its word."""
        known = {column.key for column in self.columns} | set(self.references)
        found = []
        for tied, quoted, plain in TERM.findall(typed[:LONGEST]):
            words = " ".join((quoted or plain).split())
            if tied and tied.lower() not in known:
                found.append(Term(f"{tied}:{words}"))
            elif words:
                found.append(Term(words, tied.lower()))
        return tuple(found[:MOST_TERMS])

    def fitting(self, session: Session, typed: str) -> tuple[str, list[str]]:
        """What of ``typed`` is looked for, and what to say of the rest.

        The rest must not travel along: an action on all that match would not go by it.
        """
        if typed and not self.terms(typed):
            return "", ["The search holds nothing to look for."]
        words = [word.group() for word in TERM.finditer(typed)]
        says = []
        if len(words) > MOST_TERMS:
            says.append(f"A search takes {MOST_TERMS} words; the others were left out.")
            words = words[:MOST_TERMS]
        wide = [word for word in words if any(self._is_wide(session, t) for t in self.terms(word))]
        says += [
            f"“{word}” fits more than {MOST_REFERRED:,} of them and was left out: write more of it."
            for word in wide
        ]
        return (" ".join(word for word in words if word not in wide), says) if says else (typed, [])

    def _is_wide(self, session: Session, term: Term) -> bool:
        """Whether a term tied to another table finds more there than it may mean."""
        if term.field not in self.references:
            return False
        found = self._of_referred(term, session.get_bind().dialect.name)
        return not count_up_to(session, found, MOST_REFERRED).exact

    def hits(
        self, terms: Sequence[Term], others: Sequence[ColumnElement[bool]], dialect: str
    ) -> Rows:
        """The ids of the rows that hold all terms and fulfil ``others`` too, in no order.

        On SQLite a search and nothing else is read from the search table alone: a table that
        refers to it row by row would first be given all of them.
        """
        if dialect == "sqlite" and terms and not others and all(map(self._in_document, terms)):
            return self._matching(terms)
        return select(self.model.id).where(*others, *self.conditions(terms, dialect))

    def conditions(self, terms: Sequence[Term], dialect: str) -> list[ColumnElement[bool]]:
        """Conditions on ``model`` that an index serves: one a term, or one for several."""
        if dialect == "postgresql":
            return [self._served(term, dialect) for term in terms]
        in_document = [term for term in terms if self._in_document(term)]
        rest = [self._served(term, dialect) for term in terms if not self._in_document(term)]
        if in_document:
            rest.append(self.model.id.in_(self._matching(in_document)))
        return rest

    def row_tests(self, terms: Sequence[Term], dialect: str) -> list[ColumnElement[bool]]:
        """The same conditions, to be put to a row at hand instead of an index."""
        if dialect == "postgresql":
            return self.conditions(terms, dialect)
        return [
            or_(*(func.folded_contains(column, folded(term.text)) for column in self._of(term)))
            if self._in_document(term)
            else self._served(term, dialect)
            for term in terms
        ]

    def marks(self, terms: Sequence[Term]) -> dict[str, re.Pattern[str]]:
        """Column of the list -> what is marked in its cells as found."""
        names = [*(column.key for column in self.columns), *self.references]
        looked_for = {
            name: [
                term.text
                for term in terms
                if term.field == name or not (term.field or name in self.references)
            ]
            for name in names
        }
        return {
            name: re.compile("|".join(map(re.escape, texts)), re.IGNORECASE)
            for name, texts in looked_for.items()
            if texts
        }

    def _in_document(self, term: Term) -> bool:
        return term.by_trigram and term.field not in self.references

    def _of(self, term: Term) -> list[InstrumentedAttribute[str]]:
        return [column for column in self.columns if term.field in ("", column.key)]

    def _matching(self, terms: Sequence[Term]) -> Rows:
        """The rows' ids in SQLite's search table."""
        table = fts_table(self.table)
        phrases = " AND ".join(_phrase(term) for term in terms)
        return (
            select(literal_column("rowid", Integer).label("id"))
            .select_from(text(table))
            .where(literal_column(table).op("MATCH")(phrases))
        )

    def _served(self, term: Term, dialect: str) -> ColumnElement[bool]:
        if term.field in self.references:
            return self._referred(term, dialect)
        if not term.by_trigram:
            columns = [c for c in self._of(term) if c in self.beginnings] or self._of(term)
            return or_(*(_begins(column, term.text) for column in columns))
        pattern = f"%{LIKE_SIGNS.sub(QUOTED, term.text)}%"
        found = _holds(document(self.model), pattern)
        if not term.field:
            return found
        # The index finds the row by its whole document; the column itself then decides.
        (column,) = self._of(term)
        return and_(found, _holds(column.collate("default"), pattern))

    def _referred(self, term: Term, dialect: str) -> ColumnElement[bool]:
        """Rows that refer to one in whose searched columns the term is found."""
        column, _ = self.references[term.field]
        return column.in_(self._of_referred(term, dialect))

    def _of_referred(self, term: Term, dialect: str) -> Rows:
        _, reference = self.references[term.field]
        return search_of(reference.model).hits([Term(term.text)], (), dialect)


def search_of(model: type[Any]) -> Search:
    """The search over all searched columns of ``model``."""
    names = SEARCHED[model.__tablename__]
    return Search(model, tuple(getattr(model, name) for name in names))


def _holds(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    return column.op("ILIKE", is_comparison=True)(pattern)


def _begins(column: InstrumentedAttribute[str], start: str) -> ColumnElement[bool]:
    """``column`` begins with ``start`` in one of the usual ways of writing it."""
    return or_(*(and_(column >= way, column < way + LAST_CHARACTER) for way in ways(start)))


def _phrase(term: Term) -> str:
    """The term in FTS5's words, where quotes make a text of everything."""
    quoted = '"' + term.text.replace('"', '""') + '"'
    return f"{{{term.field}}} : {quoted}" if term.field else quoted
