"""Is the back office well, and what did its pages ask: answers for machines, and the query log."""

from backoffice.monitoring.keep import flush, forget
from backoffice.monitoring.views import init_app

__all__ = ["flush", "forget", "init_app"]
