"""Is the back office well: answers for machines."""

from backoffice.monitoring.views import init_app

__all__ = ["init_app"]
