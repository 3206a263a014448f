"""What a statement asks of each table that it reads, read from its text."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

Schema: TypeAlias = dict[str, frozenset[str]]
"""Table -> its columns."""

DIALECTS = {"postgresql": "postgres", "sqlite": "sqlite"}
SPANS = (exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.Like)
# It warns of each statement that is none of those it takes apart, as SAVEPOINT.
logging.getLogger("sqlglot").setLevel(logging.ERROR)
CONSTANTS = (exp.Literal, exp.Boolean, exp.Null)


@dataclass
class Need:
    """What one SELECT, outer or inner, asks of one table.

    ``equal`` are the columns that it compares with a value or a list, ``joined`` with another
    table's column, ``spans`` by less or more. ``order`` has "name DESC" where directions are
    mixed. ``conditions`` are comparisons with constants of the text itself, as column -> SQL:
    they hold at each call. ``read`` is empty where it reads all columns.
    """

    table: str
    equal: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    spans: list[str] = field(default_factory=list)
    order: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    conditions: dict[str, str] = field(default_factory=dict)
    read: frozenset[str] = frozenset()
    limited: bool = False


@dataclass(frozen=True)
class Write:
    """A statement that changes ``table``; ``columns`` are those that an update sets."""

    kind: str
    table: str
    columns: frozenset[str] = frozenset()


def parsed(statement: str, dialect: str) -> exp.Expr | None:
    """The statement as a tree; None where it is not understood."""
    try:
        return sqlglot.parse_one(statement, dialect=DIALECTS[dialect])
    except SqlglotError:
        return None


def tables_of(tree: exp.Expr, schema: Schema) -> frozenset[str]:
    """Those of ``schema`` that the statement names."""
    return frozenset(table.name for table in tree.find_all(exp.Table)) & schema.keys()


def write_of(tree: exp.Expr) -> Write | None:
    """What the statement changes, None where it only reads."""
    if not isinstance(tree, exp.Insert | exp.Update | exp.Delete):
        return None
    table = tree.find(exp.Table)
    if table is None:
        return None
    columns = frozenset(
        change.this.name for change in tree.args.get("expressions") or () if change.this
    )
    return Write(tree.key, table.name, columns if isinstance(tree, exp.Update) else frozenset())


def needs(tree: exp.Expr, dialect: str, schema: Schema) -> list[Need]:
    """One for each table of each SELECT in ``tree``, and for each branch of its ORs."""
    found: list[Need] = []
    for select in tree.find_all(exp.Select):
        found += _Reader(select, dialect, schema).needs()
    return found


class _Reader:
    """Reads one SELECT; columns of an outer one are values to it."""

    def __init__(self, select: exp.Select, dialect: str, schema: Schema) -> None:
        self.select = select
        self.dialect = dialect
        self.schema = schema
        joins = select.args.get("joins") or []
        sources = [part.this for part in (select.args.get("from_"), *joins) if part is not None]
        self.tables = {
            source.alias_or_name: source.name
            for source in sources
            if isinstance(source, exp.Table) and source.name in schema
        }
        self.found = {alias: Need(table) for alias, table in self.tables.items()}
        self.branches: list[Need] = []
        on = [join.args["on"] for join in joins if join.args.get("on")]
        where = select.args.get("where")
        self.conditions = [*on, *([where.this] if where else [])]

    def needs(self) -> list[Need]:
        for condition in self.conditions:
            for part in _conjuncts(condition):
                self._condition(part, self.found)
        for alias, need in self.found.items():
            need.limited = self.select.args.get("limit") is not None
            need.order = self._order(alias, need)
            need.groups = self._names(alias, self._group())
            need.read = self._read(alias)
        return [*self.found.values(), *self.branches]

    def _column(self, node: Any) -> tuple[str, str] | None:
        """(alias, name) where ``node`` is a column of this SELECT's own tables."""
        if not isinstance(node, exp.Column):
            return None
        if node.table:
            return (node.table, node.name) if node.table in self.tables else None
        owners = [alias for alias, name in self.tables.items() if node.name in self.schema[name]]
        return (owners[0], node.name) if len(owners) == 1 else None

    def _condition(self, node: exp.Expr, found: dict[str, Need]) -> None:
        node = node.unnest()
        if isinstance(node, exp.Or):
            self._or(node)
        elif isinstance(node, exp.EQ | exp.NullSafeEQ | exp.Is):
            self._equal(node, found)
        elif isinstance(node, SPANS):
            for side in (node.this, node.args.get("expression")):
                first = side.expressions[0] if isinstance(side, exp.Tuple) else side
                self._add("spans", first, found)
            columns = list(node.find_all(exp.Column))
            if len(columns) == 2 and not node.find(exp.Placeholder, exp.Literal):
                self._constant(columns[0], node, found)  # one column with another of its row
        elif isinstance(node, exp.In):
            self._add("joined" if node.args.get("query") else "equal", node.this, found)
            if len(node.expressions) > 1 and all(map(_is_constant, node.expressions)):
                self._constant(node.this, node, found)
        elif isinstance(node, exp.Column):
            self._add("equal", node, found)
            self._constant(node, node, found)
        elif isinstance(node, exp.Not):
            self._not(node, found)

    def _not(self, node: exp.Not, found: dict[str, Need]) -> None:
        inner = node.this.unnest()
        if isinstance(inner, exp.Column):
            self._add("equal", inner, found)
            self._constant(inner, node, found)
        elif isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
            self._constant(inner.this, node, found)

    def _equal(self, node: exp.Binary, found: dict[str, Need]) -> None:
        left, right = self._column(node.left), self._column(node.right)
        if left and right and left[0] != right[0]:
            self._add("joined", node.left, found)
            self._add("joined", node.right, found)
            return
        for side, other in ((node.left, node.right), (node.right, node.left)):
            outer = isinstance(other, exp.Column) and self._column(other) is None
            self._add("joined" if outer else "equal", side, found)
            if isinstance(node, exp.Is) or isinstance(other, exp.Boolean) or _is_flag(other):
                self._constant(side, node, found)

    def _or(self, node: exp.Or) -> None:
        for branch in node.flatten():
            apart = {alias: Need(table) for alias, table in self.tables.items()}
            for part in _conjuncts(branch):
                self._condition(part, apart)
            self.branches += [need for need in apart.values() if need.equal or need.spans]

    def _add(self, where: str, node: Any, found: dict[str, Need]) -> None:
        if column := self._column(node):
            names = getattr(found[column[0]], where)
            if column[1] not in names:
                names.append(column[1])

    def _constant(self, node: Any, condition: exp.Expr, found: dict[str, Need]) -> None:
        if column := self._column(node):
            bare = condition.copy()
            for inner in bare.find_all(exp.Column):
                inner.set("table", None)
            sql = bare.sql(dialect=DIALECTS[self.dialect])
            found[column[0]].conditions[column[1]] = sql

    def _order(self, alias: str, need: Need) -> tuple[str, ...]:
        ordered = self.select.args.get("order")
        if ordered is None:
            extremes = [
                one.unalias().this
                for one in self.select.expressions
                if isinstance(one.unalias(), exp.Max | exp.Min)
            ]
            return self._names(alias, extremes) if len(extremes) == 1 else ()
        names = self._names(alias, [part.this for part in ordered.expressions])
        directions = [bool(part.args.get("desc")) for part in ordered.expressions]
        mixed = [
            f"{name} DESC" if down != directions[0] else name
            for name, down in zip(names, directions, strict=False)
            if name not in need.equal
        ]
        return tuple(mixed)

    def _group(self) -> list[Any]:
        group = self.select.args.get("group")
        return group.expressions if group else []

    def _names(self, alias: str, nodes: list[Any]) -> tuple[str, ...]:
        """The names of ``nodes`` where all are columns of ``alias``, otherwise none.

        What comes after the table's own key orders nothing any more.
        """
        aliased = {one.alias: one.unalias() for one in self.select.expressions if one.alias}
        names: list[str] = []
        for node in nodes:
            meant = aliased.get(node.name, node) if isinstance(node, exp.Column) else node
            column = self._column(meant) or self._column(node)
            if not column or column[0] != alias:
                return ()
            names.append(column[1])
            if column[1] == "id":
                break
        return tuple(names)

    def _read(self, alias: str) -> frozenset[str]:
        if any(isinstance(one, exp.Star) or one.is_star for one in self.select.expressions):
            return frozenset()
        columns = map(self._column, self.select.find_all(exp.Column))
        return frozenset(column[1] for column in columns if column and column[0] == alias)


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    node = node.unnest()
    if isinstance(node, exp.And):
        for part in node.flatten():
            yield from _conjuncts(part)
    else:
        yield node


def _is_constant(node: exp.Expr) -> bool:
    return isinstance(node.this if isinstance(node, exp.Cast) else node, CONSTANTS)


def _is_flag(node: exp.Expr) -> bool:
    """``active = 1``, as SQLAlchemy writes a boolean on SQLite."""
    return isinstance(node, exp.Literal) and not node.is_string and node.this in {"0", "1"}
