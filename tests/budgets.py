"""The most that a page may cost: statements, and rows read from the database.

A page is a GET route; one that is not named here fails a test (tests/test_budgets.py), as does one
that costs more, or more for forty rows than for one. A list costs its rows with their count, its
views, and the user of the session.
"""

from typing import NamedTuple


class Budget(NamedTuple):
    """``rows`` may be read for each row shown, and ``besides`` whatever is shown.

    The user is a row, and so is the record that a page is about; that a page goes on is seen by a
    row more than it shows.
    """

    statements: int
    rows: float = 0
    besides: int = 1


REPORT = "/admin/reports/<any(products, suppliers, categories, countries, months):kind>/"

BUDGETS = {
    "/": Budget(1),
    "/healthz": Budget(1),
    "/metrics": Budget(1),
    "/readyz": Budget(3, besides=3),
    "/login": Budget(0, besides=0),
    # Shares nothing with its tables but the ten of each that they show; by day there are thirty.
    "/admin/": Budget(17, rows=1, besides=45),
    "/admin/suppliers/": Budget(3, rows=1, besides=2),
    "/admin/suppliers/action/": Budget(1),
    "/admin/suppliers/cell/": Budget(2, besides=2),
    "/admin/suppliers/columns/": Budget(1),
    "/admin/suppliers/delete/": Budget(3, besides=3),
    "/admin/suppliers/details/": Budget(4, rows=1, besides=2),
    "/admin/suppliers/edit/": Budget(2, besides=2),
    "/admin/suppliers/export/": Budget(4, rows=1, besides=2),
    "/admin/suppliers/lookup/": Budget(2, rows=1),
    "/admin/suppliers/new/": Budget(1),
    "/admin/suppliers/views/": Budget(2, rows=1),
    "/admin/categories/": Budget(3, rows=1, besides=2),
    "/admin/categories/cell/": Budget(2, besides=2),
    "/admin/categories/columns/": Budget(1),
    "/admin/categories/delete/": Budget(3, besides=3),
    "/admin/categories/details/": Budget(4, rows=1, besides=2),
    "/admin/categories/edit/": Budget(2, besides=2),
    "/admin/categories/export/": Budget(4, rows=1, besides=2),
    "/admin/categories/lookup/": Budget(2, rows=1),
    "/admin/categories/new/": Budget(1),
    "/admin/categories/views/": Budget(2, rows=1),
    "/admin/products/": Budget(3, rows=1, besides=2),
    "/admin/products/action/": Budget(1),
    "/admin/products/cell/": Budget(2, besides=2),
    "/admin/products/columns/": Budget(1),
    "/admin/products/delete/": Budget(3, besides=3),
    "/admin/products/details/": Budget(3, rows=1, besides=2),
    "/admin/products/edit/": Budget(2, besides=2),
    "/admin/products/export/": Budget(4, rows=1, besides=2),
    "/admin/products/lookup/": Budget(2, rows=1),
    "/admin/products/new/": Budget(1),
    "/admin/products/views/": Budget(2, rows=1),
    "/admin/customers/": Budget(3, rows=1, besides=2),
    "/admin/customers/cell/": Budget(2, besides=2),
    "/admin/customers/columns/": Budget(1),
    "/admin/customers/delete/": Budget(3, besides=3),
    "/admin/customers/details/": Budget(4, rows=1, besides=2),
    "/admin/customers/edit/": Budget(2, besides=2),
    "/admin/customers/export/": Budget(4, rows=1, besides=2),
    "/admin/customers/lookup/": Budget(2, rows=1),
    "/admin/customers/new/": Budget(1),
    "/admin/customers/views/": Budget(2, rows=1),
    "/admin/orders/": Budget(3, rows=1, besides=2),
    "/admin/orders/cell/": Budget(2, besides=2),
    "/admin/orders/columns/": Budget(1),
    # The edition by which somebody else's change is seen sums up the lines, which it does not show.
    "/admin/orders/delete/": Budget(4, besides=43),
    "/admin/orders/details/": Budget(4, rows=1, besides=2),
    "/admin/orders/edit/": Budget(3, rows=1, besides=2),
    "/admin/orders/export/": Budget(4, rows=1, besides=2),
    "/admin/orders/lookup/": Budget(1),
    "/admin/orders/new/": Budget(1),
    "/admin/orders/views/": Budget(2, rows=1),
    "/admin/reports/": Budget(1),
    REPORT: Budget(3, rows=1, besides=3),
    f"{REPORT}export/": Budget(5, rows=1, besides=3),
    # Of lines: whose they are, their sums, a page of them.
    "/admin/reports/lines/": Budget(4, rows=1, besides=3),
    "/admin/reports/lines/export/": Budget(5, rows=1, besides=3),
    # Pages, shapes, how large their tables are, indexes that are gone, since when; on PostgreSQL
    # what the server counted, under a limit of its own.
    "/admin/performance/": Budget(8, rows=1, besides=4),
    # A shape, its hours, places, plans and slow calls; its tables and its indexes as above.
    "/admin/performance/shapes/<fingerprint>/": Budget(8, rows=1, besides=4),
    "/admin/performance/statements/": Budget(3),
    # Some for each table of the database, however many rows it has; sizes, and on SQLite all plans,
    # by which uses are counted.
    "/admin/performance/indexes/": Budget(60, rows=2, besides=300),
    "/admin/imports/": Budget(2, rows=1, besides=2),
    "/admin/imports/new/": Budget(1),
    "/admin/imports/mappings/": Budget(2, rows=1),
    "/admin/imports/<int:run>/": Budget(2, besides=2),
    "/admin/imports/<int:run>/again/": Budget(2, besides=2),
    "/admin/imports/<int:run>/apply/": Budget(3, besides=3),
    "/admin/imports/<int:run>/cancel/": Budget(2, besides=2),
    "/admin/imports/<int:run>/check/": Budget(2, besides=2),
    # The saved mappings to choose from, which are no rows on the page.
    "/admin/imports/<int:run>/map/": Budget(3, besides=43),
    "/admin/imports/<int:run>/rejects/": Budget(2, besides=2),
    "/admin/imports/<int:run>/undo/": Budget(2, besides=2),
}
