"""Reports and sold lines as files: every row, with exact figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, TextualSelect, literal_column, select

from backoffice.dashboard import line_queries, month_queries, report_queries
from backoffice.dashboard.period import Span
from backoffice.dashboard.report import (
    MONTHS,
    Row,
    percent_of,
    rows_of,
)
from backoffice.dashboard.report_address import Asked
from backoffice.dashboard.sold_lines import Line, Subject
from backoffice.dashboard.summary import percent_change
from backoffice.grid.extract import Column, Extract
from backoffice.models.rollup import revenue_of

NOUNS = {
    "products": "product",
    "suppliers": "supplier",
    "categories": "category",
    "countries": "country",
    "months": "month",
}
"""Report -> what one row is about."""

TEXTS = {*NOUNS.values(), "sku", "code", "order", "customer"}
"""The columns that people wrote, in which a spreadsheet may see formulas."""

DECIMALS = {
    *("revenue", "share", "running_share", "revenue_before", "change"),
    *("average_order", "unit_price", "discount", "amount"),
}
"""The columns whose texts are numbers."""

Made = Callable[[Sequence[Any]], Iterable[dict[str, Any]]]


@dataclass(frozen=True)
class Computed(Extract):
    """A file of what ``made`` makes of the rows that a statement finds.

    ``found`` are the columns that are read, ``columns`` those that are written.
    """

    found: tuple[Column, ...]
    made: Made

    def chunks(
        self, prepare: Callable[[Connection], None], seconds: float | None = None
    ) -> Generator[Sequence[Sequence[Any]]]:
        names = [column.name for column in self.found]
        with closing(Extract(self.statement, self.found).chunks(prepare, seconds)) as chunks:
            for rows in chunks:
                cells = [
                    tuple(row[column.name] for column in self.columns)
                    for row in self.made([dict(zip(names, row, strict=True)) for row in rows])
                ]
                if cells:
                    yield cells


def report_file(dialect: str, asked: Asked, today: date, compared: Span | None) -> Computed:
    """All rows of the report in its order, on whatever page it is."""
    kind, period = asked.kind, asked.period
    if kind == MONTHS:
        statement = month_queries.months(dialect, period.span, sort=asked.sort, page=None)
    else:
        statement = report_queries.ranked(
            dialect, kind, period.span, compared, sort=asked.sort, page=None
        )

    def made(found: Sequence[Any]) -> Iterable[dict[str, Any]]:
        total = revenue_of(found[0]["all_units"], found[0]["all_rest"])
        for row in rows_of(kind, period, compared, found, today):
            yield _cells(kind, row, total)

    return _computed(statement, ("position",), _names(kind), made)


def lines_file(dialect: str, asked: Asked, subject: Subject) -> Computed:
    """All lines, newest order first."""
    statement = line_queries.lines(dialect, subject.kind, subject.key, asked.period.span, page=None)
    names = (
        *("order", "placed_at", "customer", "sku", "product"),
        *("quantity", "unit_price", "discount", "amount"),
    )

    def made(found: Sequence[Any]) -> Iterable[dict[str, Any]]:
        for row in found:
            line = Line(**{name: row[name] for name in Line.__dataclass_fields__})
            yield {
                "order": line.number,
                "placed_at": line.placed_at.replace(tzinfo=None).isoformat(" "),
                "customer": line.customer,
                "sku": line.sku,
                "product": line.product,
                "quantity": line.quantity,
                "unit_price": exact(line.unit_price),
                "discount": exact(line.discount),
                "amount": exact(line.amount),
            }

    return _computed(statement, ("-placed_at", "-order_id", "line_no"), names, made)


def file_name(asked: Asked, subject: Subject | None = None) -> str:
    """``sales-by-product-2026-01-01-to-2026-01-31``."""
    first, last = asked.period.span.first, asked.period.span.last
    what = f"sales-by-{NOUNS[asked.kind]}" if asked.kind in NOUNS else "sold-lines"
    if subject:
        said = re.sub(r"[^A-Za-z0-9]+", "-", subject.code or subject.name)[:40].strip("-")
        what = "-".join(filter(None, (what, subject.kind, said)))
    return f"{what}-{first}" if first == last else f"{what}-{first}-to-{last}"


def exact(value: Decimal | None) -> str | None:
    """With the decimals that it has, at least two; None stays an empty cell."""
    if value is None:
        return None
    whole, _, decimals = f"{value:.8f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


def _names(kind: str) -> tuple[str, ...]:
    if kind == MONTHS:
        averaged = ("orders", "average_order", "revenue", "share")
        return ("month", "from", "to", *averaged, "revenue_before", "change")
    key = {"products": ("sku",), "suppliers": ("code",)}.get(kind, ())
    counted = ("units", "orders") if kind == "countries" else ("units",)
    figures = ("revenue", "share", "running_share", "revenue_before", "change")
    return ("rank", *key, NOUNS[kind], *counted, *figures)


def _cells(kind: str, row: Row, total: Decimal) -> dict[str, Any]:
    return {
        "rank": row.place,
        "sku": row.code,
        "code": row.code,
        NOUNS[kind]: row.name,
        "from": str(row.days.first),
        "to": str(row.days.last),
        "units": row.quantity,
        "orders": row.orders,
        "average_order": exact(row.average),
        "revenue": exact(row.revenue),
        "share": _text(percent_of(row.revenue, total)),
        "running_share": _text(percent_of(row.running, total)),
        "revenue_before": exact(row.before),
        "change": _text(percent_change(row.revenue, row.before)),
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _computed(
    statement: TextualSelect, order: tuple[str, ...], names: tuple[str, ...], made: Made
) -> Computed:
    rows = statement.subquery("found")
    ways = [rows.c[way[1:]].desc() if way.startswith("-") else rows.c[way] for way in order]
    written = (
        Column(name, literal_column(name), list, name in TEXTS, name in DECIMALS) for name in names
    )
    return Computed(
        statement=select(*rows.c).order_by(*ways),
        columns=tuple(written),
        found=tuple(Column(each.name, each, list, False, False) for each in rows.c),
        made=made,
    )
