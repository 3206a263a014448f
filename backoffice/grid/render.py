"""The table of a list: columns by the type of what they show, the body in one pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from markupsafe import Markup, escape
from sqlalchemy import Boolean, Enum, Integer
from sqlalchemy.types import TypeEngine

from backoffice.database import Rows
from backoffice.models.amounts import ExactSum, UpTo
from backoffice.models.columns import Exact, UtcDateTime
from backoffice.shell import DASH, show_moment, show_money, show_number, show_price

MOST_RANKS = 5
"""The last columns go first as room gets short, in so many steps."""

MOST_FITTING = 9
"""More columns have no room side by side on a usual screen: such a list scrolls sideways."""


@dataclass(frozen=True)
class Column:
    """One column of a list.

    :param css: Among others ``first``, ``lead`` (what a phone shows as the row's heading) and
        ``minor minor-2`` (left out on a phone, and the second to last to go on a narrow page).
    :param show: Value -> HTML.
    :param links: Whether its cells link to the record.
    """

    name: str
    label: str
    css: str
    show: Callable[[Any], str]
    links: bool

    @property
    def is_number(self) -> bool:
        return "num" in self.css.split()

    @property
    def directions(self) -> tuple[str, str]:
        """What comes first in its order, ascending and descending."""
        if self.is_number:
            return "lowest", "highest"
        return ("oldest", "newest") if "when" in self.css else ("A to Z", "Z to A")


def label_of(name: str, labels: Mapping[str, str]) -> str:
    """What people call a column."""
    return labels.get(name) or name.replace("_", " ").capitalize()


def columns_of(
    statement: Rows,
    names: Collection[str],
    labels: Mapping[str, str],
    main: Collection[str],
    title: str = "",
) -> tuple[Column, ...]:
    """The columns of ``statement`` called ``names``, shown as their types deserve.

    :param main: Those that a phone shows; the others go one by one, the last first.
    :param title: The one that names the record, which links to it like the first.
    """
    selected = statement.selected_columns
    lead = title if title in names else next(iter(names))
    minor = [name for name in names if name not in main]
    columns = []
    for i, name in enumerate(names):
        css, show = _look(selected[name].type)
        classes = [css, "first" if i == 0 else "", "lead" if name == lead else ""]
        if name in minor:
            classes.append(f"minor minor-{min(minor.index(name) + 1, MOST_RANKS)}")
        links = i == 0 or name == lead
        css = " ".join(filter(None, classes))
        columns.append(Column(name, label_of(name, labels), css, show, links))
    return tuple(columns)


def css_of(columns: tuple[Column, ...]) -> str:
    """The table's classes: columns of text share the room that the others leave."""
    texts = sum("clip" in column.css for column in columns)
    return f"table rows texts-{texts}{' wide' if len(columns) > MOST_FITTING else ''}"


def body(
    columns: tuple[Column, ...],
    rows: Iterable[Any],
    address: str,
    *,
    marks: Mapping[str, re.Pattern[str]] | None = None,
    selected_by: str | None = None,
    editable: Collection[str] = (),
) -> Markup:
    """The rows as HTML; the first column and the lead link to the record.

    :param address: What the record's address begins with; the id follows.
    :param marks: Column -> what is marked in its texts: what was searched for.
    :param selected_by: The column that a row's check box is named by; without it there is none.
    :param editable: The columns whose cells are edited in place, see ``cells.js``.
    """
    start = escape(address)
    marks = marks or {}
    cells = [
        (
            column.name,
            f'<td class="{column.css} edit" data-field="{column.name}">'
            if column.name in editable
            else f'<td class="{column.css}">',
            _marked(marks[column.name]) if column.name in marks else column.show,
            column.links,
        )
        for column in columns
    ]
    parts: list[str] = []
    for row in rows:
        values = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name
        link = f'<a href="{start}{values["id"]}">'
        parts.append(f'<tr data-id="{values["id"]}">' if editable else "<tr>")
        if selected_by is not None:
            parts.append(_check_box(values["id"], values[selected_by]))
        parts.extend(
            f"{cell}{link}{show(values[name])}</a></td>"
            if links
            else f"{cell}{show(values[name])}</td>"
            for name, cell, show, links in cells
        )
        parts.append("</tr>\n")
    return Markup("".join(parts))


def _check_box(row_id: int, key: str) -> str:
    """Part of the form `bulk`, which stands below the table; the label is there to be hit."""
    return (
        '<td class="select"><label><input type="checkbox" name="ids" form="bulk" '
        f'autocomplete="off" value="{row_id}" aria-label="Select {escape(key)}"></label></td>'
    )


def table(columns: tuple[Column, ...], rows: Iterable[Any], address: str) -> Markup:
    """A whole small table, as under a record."""
    heads = Markup("").join(
        Markup('<th scope="col" class="{}">{}</th>').format(column.css, column.label)
        for column in columns
    )
    return Markup('<table class="{}"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>').format(
        css_of(columns), heads, body(columns, rows, address)
    )


def badge(value: Any) -> str:
    """A state as a word, in the hue that it names itself, if any."""
    return f'<span class="badge {getattr(value, "hue", "")}">{escape(value.value)}</span>'


def _look(kind: TypeEngine[Any]) -> tuple[str, Callable[[Any], str]]:
    """CSS class and formatter for a type."""
    if isinstance(kind, UpTo):
        return "num", partial(_up_to, kind.limit)
    for type_, css, show in LOOKS:
        if isinstance(kind, type_):
            return css, show
    return "clip", _text


def _marked(pattern: re.Pattern[str]) -> Callable[[str | None], str]:
    """Shows a text with what ``pattern`` finds in it marked."""

    def show(value: str | None) -> str:
        if not value:
            return DASH
        parts, end = [], 0
        for found in pattern.finditer(value):
            parts += [escape(value[end : found.start()]), f"<mark>{escape(found[0])}</mark>"]
            end = found.end()
        return "".join([*parts, escape(value[end:])])

    return show


def _or_dash(show: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: DASH if value is None else show(value)


def _up_to(limit: int, value: int) -> str:
    return f"{limit:,}+" if value > limit else show_number(value)


def _text(value: str | None) -> str:
    return escape(value) if value else DASH


def _yes_no(value: bool) -> str:
    return "Yes" if value else '<span class="badge warn">No</span>'


LOOKS: tuple[tuple[type[TypeEngine[Any]], str, Callable[[Any], str]], ...] = (
    (Exact, "num", _or_dash(show_price)),
    (ExactSum, "num", _or_dash(show_money)),
    (UtcDateTime, "when", show_moment),
    (Boolean, "", _yes_no),
    (Enum, "", badge),
    (Integer, "num", _or_dash(show_number)),
)
"""Type -> CSS class and formatter; anything else is a text."""
