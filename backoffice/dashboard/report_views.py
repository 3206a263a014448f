"""Reports on screen, and the order lines behind their figures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import abort, redirect, request, url_for
from flask_admin import BaseView, expose
from werkzeug.exceptions import ServiceUnavailable

from backoffice.access import Guarded
from backoffice.dashboard import report_files, sold_lines
from backoffice.dashboard.fresh import Freshness, brought_up_to_date
from backoffice.dashboard.period import PERIODS, is_day
from backoffice.dashboard.report import compared_with, percent_of, read
from backoffice.dashboard.report_address import LINES, SORTS, Asked, asked
from backoffice.dashboard.sold_lines import REPORT_OF, Subject, subject_of
from backoffice.dashboard.summary import percent_change
from backoffice.database import db
from backoffice.grid.export import asked_format, sent
from backoffice.models import REVENUE_STATUSES

KINDS = "<any(products, suppliers, categories, countries, months):kind>"
FILE_SECONDS, RETRY_SECONDS = 5, 10


class CatchingUpError(ServiceUnavailable):
    """A file cannot say what it lacks."""

    title = "Changes are still being added"


class ReportView(Guarded, BaseView):
    """What was sold in a period, by product, supplier, category, country and month."""

    @expose("/")
    def index_view(self) -> Any:
        period: dict[str, Any] = {name: request.args.get(name) for name in ("period", "from", "to")}
        return redirect(url_for(".report_view", kind="products", **period))

    @expose(f"/{KINDS}/")
    def report_view(self, kind: str) -> Any:
        """A page of the report, as of a moment that it names."""
        state = self._asked(kind)
        freshness = brought_up_to_date(db.session())
        report = read(
            db.session(), kind, state.period, sort=state.sort, page=state.rows, freshness=freshness
        )
        return self._page(
            "dashboard/report.html",
            state,
            freshness,
            report=report,
            sorts=SORTS[kind],
            noun=report_files.NOUNS[kind],
            kinds=report_files.NOUNS,
            statuses=REVENUE_STATUSES,
        )

    @expose(f"/{KINDS}/export/")
    def export_view(self, kind: str) -> Any:
        """The whole report as a file, ``?format=csv`` or ``xlsx``."""
        form, state = asked_format(), self._asked(kind)
        self._refuse_complaints(state)
        freshness = brought_up_to_date(db.session(), FILE_SECONDS, FILE_SECONDS)
        if freshness.is_behind:
            raise CatchingUpError(
                "The file would lack them. Try again in a moment.", retry_after=RETRY_SECONDS
            )
        compared = compared_with(kind, state.period, freshness.as_of)
        rows = report_files.report_file(self._dialect, state, freshness.as_of.date(), compared)
        return sent(rows, form, report_files.file_name(state))

    @expose("/lines/")
    def lines_view(self) -> Any:
        """A page of the order lines of one product, supplier, category or country."""
        state, subject = self._lines_asked()
        found = sold_lines.read_lines(db.session(), subject, state.period.span, state.rows)
        return self._page("dashboard/lines.html", state, found.freshness, found=found)

    @expose("/lines/export/")
    def lines_export_view(self) -> Any:
        """All of them as a file."""
        form = asked_format()
        state, subject = self._lines_asked()
        self._refuse_complaints(state)
        rows = report_files.lines_file(self._dialect, state, subject)
        return sent(rows, form, report_files.file_name(state, subject))

    def _page(self, template: str, state: Asked, freshness: Freshness, **more: Any) -> str:
        page: str = self.render(
            template,
            asked=state,
            freshness=freshness,
            period=state.period,
            periods=PERIODS,
            period_path=request.path,
            period_kept=state.kept,
            problem=state.problem,
            is_day=is_day,
            percent_of=percent_of,
            percent_change=percent_change,
            **more,
        )
        return page

    def _asked(self, kind: str, subject: dict[str, str] | None = None) -> Asked:
        return asked(kind, request.args, datetime.now(UTC).date(), subject or {})

    def _lines_asked(self) -> tuple[Asked, Subject]:
        named = {name: request.args[name] for name in REPORT_OF if name in request.args}
        if len(named) != 1:
            abort(400, "Sold lines are those of one product, supplier, category or country.")
        ((kind, text),) = named.items()
        subject = subject_of(db.session(), kind, text[:200])
        if subject is None:
            abort(404, f"There is no such {kind}; it may have been deleted.")
        return self._asked(LINES, {kind: str(subject.key)}), subject

    def _refuse_complaints(self, state: Asked) -> None:
        """A page says what it left out; a file would have something else than was asked for."""
        wrong = (*filter(None, [state.problem]), *state.complaints)
        if wrong:
            abort(400, " ".join(wrong))

    @property
    def _dialect(self) -> str:
        return db.session().get_bind().dialect.name
