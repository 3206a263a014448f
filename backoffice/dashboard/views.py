"""The dashboard on screen."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from flask import current_app, request, url_for
from flask_admin import AdminIndexView, expose
from flask_login import current_user
from markupsafe import Markup

from backoffice import charts
from backoffice.access import Action, Guarded, may
from backoffice.dashboard.charts import sales_chart
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
from backoffice.dashboard.summary import current_summary, from_json, percent_change, to_json
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
        summary, trouble, as_of = current_summary(db.session(), period)
        base = url_for("admin.index")
        page: str = self.render(
            "dashboard/index.html",
            summary=summary,
            trouble=trouble,
            as_of=as_of,
            drawn=drawn(to_json(summary), base),
            links=Links(base, summary),
            may_import=may(current_user, Action.IMPORT),
            may_administer=may(current_user, Action.ADMINISTER),
            periods=PERIODS,
            problem=problem,
            is_day=is_day,
        )
        return page


@lru_cache(maxsize=32)
def drawn(text: str, base: str) -> Markup:
    """A summary's figures as HTML: drawn once for all who look at them, which takes longest.

    Of the summary and nothing else. It is rendered without the context of a page, so nothing of a
    user or a request can get in.

    :param text: The summary as JSON.
    :param base: Where the sections begin.
    """
    summary = from_json(text)
    assert summary is not None  # noqa: S101 - just written by to_json
    template = current_app.jinja_env.get_template("dashboard/drawn.html")
    return Markup(
        template.render(
            summary=summary,
            links=Links(base, summary),
            chart=sales_chart(summary.bars, summary.period, summary.as_of),
            charts=charts,
            looked_at=LOOKED_AT,
            percent_change=percent_change,
        )
    )
