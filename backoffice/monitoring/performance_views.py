"""What pages and their statements cost, on screen: for admins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import abort, current_app, redirect, request, url_for
from flask import session as flask_session
from flask_admin import BaseView, expose
from flask_login import current_user

from backoffice import charts
from backoffice.access import Action, Guarded, may
from backoffice.database import begins_reading, db
from backoffice.indexes.report import indexes_of
from backoffice.monitoring import reading, shape_queries, words
from backoffice.monitoring.asked import PERIODS, Asked, asked
from backoffice.monitoring.hours import hours_chart
from backoffice.monitoring.keep import flush
from backoffice.monitoring.rerun import NotExplainedError, explain_now
from backoffice.monitoring.server import top_statements
from backoffice.monitoring.tallies import known
from backoffice.querylog.tallies import TallyError, tallies

SERVER_STATEMENTS = 20

VALUES_OF = "values_of"
"""In the session: the shape whose values the next page shows."""


class PerformanceView(Guarded, BaseView):
    """Pages by time, shapes of statements, one shape's history, the statements of one page."""

    def is_accessible(self) -> bool:
        return may(current_user, Action.ADMINISTER)

    def render(self, template: str, **context: Any) -> Any:
        return super().render(template, words=words, periods=PERIODS, **context)

    @expose("/")
    def index_view(self) -> Any:
        """Pages and shapes of a period."""
        state = self._asked()
        return self.render(
            "monitoring/performance.html",
            asked=state,
            pages=reading.pages(db.session(), state),
            shapes=reading.shapes(db.session(), state),
            recorded_since=reading.recorded_since(db.session()),
            server=top_statements(SERVER_STATEMENTS),
            slow_ms=current_app.config["SLOW_STATEMENT_MS"],
        )

    @expose("/shapes/<fingerprint>/", methods=("GET", "POST"))
    def shape_view(self, fingerprint: str) -> Any:
        """One shape. Its values are shown once to who asks by the button, which is noted."""
        session, state = db.session(), self._asked()
        shape = reading.shape_with(session, fingerprint)
        if shape is None:
            abort(404, "No statement of this shape is known; it may have been forgotten.")
        if request.method == "POST":
            reading.note_values_seen(session, fingerprint)
            # To load the page again is not to look again.
            flask_session[VALUES_OF] = fingerprint
            return redirect(
                url_for(".shape_view", fingerprint=fingerprint, period=state.period) + "#values"
            )
        shows_values = flask_session.get(VALUES_OF) == fingerprint
        if shows_values:
            del flask_session[VALUES_OF]
        explained, refusal = None, ""
        if "explain" in request.args:
            try:
                explained = explain_now(shape)
            except NotExplainedError as error:
                refusal = str(error)
        plans = reading.plans(session, shape)
        calls = session.execute(shape_queries.slow_calls(shape.id, values=shows_values)).all()
        hours = session.execute(shape_queries.hours_of(shape.id, state.since))
        return self.render(
            "monitoring/shape.html",
            asked=state,
            shape=shape,
            chart=hours_chart(hours, state.period, state.since, datetime.now(UTC)),
            charts=charts,
            places=session.execute(shape_queries.places_of(shape.id, state.since)).all(),
            plans=plans,
            missing=reading.missing_indexes(session, plans),
            calls=calls,
            has_values=bool(shape.parameters) or any(call.kinds for call in calls),
            shows_values=shows_values,
            explained=explained,
            good_again=reading.good_again(plans, explained) if explained else "",
            word_now=reading.word_now(session, shape, explained) if explained else "",
            refusal=refusal,
            slow_ms=current_app.config["SLOW_STATEMENT_MS"],
        )

    @expose("/statements/")
    def statements_view(self) -> Any:
        """What one page asked, as the badge at its foot has counted it."""
        route = request.args.get("page", "")[:200]
        try:
            counted = tallies(request.args.getlist("s"))
        except TallyError as error:
            abort(400, str(error))
        flush()
        # Of SQLite's, a transaction that has read already would not see what was written.
        db.session.commit()
        return self.render(
            "monitoring/statements.html",
            route=route,
            groups=known(db.session(), counted, route),
        )

    @expose("/indexes/")
    def indexes_view(self) -> Any:
        """Every index with its state, size and uses."""
        # In a transaction of its own: PostgreSQL spells declared indexes by making them, on copies
        # of the tables that are gone with it.
        with begins_reading(db.engine).connect() as connection:
            indexes = indexes_of(connection)
        return self.render("monitoring/performance_indexes.html", indexes=indexes)

    def _asked(self) -> Asked:
        return asked(request.args, datetime.now(UTC))
