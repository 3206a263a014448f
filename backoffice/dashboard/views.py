"""The dashboard on screen."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import request, url_for
from flask_admin import AdminIndexView, expose

from backoffice.access import Guarded
from backoffice.dashboard import charts
from backoffice.dashboard.links import Links
from backoffice.dashboard.period import (
    DEFAULT,
    PERIODS,
    PeriodError,
    chosen_period,
    is_day,
    named_period,
)
from backoffice.dashboard.queries import LOOKED_AT
from backoffice.dashboard.summary import current_summary, percent_change
from backoffice.database import db


class DashboardView(Guarded, AdminIndexView):
    """The figures of a period, at ``/admin/``."""

    @expose("/")
    def index(self) -> str:
        today = datetime.now(UTC).date()
        problem = None
        try:
            period = chosen_period(request.args, today)
        except PeriodError as error:
            problem = str(error)
            period = named_period(DEFAULT, today)
        summary, trouble = current_summary(db.session(), period)
        page: str = self.render(
            "dashboard/index.html",
            summary=summary,
            trouble=trouble,
            links=Links(url_for("admin.index"), summary),
            chart=charts.sales_chart(summary.bars, period, summary.as_of),
            charts=charts,
            looked_at=LOOKED_AT,
            percent_change=percent_change,
            periods=PERIODS,
            problem=problem,
            is_day=is_day,
        )
        return page
