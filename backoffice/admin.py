"""The menu: every view in the order shown."""

from __future__ import annotations

from flask import Flask
from flask_admin import Admin

from backoffice.catalog.views import CategoryView, ProductView, SupplierView
from backoffice.dashboard.report_views import ReportView
from backoffice.dashboard.views import DashboardView
from backoffice.imports.views import ImportView
from backoffice.monitoring.performance_views import PerformanceView
from backoffice.orders.views import CustomerView, OrderView


def init_app(app: Flask) -> None:
    """Mount the views; the dashboard comes first."""
    dashboard = DashboardView(name="Dashboard")
    dashboard.static_folder = None  # 21 MB of Bootstrap and jQuery that no page of ours uses
    admin = Admin(app, name="Back office", index_view=dashboard)
    admin.add_view(ReportView(name="Reports", endpoint="reports"))
    admin.add_view(ProductView(name="Products", endpoint="products"))
    admin.add_view(SupplierView(name="Suppliers", endpoint="suppliers"))
    admin.add_view(CategoryView(name="Categories", endpoint="categories"))
    admin.add_view(OrderView(name="Orders", endpoint="orders"))
    admin.add_view(CustomerView(name="Customers", endpoint="customers"))
    admin.add_view(ImportView(name="Imports", endpoint="imports"))
    admin.add_view(PerformanceView(name="Performance", endpoint="performance"))
