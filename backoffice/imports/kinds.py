"""The six kinds of files: which table each fills, and how its rows and references are known.

Columns, types, lengths, defaults and rules are the models' own; nothing of them is repeated here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    FromClause,
    Table,
    literal,
    null,
    select,
)
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlalchemy.types import TypeEngine

from backoffice.database import Base, Rows
from backoffice.models import Category, Customer, Order, OrderLine, Product, Supplier

OURS = frozenset({"id", "created_at", "updated_at", "version"})
"""Columns that no file may set."""


@dataclass(frozen=True)
class Field:
    """What one column of a file sets: a value, or a reference by the other table's natural key."""

    name: str
    column: Column[Any]
    reference: Column[Any] | None = None

    @property
    def needed(self) -> bool:
        """Whether a new row cannot do without it."""
        return not self.column.nullable and self.column.server_default is None

    @property
    def type(self) -> TypeEngine[Any]:
        """The type of the cell; a reference's is the type of the natural key that a file gives."""
        return (self.column if self.reference is None else self.reference).type


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    ``key`` names the fields that say which row is meant. ``short_key`` stands in for it in files
    that lack one of its fields; there the missing field is a number, continued from the row's
    last. ``parent`` is the field whose row counts as changed when this one does.
    """

    name: str
    noun: str
    table: Table
    key: tuple[str, ...]
    fields: dict[str, Field]
    creates: frozenset[str] = frozenset()
    short_key: tuple[str, ...] = ()
    parent: str | None = None

    @property
    def owner(self) -> Table:
        """The table whose rows people see these as part of: orders for their lines."""
        if self.parent is None:
            return self.table
        reference = self.fields[self.parent].reference
        assert reference is not None and isinstance(reference.table, Table)  # noqa: S101, PT018
        return reference.table

    def rules(self) -> list[CheckConstraint]:
        """The table's rules that have a sentence for people, in a fixed order."""
        checks = (c for c in self.table.constraints if isinstance(c, CheckConstraint))
        return sorted((c for c in checks if "says" in c.info), key=lambda c: str(c.name))

    def rows(self) -> Rows:
        """What a file of all rows holds: every field, the key first, in the order of the key."""
        joined: FromClause = self.table
        values: dict[str, ColumnElement[Any]] = dict.fromkeys(self.key, null())
        for name, field in self.fields.items():
            values[name] = field.column
            if field.reference is not None:
                other = field.reference.table.alias(f"its_{name}")
                # An outer join also where there is always one: see catalog.queries.product_grid.
                joined = joined.outerjoin(other, other.c.id == field.column)
                values[name] = other.c[field.reference.name]
        labelled = [value.label(name) for name, value in values.items()]
        return select(*labelled).select_from(joined).order_by(*(values[name] for name in self.key))


def _table(model: type[Base]) -> Table:
    assert isinstance(model.__table__, Table)  # noqa: S101 - for the type checker
    return model.__table__


def default_of(column: Column[Any]) -> ColumnElement[Any]:
    """What a new row gets where its cell is blank."""
    default = column.default
    if isinstance(default, ScalarElementColumnDefault):
        return literal(default.arg, column.type)
    return null()


NATURAL_KEYS = {
    _table(Supplier): "code",
    _table(Category): "name",
    _table(Product): "sku",
    _table(Customer): "code",
    _table(Order): "number",
}


def _fields(table: Table) -> Iterable[Field]:
    for column in table.columns:
        if column.foreign_keys:
            (foreign,) = column.foreign_keys
            other = foreign.column.table
            assert isinstance(other, Table)  # noqa: S101 - for the type checker
            key = other.columns[NATURAL_KEYS[other]]
            yield Field(column.name.removesuffix("_id"), column, key)
        elif column.name not in OURS:
            yield Field(column.name, column)


def _kind(name: str, noun: str, model: type[Base], *key: str, **more: Any) -> Kind:
    table = _table(model)
    return Kind(name, noun, table, key, {f.name: f for f in _fields(table)}, **more)


KINDS = {
    kind.name: kind
    for kind in (
        _kind("suppliers", "supplier", Supplier, "code"),
        _kind("categories", "category", Category, "name"),
        _kind("products", "product", Product, "sku", creates=frozenset({"supplier", "category"})),
        _kind("customers", "customer", Customer, "code"),
        _kind("orders", "order", Order, "number", creates=frozenset({"customer"})),
        _kind(
            "order-lines",
            "order line",
            OrderLine,
            "order",
            "line_no",
            short_key=("order", "product"),
            parent="order",
        ),
    )
}
