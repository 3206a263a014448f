"""Every address that a page's declarations give rise to: sorts, filters, searches, records.

Nothing is listed by hand: a new route, list, sort, filter or search is visited from the day on
which it is declared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import select

from backoffice.dashboard.period import PERIODS
from backoffice.dashboard.report_address import LINES, SORTS
from backoffice.dashboard.sold_lines import REPORT_OF
from backoffice.database import db
from backoffice.grid.cursor import encode
from backoffice.grid.filters import Filter, Test
from backoffice.grid.keyset import Sort
from backoffice.grid.search import LEAST_TRIGRAM
from backoffice.grid.view import GridView
from backoffice.models.columns import exact_to_text
from tests.grid.sections import views
from tests.test_access import address

PAGE = {"page_size": "25"}


@dataclass(frozen=True)
class Middle:
    """A list's row in the middle of its table, to look for and to begin pages at."""

    view: GridView
    row: Any
    referred: dict[str, str]

    def cursor(self, sort: Sort) -> str:
        return encode(sort, tuple(getattr(self.row, column.key) for column in sort.columns))


def addresses(app: Flask, records: dict[str, Any], *, every_pair: bool = False) -> list[str]:
    """All of them, each once.

    :param records: A record in each section, as ``tests.test_access.address`` wants it.
    :param every_pair: Each filter in each order; otherwise in its list's own and one more.
    """
    found = [url for rule in _rules(app) for url in _of_rule(rule, records)]
    with app.app_context():
        middles = [_middle(view) for view in views(app).values()]
        for middle in middles:
            found += _of_list(middle, every_pair)
    found += _of_periods(records)
    return list(dict.fromkeys(found))


def _rules(app: Flask) -> list[str]:
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in rule.methods and rule.endpoint not in {"static", "security.login"}
    )


def _of_rule(rule: str, records: dict[str, Any]) -> Iterator[str]:
    if kinds := re.search(r"<any\(([\w, ]+)\):\w+>", rule):
        yield from (rule.replace(kinds[0], kind) for kind in kinds[1].split(", "))
    else:
        yield address(rule, records)


