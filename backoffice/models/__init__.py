"""The one door to the tables: ``from backoffice.models import Order``.

Importing every model here, in order, is what keeps circular imports away and what makes the
metadata complete for migrations.
"""

from backoffice.models.backfill import Backfill
from backoffice.models.category import Category
from backoffice.models.customer import Customer
from backoffice.models.history import HistoryEntry, history_rows
from backoffice.models.import_mapping import ImportMapping
from backoffice.models.import_run import ImportRun
from backoffice.models.order import (
    REVENUE_STATUSES,
    WAITING_STATUSES,
    Order,
    OrderLine,
    OrderStatus,
)
from backoffice.models.product import Product
from backoffice.models.query_log import (
    QUERY_LOG,
    IndexAdvice,
    PageHour,
    QueryHour,
    QueryPlan,
    QueryShape,
    SlowQuery,
)
from backoffice.models.rollup import ROLLUPS
from backoffice.models.saved_view import SavedView
from backoffice.models.supplier import Supplier
from backoffice.models.user import ROLES, User

__all__ = [
    "QUERY_LOG",
    "REVENUE_STATUSES",
    "ROLES",
    "ROLLUPS",
    "WAITING_STATUSES",
    "Backfill",
    "Category",
    "Customer",
    "HistoryEntry",
    "ImportMapping",
    "ImportRun",
    "IndexAdvice",
    "Order",
    "OrderLine",
    "OrderStatus",
    "PageHour",
    "Product",
    "QueryHour",
    "QueryPlan",
    "QueryShape",
    "SavedView",
    "SlowQuery",
    "Supplier",
    "User",
    "history_rows",
]
