"""The most statements that a page may cost, the session's user included.

A list page costs its rows with their count, its views and the user; a page of a list or record
that is not named here fails a test (tests/grid/test_cost.py).
"""

BUDGETS = {
    "/admin/suppliers/": 3,
    "/admin/suppliers/columns/": 1,
    "/admin/suppliers/views/": 2,
    "/admin/suppliers/details/": 4,
    "/admin/suppliers/edit/": 2,
    "/admin/suppliers/new/": 1,
    "/admin/categories/": 3,
    "/admin/categories/columns/": 1,
    "/admin/categories/views/": 2,
    "/admin/categories/details/": 4,
    "/admin/categories/edit/": 2,
    "/admin/categories/new/": 1,
    "/admin/products/": 3,
    "/admin/products/columns/": 1,
    "/admin/products/views/": 2,
    "/admin/products/details/": 3,
    "/admin/products/edit/": 2,
    "/admin/products/new/": 1,
    "/admin/customers/": 3,
    "/admin/customers/columns/": 1,
    "/admin/customers/views/": 2,
    "/admin/customers/details/": 4,
    "/admin/customers/edit/": 2,
    "/admin/customers/new/": 1,
    "/admin/orders/": 3,
    "/admin/orders/columns/": 1,
    "/admin/orders/views/": 2,
    "/admin/orders/details/": 4,
    "/admin/orders/edit/": 3,
    "/admin/orders/new/": 1,
}

REPORTS = {
    "/admin/reports/products/": 3,
    "/admin/reports/suppliers/": 3,
    "/admin/reports/categories/": 3,
    "/admin/reports/countries/": 3,
    "/admin/reports/months/": 3,
    "/admin/reports/lines/": 4,
}
"""The user, how far the rollups are, the report; of lines whose they are, their sums, a page."""

PERFORMANCE = {
    "/admin/performance/": 4,
    "/admin/performance/shapes/<fingerprint>/": 6,
    "/admin/performance/statements/": 2,
    "/admin/performance/indexes/": 60,
}
"""The user; pages, shapes, since when; a shape, its hours, places, plans and slow calls.

Of indexes there are some for each table, on PostgreSQL, however many rows it has.
"""
