"""What Prometheus is told, and who may ask."""

import signal
import socket
import subprocess
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from backoffice.database import db
from backoffice.monitoring import keep
from tests.cli.conftest import CLEAN, ROOT
from tests.conftest import SECRET
from tests.redis_server import RedisServer

LIST = "/admin/products/"
TOKEN = "only-for-tests"


def read(text):
    """``{name: {labels' values: figure}}``."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            names = (name for name in ("route", "method", "status") if name in sample.labels)
            values = tuple(sample.labels[name] for name in names)
            found.setdefault(sample.name, {})[values] = sample.value
    return found


@pytest.fixture
def figures(app):
    return lambda: read(app.test_client().get("/metrics").text)


class TestFigures:
    def test_are_of_routes_and_never_of_addresses(self, client, make, figures):
        (product,) = make.products(1)
        before = figures().get("backoffice_requests_total", {})

        client.get(LIST)
        client.get(f"/admin/products/details/?id={product}")
        client.get("/admin/imports/12345/")
        client.get("/no such page/")

        found = figures()
        counted = found["backoffice_requests_total"]
        new = {key for key in counted if counted[key] != before.get(key)}
        assert (LIST, "GET", "200") in new
        assert ("/admin/products/details/", "GET", "200") in new
        assert ("/admin/imports/<int:run>/", "GET", "404") in new
        assert ("(no such page)", "GET", "404") in new
        assert not [key for key in counted if "12345" in key[0]]
        assert found["backoffice_statements_total"][LIST,] >= 3
        assert found["backoffice_database_seconds_total"][LIST,] > 0
        assert found["backoffice_rows_total"][LIST,] >= 1
        assert found["backoffice_request_seconds_count"][LIST,] >= 1
        assert found["backoffice_cache_away"] == {(): 0}
        assert () in found["backoffice_pool_in_use"]
        assert () in found["backoffice_query_log_dropped_total"]

    def test_a_made_up_method_makes_no_label(self, app, figures):
        app.test_client().open("/healthz", method="SPAM")

        assert not [key for key in figures()["backoffice_requests_total"] if "SPAM" in key]

    def test_slow_and_repeated_statements_are_counted(self, app, client, figures, monkeypatch):
        monkeypatch.setitem(app.config, "SLOW_STATEMENT_MS", 0)

        client.get(LIST)

        assert figures()["backoffice_slow_statements_total"][LIST,] >= 3

    def test_go_on_without_the_log(self, app, client, figures, monkeypatch):
        monkeypatch.setitem(app.config, "QUERY_LOG", False)

        client.get(LIST)

        assert figures()["backoffice_requests_total"][LIST, "GET", "200"] >= 1
        with app.app_context():
            assert not keep.keeper()._counted
            assert not keep.keeper()._pending

    def test_what_is_in_use_is_told(self, app, figures):
        with app.app_context(), db.engine.connect():
            assert figures()["backoffice_pool_in_use"][()] >= 1


@pytest.fixture(scope="module")
def apps_of(new_app):
    """Number of proxies and token -> an application behind so many that has such a token."""
    return {
        (n, token): new_app("sqlite", proxies=n, metrics_token=token)
        for n in (0, 1)
        for token in ("", TOKEN)
    }


class TestAccess:
    @pytest.mark.parametrize(
        ("proxies", "peer", "headers", "status"),
        [
            (0, "127.0.0.1", {}, 200),
            (0, "::1", {}, 200),
            (0, "::ffff:127.0.0.1", {}, 200),
            (0, "192.0.2.1", {}, 401),
            (0, "", {}, 401),
            (0, "192.0.2.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
            (0, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
            (0, "127.0.0.1", {"Forwarded": "for=192.0.2.1"}, 401),
            (0, "192.0.2.1", {"Authorization": "Bearer "}, 401),
            (1, "127.0.0.1", {}, 401),
            (1, "127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, 401),
            (1, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
            (1, "192.0.2.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ],
    )
    def test_without_a_token_is_for_this_machine(self, apps_of, proxies, peer, headers, status):
        self.ask(apps_of[proxies, ""], peer, headers, status)

    @pytest.mark.parametrize("proxies", [0, 1])
    @pytest.mark.parametrize(
        ("peer", "headers", "status"),
        [
            ("127.0.0.1", {}, 401),
            ("::1", {}, 401),
            ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
            ("127.0.0.1", {"Authorization": f"Bearer {TOKEN}"}, 200),
            ("192.0.2.1", {"Authorization": f"Bearer {TOKEN}"}, 200),
            ("127.0.0.1", {"X-Forwarded-For": "::2", "Authorization": f"Bearer {TOKEN}"}, 200),
            ("192.0.2.1", {"Authorization": "Bearer wrong"}, 401),
            ("192.0.2.1", {"Authorization": "Bearer "}, 401),
            ("192.0.2.1", {"Authorization": "Bearer \xfc"}, 401),
        ],
    )
    def test_with_a_token_is_for_who_has_it(self, apps_of, proxies, peer, headers, status):
        self.ask(apps_of[proxies, TOKEN], peer, headers, status)

    def ask(self, app, peer, headers, status):
        response = app.test_client().get(
            "/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": peer}
        )

        assert response.status_code == status
        if status == 401:
            assert response.headers["WWW-Authenticate"].lower().startswith("bearer")
            assert "backoffice_" not in response.text


class TestSeveralProcesses:
    def test_are_added_up_and_what_waited_is_written_when_they_end(self, new_app, tmp_path):
        app = new_app("sqlite")
        redis = RedisServer(tmp_path)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {
            **CLEAN,
            "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
            "REDIS_URL": redis.url,
            "SECRET_KEY": SECRET,
            "BACKOFFICE_INSTANCE_PATH": str(tmp_path / "instance"),
        }
        left = tmp_path / "instance" / "metrics" / str(port)
        left.mkdir(parents=True)
        (left / "counter_1.db").write_bytes(b"of a run before")
        process = subprocess.Popen(
            [sys.executable, ROOT / "manage.py", "serve", "--port", str(port), "--workers", "2"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            for _ in range(12):
                fetch(port, "/readyz")
            figures = wait_for_all(port, 12)
            fetch(port, "/readyz")
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            said = process.stderr.read()
            process.stderr.close()
            redis.stop()

        assert figures["backoffice_requests_total"]["/readyz", "GET", "200"] == 12
        assert len(list(left.glob("counter_*.db"))) >= 2
        assert said == b""
        with app.app_context(), db.engine.connect() as connection:
            kept = connection.exec_driver_sql(
                "SELECT sum(requests) FROM page_hours WHERE route = '/readyz'"
            ).scalar()
        assert kept == 13


def fetch(port, path):
    for _ in range(100):
        try:
            with urlopen(Request(f"http://127.0.0.1:{port}{path}"), timeout=20) as response:
                return response.read().decode()
        except HTTPError:
            raise
        except URLError:
            time.sleep(0.1)
    raise AssertionError("no answer")


def wait_for_all(port, count):
    """The figures, as soon as each process has counted what it answered."""
    for _ in range(60):
        figures = read(fetch(port, "/metrics"))
        if figures.get("backoffice_requests_total", {}).get(("/readyz", "GET", "200"), 0) >= count:
            break
        time.sleep(0.1)
    return figures
