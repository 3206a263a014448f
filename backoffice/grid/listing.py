"""One page of a list, ready to be shown: rows, how many there are, and the pages around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backoffice.grid.count import Count
from backoffice.grid.cursor import encode
from backoffice.grid.keyset import Page
from backoffice.grid.state import END, ListState


@dataclass(frozen=True)
class Listing:
    """``totals`` has the sums over all rows that match, by column, where they were asked for."""

    state: ListState
    page: Page
    total: Count
    totals: dict[str, Any] | None = None

    @property
    def row(self) -> int | None:
        """The number of the page's first row, as far as anything tells it."""
        if self.page.before is None:
            return 1
        if self.page.after is None:
            return self.total.number - len(self.page.rows) + 1 if self.total.exact else None
        if self.state.position.at:
            return None
        row = self.state.row or 1
        after = row + len(self.page.rows)
        # Rows stand before this page and after it: a hint that says otherwise is wrong.
        is_wrong = row == 1 or (self.total.exact and after > self.total.number)
        return None if is_wrong else row

    @property
    def where(self) -> str:
        """``51–100 of 2,003``; without the row's number only how many there are."""
        size = len(self.page.rows)
        if self.row is None:
            return f"{'Last ' if self.page.after is None else ''}{size:,} of {self.total}"
        return f"{self.row:,}–{self.row + size - 1:,} of {self.total}"

    @property
    def first(self) -> str | None:
        return self.state.url() if self.page.before else None

    @property
    def previous(self) -> str | None:
        row = self.row - self.state.page_size if self.row else 0
        return self._url("before", self.page.before, row)

    @property
    def next(self) -> str | None:
        row = self.row + len(self.page.rows) if self.row else 0
        return self._url("after", self.page.after, row)

    @property
    def last(self) -> str | None:
        return self.state.url(before=END) if self.page.after else None

    def _url(self, way: str, values: tuple[Any, ...] | None, row: int) -> str | None:
        if values is None:
            return None
        hint = row if row > 0 else None
        return self.state.url(**{way: encode(self.state.sort, values), "row": hint})
