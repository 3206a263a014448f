"""The table of a list: columns by the type of what they show, the body in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape
from sqlalchemy import Boolean, Enum, Integer
from sqlalchemy.types import TypeEngine

from backoffice.database import Rows
from backoffice.models.columns import Exact, UtcDateTime
from backoffice.shell import show_price

DASH = '<span class="muted">–</span>'

BADGES = {
    "draft": "",
    "placed": "info",
    "paid": "info",
    "shipped": "warn",
    "delivered": "good",
    "cancelled": "bad",
}


@dataclass(frozen=True)
class Column:
    """One column of a list.

    :param show: Value -> HTML.
    :param minor: Left out on a phone, where a row is a card of what matters.
    """

    name: str
    label: str
    css: str
    show: Callable[[Any], str]
    minor: bool

    @property
    def is_number(self) -> bool:
        return "num" in self.css


def label_of(name: str, labels: Mapping[str, str]) -> str:
    """What people call a column."""
    return labels.get(name) or name.replace("_", " ").capitalize()


def columns_of(
    statement: Rows, names: Iterable[str], labels: Mapping[str, str], main: Iterable[str]
) -> tuple[Column, ...]:
    """The columns of ``statement`` called ``names``, shown as their types deserve."""
    selected = statement.selected_columns
    main = frozenset(main)
    columns = []
    for i, name in enumerate(names):
        css, show = _look(selected[name].type)
        classes = [css, "first" if i == 0 else "", "" if name in main else "minor"]
        columns.append(
            Column(
                name,
                label_of(name, labels),
                " ".join(filter(None, classes)),
                show,
                name not in main,
            )
        )
    return tuple(columns)


def body(columns: tuple[Column, ...], rows: Iterable[Any], address: str) -> Markup:
    """The rows as HTML; the first column links to the record.

    :param address: What the record's address begins with; the id follows.
    """
    start = escape(address)
    first, rest = columns[0], [(c.name, f'<td class="{c.css}">', c.show) for c in columns[1:]]
    parts: list[str] = []
    for row in rows:
        values = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name
        parts.append(
            f'<tr><td class="{first.css}"><a href="{start}{values["id"]}">'
            f"{first.show(values[first.name])}</a></td>"
        )
        parts.extend(f"{cell}{show(values[name])}</td>" for name, cell, show in rest)
        parts.append("</tr>\n")
    return Markup("".join(parts))


def table(columns: tuple[Column, ...], rows: Iterable[Any], address: str) -> Markup:
    """A whole small table, as under a record."""
    heads = Markup("").join(
        Markup('<th scope="col" class="{}">{}</th>').format(
            "num" if column.is_number else "", column.label
        )
        for column in columns
    )
    return Markup(
        '<table class="table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
    ).format(heads, body(columns, rows, address))


def _look(kind: TypeEngine[Any]) -> tuple[str, Callable[[Any], str]]:
    """CSS class and formatter for a type."""
    if isinstance(kind, Exact):
        return "num", _exact
    if isinstance(kind, UtcDateTime):
        return "when", _moment
    if isinstance(kind, Boolean):
        return "", _yes_no
    if isinstance(kind, Enum):
        return "", badge
    if isinstance(kind, Integer):
        return "num", _whole
    return "clip", _text


def _text(value: str | None) -> str:
    return str(escape(value)) if value else DASH


def _exact(value: Decimal | None) -> str:
    return DASH if value is None else show_price(value)


def _whole(value: int | None) -> str:
    return DASH if value is None else f"{value:,}"


def _yes_no(value: bool) -> str:
    return "Yes" if value else '<span class="badge warn">No</span>'


def badge(value: Any) -> str:
    """A status as a word in a hue."""
    return f'<span class="badge {BADGES.get(value.value, "")}">{escape(value.value)}</span>'


def _moment(value: datetime | None) -> str:
    if value is None:
        return DASH
    value = value.astimezone(UTC)
    return f'<time title="{value:%Y-%m-%d %H:%M:%S} UTC">{value:%Y-%m-%d}</time>'
