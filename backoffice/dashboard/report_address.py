"""What the address of a report says, read once and written back into every link of the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from backoffice.dashboard.period import DEFAULT, Period, PeriodError, chosen_period, named_period
from backoffice.dashboard.report_queries import Page, Sort

PAGE_SIZE = 50
LINES = "lines"

SORTS = {
    "products": ("revenue", "units", "name"),
    "suppliers": ("revenue", "units", "name"),
    "categories": ("revenue", "units", "name"),
    "countries": ("revenue", "units", "name", "orders"),
    "months": ("name", "revenue", "orders"),
    LINES: (),
}
"""Report -> what it is sorted by; the first is the usual one."""


@dataclass(frozen=True)
class Asked:
    """Report, days, order and page. ``complaints`` say what was not understood and left out.

    ``problem`` says what is wrong with the period. ``subject`` is what lines are asked of.
    """

    kind: str
    period: Period
    sort: Sort
    page: int = 1
    subject: dict[str, str] = field(default_factory=dict)
    problem: str | None = None
    complaints: tuple[str, ...] = ()

    @property
    def rows(self) -> Page:
        """The rows of the page."""
        return Page(PAGE_SIZE, (self.page - 1) * PAGE_SIZE)

    @property
    def kept(self) -> dict[str, str]:
        """The arguments beside period and page."""
        if self.sort == usual_sort(self.kind):
            return self.subject
        return self.subject | {"sort": self.sort.argument}

    def arguments(self, page: int = 1) -> dict[str, str]:
        """All arguments, for a link to one of its pages."""
        pages = {"page": str(page)} if page > 1 else {}
        return {**self.kept, **self.period.arguments, **pages}

    def sorted_by(self, name: str) -> Asked:
        """The same report in the order that a click on a column's head asks for."""
        active = self.sort.name == name
        descending = not self.sort.descending if active else name != "name"
        return replace(self, sort=Sort(name, descending), page=1)

    def last_page(self, count: int) -> int:
        """The number of the last page of so many rows."""
        return max(1, -(-count // PAGE_SIZE))


def usual_sort(kind: str) -> Sort:
    """Most revenue first; months from the oldest on."""
    name = SORTS[kind][0] if SORTS[kind] else ""
    return Sort(name, name == "revenue")


def asked(kind: str, args: Mapping[str, str], today: date, subject: dict[str, str]) -> Asked:
    """What ``args`` ask for; the usual where they make no sense."""
    problem, complaints = None, []
    try:
        period = chosen_period(args, today)
    except PeriodError as error:
        problem, period = str(error), named_period(DEFAULT, today)
    sort, page = usual_sort(kind), 1
    if text := args.get("sort"):
        name = text.removeprefix("-")
        if name in SORTS[kind]:
            sort = Sort(name, text != name)
        else:
            complaints.append("This order of rows is not known; this is the usual one.")
    if text := args.get("page"):
        if re.fullmatch("[1-9][0-9]{0,8}", text):
            page = int(text)
        else:
            complaints.append("Pages are numbered from 1; this is the first.")
    return Asked(kind, period, sort, page, subject, problem, tuple(complaints))
