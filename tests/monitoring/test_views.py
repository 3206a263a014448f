"""What a load balancer is told."""

import pytest
from sqlalchemy import text

from backoffice import create_app
from backoffice.config import Settings
from backoffice.database import db
from backoffice.monitoring.health import head_revision


def set_revision(app, revision):
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})


class TestHealthz:
    def test_answers_without_account_and_without_database(self, app, statements):
        with statements() as ran:
            response = app.test_client().get("/healthz")

        assert (response.status_code, response.text) == (200, "ok\n")
        assert ran == []


class TestReadyz:
    def test_is_ready_at_the_head(self, app, statements):
        with statements() as ran:
            response = app.test_client().get("/readyz")

        assert (response.status_code, response.text) == (200, "ready\n")
        assert response.headers["Cache-Control"] == "no-store"
        assert len(ran) <= 2

    @pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
    def test_is_not_ready_before_the_migration(self, new_app, kind):
        response = new_app(kind, migrated=False).test_client().get("/readyz")

        assert (response.status_code, response.text) == (503, "the database is not migrated\n")

    def test_is_ready_when_a_newer_deploy_has_migrated_already(self, app):
        set_revision(app, "9999")
        try:
            assert app.test_client().get("/readyz").status_code == 200
        finally:
            set_revision(app, head_revision())

    def test_says_nothing_of_a_database_that_does_not_answer(self, tmp_path):
        url = "postgresql+psycopg://somebody:confidential@127.0.0.1:1/nothing"
        app = create_app(Settings(instance_path=tmp_path, database_url=url, secret_key="x" * 40))

        response = app.test_client().get("/readyz")

        assert (response.status_code, response.text) == (503, "the database does not answer\n")
