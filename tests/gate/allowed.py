"""What pages may read whole or sort all the same, each with its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.gate.judge import Fault


@dataclass(frozen=True)
class Allowed:
    """``page`` and ``tables`` are patterns of the whole address and of the tables read."""

    page: str
    kind: str
    tables: str
    reason: str
    on: tuple[str, ...] = ("sqlite", "postgresql")

    def covers(self, dialect: str, page: str, fault: Fault) -> bool:
        return (
            dialect in self.on
            and re.fullmatch(self.kind, fault.kind) is not None
            and re.fullmatch(self.page, page) is not None
            and re.fullmatch(self.tables, fault.table) is not None
        )


REPORTS = r"/admin/reports/(products|suppliers|categories|countries|months)/.*"
OTHER_ORDER = (
    "What is looked for is common, but not where the page by another column lies: only sorting all "
    "that was found helps (backoffice.grid.page.fetch)."
)

ALLOWED = (
    Allowed(
        r"/admin/\w+/export/.*",
        "reads",
        ".*",
        "A file is of all rows, which are streamed.",
    ),
    Allowed(
        r"/admin/customers/export/.*",
        "sorts",
        "customers",
        "Of a table of a few megabytes PostgreSQL rather sorts all than goes by the index.",
        on=("postgresql",),
    ),
    Allowed(
        r".*[?&]totals=1(&.*)?",
        "reads",
        ".*",
        "The exact count and the sums are a click, and stopped after three seconds.",
    ),
    Allowed(
        REPORTS,
        "sorts",
        ".*",
        "A rank compares all that was sold in the period: as many as were sold are sorted.",
    ),
    Allowed(
        REPORTS,
        "reads",
        "product_days|order_lines|orders",
        "A year compared with the year before is most of what there is by day; of the lines of "
        "two months among two years PostgreSQL rather reads all than each order's.",
        on=("postgresql",),
    ),
    Allowed(
        r"/admin/\?from=.*",
        "sorts",
        "product_days",
        "Days of somebody's own have no sums kept: each product sold is added up.",
        on=("postgresql",),
    ),
    Allowed(
        r"/admin/\?from=.*",
        "reads",
        "products",
        "Of days of somebody's own the supplier of each product sold is looked up: of a tenth of "
        "all, PostgreSQL rather reads all.",
        on=("postgresql",),
    ),
    Allowed(
        r"/admin/reports/lines/.*",
        "reads",
        "order_lines|orders",
        "The sums are of all lines of the period: of months among two years, PostgreSQL rather "
        "reads all lines.",
        on=("postgresql",),
    ),
    Allowed(
        r"/admin/reports/lines/.*",
        "sorts",
        "order_lines|orders",
        "Lines of a supplier's products are found by their orders, and there is no order to both.",
        on=("sqlite",),
    ),
    Allowed(
        r"/admin/orders/\?.*placed_at\.(from|before)=[-\d]+&sort=shipped_at&.*",
        "sorts",
        "orders",
        OTHER_ORDER,
    ),
    Allowed(
        r"/admin/orders/\?.*placed_at\.(from|before)=[-\d]+&sort=shipped_at&.*",
        "reads",
        "orders",
        OTHER_ORDER,
        on=("postgresql",),
    ),
    Allowed(
        r"/admin/orders/\?.*shipped_at\.(from|before)=[-\d]+&sort=placed_at&.*",
        "reads",
        "orders",
        OTHER_ORDER,
        on=("sqlite",),
    ),
    Allowed(
        r"/admin/orders/\?.*status=delivered&sort=shipped_at.*",
        "sorts",
        "orders",
        "Of a walk along a column that may be empty, both halves are put together by a sort: "
        "twice backoffice.grid.page.WALKED rows at most.",
        on=("postgresql",),
    ),
)