def _middle(view: GridView) -> Middle:
    """The row halfway between the first key and the last whose columns all have a value."""
    model = view.model
    nullable = [kind.column for kind in view.filters if kind.column.expression.nullable]
    last = db.session.scalar(select(model.id).order_by(model.id.desc()).limit(1)) or 0
    rows = select(model).where(model.id >= last // 2, *(c.is_not(None) for c in nullable))
    row = db.session.scalars(rows.order_by(model.id).limit(1)).one()
    referred = {
        kind.name: db.session.scalars(
            select(kind.reference.key).where(
                kind.reference.model.id == getattr(row, kind.column.key)
            )
        ).one()
        for kind in view.filters
        if kind.reference
    }
    return Middle(view, row, referred)


def _of_list(middle: Middle, every_pair: bool) -> Iterator[str]:
    view = middle.view
    path = f"/admin/{view.endpoint}/"
    for order, arguments in (*_in_order(middle), *_narrowed(middle, every_pair)):
        sort = {"sort": order.name, "desc": str(int(order.descending))}
        yield f"{path}?{urlencode({**PAGE, **arguments, **sort})}"
    for columns in (view.column_list, view.column_optional_list):
        yield f"{path}?{urlencode({**PAGE, 'columns': ','.join(columns)})}"
    yield f"{path}?{urlencode({**PAGE, 'totals': '1'})}"
    for page in ("details", "edit", "delete"):
        yield f"{path}{page}/?id={middle.row.id}"
    if view.reference:
        for column in {view.reference.key, view.reference.label}:
            yield f"{path}lookup/?{urlencode({'q': getattr(middle.row, column.key)[:3]})}"


def _in_order(middle: Middle) -> Iterator[tuple[Sort, dict[str, str]]]:
    """The list as it is, by each sort in each direction: first, middle and last page, a jump."""
    view = middle.view
    usual = view.default_sort
    for sort in (sort.turned(down) for sort in view.sorts.values() for down in (False, True)):
        yield sort, {}
        yield sort, {"after": middle.cursor(sort)}
    yield usual, {"before": middle.cursor(usual)}
    yield usual, {"before": "end"}
    yield usual, {"at": _typed(getattr(middle.row, usual.columns[0].key))}


def _narrowed(middle: Middle, every_pair: bool) -> Iterator[tuple[Sort, dict[str, str]]]:
    """Each filter and search, also in other orders; a filter also in the middle or searched in."""
    view = middle.view
    usual = view.default_sort
    others = [sort for sort in view.sorts.values() if sort.columns != usual.columns]
    tests, searches = list(_tests(middle)), list(_searches(middle))
    for number, test in enumerate(tests):
        yield usual, test
        further = [{"after": middle.cursor(usual)}, *searches[:1]]
        for more in further if every_pair else [further[number % len(further)]]:
            yield usual, {**test, **more}
    for test, sort in product(tests, others) if every_pair else _in_pairs(tests, others):
        yield sort, test
    for search in searches:
        yield usual, search
    for search in searches[:1]:
        for sort in others:
            yield sort, search


def _in_pairs(
    tests: list[dict[str, str]], sorts: list[Sort]
) -> Iterator[tuple[dict[str, str], Sort]]:
    """Each test with a sort at least, and each sort with two tests."""
    for number in range(max(len(tests), 2 * len(sorts)) if tests and sorts else 0):
        again = number // len(tests)
        yield tests[number % len(tests)], sorts[(number + again) % len(sorts)]


def _tests(middle: Middle) -> Iterator[dict[str, str]]:
    """Each test of each filter with a value that fits it."""
    for kind in middle.view.filters:
        for test in kind.tests:
            for value in _values(middle, kind, test):
                yield {test.argument: value}


def _values(middle: Middle, kind: Filter, test: Test) -> list[str]:
    value = getattr(middle.row, kind.column.key)
    match test.control:
        case "check":
            return ["yes"]
        case "choices" | "select":
            return list(kind.choices)
        case "reference":
            return [middle.referred[kind.name]]
        case "text" if test.argument.endswith(".begins"):
            return [value[:3]]
        case "text" if test.argument.endswith(".contains"):
            return [max(value.split(), key=len)]
    return [_typed(value)]


def _searches(middle: Middle) -> Iterator[dict[str, str]]:
    """A common word, a rare one, a short one, one in a field, one in another table; several."""
    view = middle.view
    texts = {name: getattr(middle.row, name) for name in view.column_searchable_list}
    texts = {name: text for name, text in texts.items() if text}
    words = {name: max(text.split(), key=len) for name, text in texts.items()}
    for name, word in sorted(words.items(), key=lambda item: len(item[1]), reverse=True):
        yield {"search": word}
        yield {"search": word[: LEAST_TRIGRAM - 1]}
        yield {"search": f"{name}:{word}"}
    yield {"search": " ".join(words.values())}
    for name, key in middle.referred.items():
        yield {"search": f"{name}:{key}"}


def _typed(value: Any) -> str:
    """A value as somebody would type it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    return value if isinstance(value, str) else exact_to_text(value)


def _of_periods(records: dict[str, Any]) -> Iterator[str]:
    """Dashboard and reports in each period, order and of each subject."""
    today = datetime.now(UTC).date()
    custom = {"from": str(today - timedelta(days=200)), "to": str(today - timedelta(days=80))}
    periods = [custom, *({"period": name} for name in PERIODS)]
    subjects: dict[str, Any] = {"product": records["products"], "supplier": records["suppliers"]}
    subjects |= {"category": records["categories"], "country": "Norway"}
    assert subjects.keys() == REPORT_OF.keys()
    for kind, sorts in SORTS.items():
        for sort in sorts:
            yield f"/admin/reports/{kind}/?{urlencode({**custom, 'sort': sort})}"
    for period in periods:
        yield f"/admin/?{urlencode(period)}"
        for kind in SORTS:
            if kind != LINES:
                yield f"/admin/reports/{kind}/?{urlencode(period)}"
        for subject, key in subjects.items():
            yield f"/admin/reports/lines/?{urlencode({**period, subject: key})}"
