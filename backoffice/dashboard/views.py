"""The dashboard on screen."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import request
from flask_admin import AdminIndexView, expose

from backoffice.access import Guarded
from backoffice.dashboard import charts
from backoffice.dashboard.period import (
    DEFAULT,
    PERIODS,
    PeriodError,
    chosen_period,
    is_day,
    named_period,
)
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
        chart = charts.column_chart(
            [(bar.first_day, bar.revenue) for bar in summary.bars], period.grain
        )
        page: str = self.render(
            "dashboard/index.html",
            summary=summary,
            trouble=trouble,
            chart=chart,
            charts=charts,
            percent_change=percent_change,
            periods=PERIODS,
            problem=problem,
            is_day=is_day,
        )
        return page
