"""What a response says about its cost, and which statements are logged."""

import logging
import re

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backoffice.database import db
from backoffice.querylog import cost_of_request

SLEEP = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) "
    "SELECT max(i), :secret FROM n",
    "postgresql": "SELECT pg_sleep(0.05),\nCAST(:secret AS text)",
}


def timing(response):
    found = re.fullmatch(
        r'db;dur=(\d+\.\d);desc="(\d+ statements?)", app;dur=(\d+\.\d)',
        response.headers["Server-Timing"],
    )
    assert found, response.headers["Server-Timing"]
    return float(found[1]), found[2], float(found[3])


@pytest.fixture
def visit(app):
    """Runs ``work`` as a page of the application and returns the response."""

    def visit(work, *, swallow=False):
        with app.test_request_context("/healthz"):
            app.preprocess_request()
            try:
                work()
            except DBAPIError:
                if not swallow:
                    raise
            response = app.process_response(app.make_response("done"))
            db.session.rollback()
        return response

    return visit


class TestServerTiming:
    def test_a_page_without_a_statement_says_so(self, app):
        assert timing(app.test_client().get("/healthz"))[:2] == (0.0, "0 statements")

    def test_counts_statements_and_not_the_begin(self, visit):
        response = visit(lambda: [db.session.scalar(text("SELECT 1")) for _ in range(2)])

        database_ms, statements, app_ms = timing(response)
        assert statements == "2 statements"
        assert 0 < database_ms <= app_ms

    def test_one_statement_is_singular(self, visit):
        assert timing(visit(lambda: db.session.scalar(text("SELECT 1"))))[1] == "1 statement"

    def test_stands_on_errors_too(self, app):
        assert timing(app.test_client().get("/no such page"))
        assert timing(app.test_client().post("/healthz"))

    def test_each_request_counts_for_itself_in_a_shared_context(self, app):
        with app.app_context():
            for _ in range(2):
                db.session.scalar(text("SELECT 1"))
                assert timing(app.test_client().get("/healthz"))[1] == "0 statements"
            db.session.rollback()

    def test_the_cost_is_at_hand_while_the_page_is_rendered(self, visit):
        seen = []

        def work():
            seen.append(cost_of_request().statements)
            db.session.scalar(text("SELECT 1"))
            seen.append(cost_of_request().statements)

        visit(work)

        assert seen == [0, 1]


class TestSlowStatements:
    def test_are_logged_with_route_line_and_time_on_one_line(self, app, visit, monkeypatch, caplog):
        monkeypatch.setitem(app.config, "SLOW_STATEMENT_MS", 10)

        visit(lambda: sleep("confidential"))

        (record,) = caplog.records
        line = record.getMessage()
        assert record.name == "backoffice.slow"
        assert record.levelno == logging.WARNING
        assert re.match(r"\d+\.\d ms in monitoring\.alive \(/healthz\) at ", line)
        assert "SELECT" in line
        assert "\n" not in line
        assert "confidential" not in line

    def test_name_our_line_of_code(self, app, visit, monkeypatch, caplog):
        monkeypatch.setitem(app.config, "SLOW_STATEMENT_MS", 0)

        app.test_client().get("/readyz")

        assert "backoffice/monitoring/health.py:" in caplog.records[-1].getMessage()
        assert "(current_revision)" in caplog.records[-1].getMessage()

    def test_before_any_line_of_ours_name_who_asked(self, app, client, monkeypatch, caplog):
        monkeypatch.setitem(app.config, "SLOW_STATEMENT_MS", 0)

        client.get("/admin/")

        assert not [r for r in caplog.records if "<unknown>" in r.getMessage()]

    def test_that_fail_are_logged_too(self, app, visit, monkeypatch, caplog):
        monkeypatch.setitem(app.config, "SLOW_STATEMENT_MS", 0)

        visit(lambda: db.session.execute(text("SELECT confidential")), swallow=True)

        assert "SELECT confidential" in caplog.records[-1].getMessage()

    def test_fast_ones_are_not(self, app, visit, monkeypatch, caplog):
        monkeypatch.setitem(app.config, "SLOW_STATEMENT_MS", 60_000)

        visit(lambda: sleep("x"))

        assert not caplog.records


class TestCommands:
    def test_keep_no_record_that_would_grow(self, app):
        from flask_sqlalchemy.record_queries import get_recorded_queries  # noqa: PLC0415

        with app.app_context():
            for _ in range(3):
                db.session.scalar(text("SELECT 1"))

            assert get_recorded_queries() == []
            db.session.rollback()


def sleep(secret):
    db.session.execute(text(SLEEP[db.engine.dialect.name]), {"secret": secret}).all()
