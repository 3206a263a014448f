"""What `doctor --deploy` finds: each setting of a production, broken in turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from backoffice import shell
from backoffice.config import Settings
from backoffice.database import db
from backoffice.models import HistoryEntry
from backoffice.monitoring import deploy
from backoffice.monitoring.deploy import Deployed, database, files, pages, versions
from backoffice.rollups.fold import fold
from tests.conftest import SECRET

GOOD_KEY = "0123456789abcdef" * 4
HEADERS = {
    "Content-Security-Policy": shell.CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}
COOKIE = "__Host-session=x; Secure; HttpOnly; Path=/; SameSite=Lax"


@pytest.fixture(scope="session")
def production(new_app):
    """As it is served: behind https, with a key and hosts of its own, by one process."""
    app = new_app("sqlite", secure_cookies=True, hosts=("office.example.com",), secret_key=GOOD_KEY)
    app.testing = False
    settings = Settings(
        instance_path=Path(app.instance_path),
        database_url=app.config["SQLALCHEMY_DATABASE_URI"],
        secret_key=GOOD_KEY,
        secure_cookies=True,
        hosts=("office.example.com",),
        proxies=1,
    )
    Path(app.instance_path).chmod(0o700)
    Path(app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")).chmod(0o600)
    return Deployed(app, settings, workers=1)


def found(deployed, name=None):
    """Problem and remedy of each finding, in one text each."""
    with deployed.app.app_context():
        return [
            f"{finding.problem} -> {finding.remedy}"
            for check, look in deploy.SETTINGS.items()
            if name in (None, check)
            for finding in look(deployed)
        ]


class TestProduction:
    def test_that_is_as_it_should_be_has_no_finding(self, production):
        assert found(production) == []


CONFIG = {
    "a short key": ({"SECRET_KEY": SECRET}, "SECRET_KEY is short"),
    "a key that repeats itself": ({"SECRET_KEY": "ab" * 40}, "2 different ones"),
    "former keys as a text": ({"SECRET_KEY_FALLBACKS": "old" * 20}, "each of its letters"),
    "a short former key": ({"SECRET_KEY_FALLBACKS": ["short"]}, "SECRET_KEY_FALLBACKS is short"),
    "debugging": ({"DEBUG": True}, "debugging is on"),
    "testing": ({"TESTING": True}, "TESTING is on"),
    "errors that are not shown": ({"PROPAGATE_EXCEPTIONS": True}, "PROPAGATE_EXCEPTIONS is on"),
    "HTTP errors that are not shown": ({"TRAP_HTTP_EXCEPTIONS": True}, "TRAP_HTTP_EXCEPTIONS"),
    "templates explained": ({"EXPLAIN_TEMPLATE_LOADING": True}, "EXPLAIN_TEMPLATE_LOADING"),
    "any host": ({"TRUSTED_HOSTS": None}, "set BACKOFFICE_HOSTS"),
    "nearly any host": ({"TRUSTED_HOSTS": [".com"]}, "'.com' is nearly any"),
    "links by http": (
        {"SERVER_NAME": "office.example.com", "PREFERRED_URL_SCHEME": "http"},
        "PREFERRED_URL_SCHEME to https",
    ),
    "cookies over http": ({"SESSION_COOKIE_SECURE": False}, "goes over http as well"),
    "cookies for scripts": ({"SESSION_COOKIE_HTTPONLY": False}, "can be read by scripts"),
    "cookies from elsewhere": ({"SESSION_COOKIE_SAMESITE": None}, "from other sites"),
    "cookies of other hosts": ({"SESSION_COOKIE_NAME": "session"}, "by other hosts"),
    "long sessions": (
        {"PERMANENT_SESSION_LIFETIME": timedelta(days=31)},
        "a session lasts 744 hours",
    ),
    "long tokens": ({"WTF_CSRF_TIME_LIMIT": 10**6}, "outlives sessions"),
    "no limit on guessing": ({"RATELIMIT_ENABLED": False}, "nothing limits guessing"),
    "no tokens": ({"WTF_CSRF_ENABLED": False}, "forms of other sites"),
    "unchecked tokens": ({"WTF_CSRF_CHECK_DEFAULT": False}, "forms of other sites"),
    "origins unseen": ({"WTF_CSRF_SSL_STRICT": False}, "origin is not looked at"),
    "a fast hash": ({"SECURITY_PASSWORD_HASH": "sha256_crypt"}, "a fast hash"),
    "short passwords": ({"SECURITY_PASSWORD_LENGTH_MIN": 4}, "short passwords"),
    "forms of any size": ({"MAX_CONTENT_LENGTH": None}, "a form may have any size"),
    "huge forms": ({"MAX_CONTENT_LENGTH": 10**9}, "a form may have 1,000,000,000 bytes"),
    "huge files": ({"UPLOAD_BYTES": 10**13}, "files to import are not bounded"),
}
SETTINGS = {
    "no https": ({"secure_cookies": False}, "set BACKOFFICE_SECURE_COOKIES=1"),
    "statements without end": ({"statement_timeout_ms": 0}, "BACKOFFICE_STATEMENT_TIMEOUT_MS is 0"),
    "locks without end": ({"lock_timeout_ms": 10**6}, "BACKOFFICE_LOCK_TIMEOUT_MS is 1000000"),
}


class TestSettings:
    @pytest.mark.parametrize("broken", CONFIG)
    def test_that_are_wrong_are_found(self, production, monkeypatch, broken):
        changes, says = CONFIG[broken]
        for name, value in changes.items():
            monkeypatch.setitem(production.app.config, name, value)

        assert any(says in finding for finding in found(production))

    @pytest.mark.parametrize("broken", SETTINGS)
    def test_of_the_environment_are_found(self, production, broken):
        changes, says = SETTINGS[broken]

        (finding,) = found(replace(production, settings=replace(production.settings, **changes)))

        assert says in finding


class TestHeaders:
    @pytest.mark.parametrize(
        ("name", "value", "says"),
        [
            ("Content-Security-Policy", "", "Content-Security-Policy is missing"),
            (
                "Content-Security-Policy",
                "script-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
                "lets scripts in",
            ),
            ("Content-Security-Policy", "frame-ancestors 'none'", "lets scripts in: *"),
            ("Content-Security-Policy", "default-src 'none'", "may be framed"),
            ("X-Content-Type-Options", "", "guess what a file is"),
            ("Referrer-Policy", "unsafe-url", "Referrer-Policy"),
            ("Cross-Origin-Opener-Policy", "", "Cross-Origin-Opener-Policy"),
            ("Strict-Transport-Security", "", "below a year"),
            ("Strict-Transport-Security", "max-age=60; includeSubDomains", "below a year"),
            ("Strict-Transport-Security", "max-age=31536000", "leaves subdomains out"),
        ],
    )
    def test_that_are_wrong_are_found(self, name, value, says):
        findings = list(pages.wrong_headers(HEADERS | {name: value}, secure=True))

        assert any(says in finding.problem for finding in findings)
        assert all("backoffice/shell.py" in finding.remedy for finding in findings)

    def test_are_those_that_the_application_sends(self, production, monkeypatch):
        assert list(pages.wrong_headers(HEADERS, secure=True)) == []
        monkeypatch.setattr(shell, "CONTENT_SECURITY_POLICY", "script-src *")

        assert any("lets scripts in: *" in says for says in found(production, "headers"))


class TestCookie:
    @pytest.mark.parametrize("flag", ["; Secure", "; HttpOnly", "; SameSite=Lax", "__Host-"])
    def test_that_lacks_something_is_found(self, flag):
        assert list(pages.wrong_cookie(COOKIE)) == []

        assert len(list(pages.wrong_cookie(COOKIE.replace(flag, "")))) == 1


class TestProcesses:
    def test_that_are_several_need_redis_and_a_server(self, production):
        says = found(replace(production, workers=4), "processes")

        assert any("4 processes and no Redis" in each for each in says)
        assert any("4 processes on SQLite" in each for each in says)

    def test_count_sign_ins_in_redis(self, production):
        settings = replace(
            production.settings,
            redis_url="redis://127.0.0.1:6379/0",
            database_url="postgresql+psycopg://office@127.0.0.1/office",
        )

        (finding,) = found(replace(production, settings=settings, workers=2), "processes")

        assert "RATELIMIT_STORAGE_URI" in finding


class TestFiles:
    @pytest.mark.parametrize(
        ("place", "mode", "says"),
        [
            ("", 0o777, "the instance folder is open"),
            ("secret_key", 0o644, "the secret key is open"),
            ("imports", 0o755, "the folder of uploaded files is open"),
            ("office.db", 0o644, "the database is open"),
            ("office.db-wal", 0o660, "the database is open"),
        ],
    )
    def test_that_others_may_read_are_found(self, production, tmp_path, place, mode, says):
        settings = replace(
            production.settings,
            instance_path=tmp_path,
            database_url=f"sqlite:///{tmp_path}/office.db",
        )
        tmp_path.chmod(0o700)
        (tmp_path / "imports").mkdir(mode=0o700)
        for name in ("secret_key", "office.db", "office.db-wal"):
            (tmp_path / name).touch(mode=0o600)
        deployed = replace(production, settings=settings)
        assert list(files.check_files(deployed)) == []

        (tmp_path / place).chmod(mode)

        (finding,) = files.check_files(deployed)
        assert says in finding.problem
        assert "chmod" in finding.remedy

    def test_need_room(self, production, monkeypatch):
        monkeypatch.setattr(files, "LEAST_FREE", 10**18)

        assert all("make room" in says for says in found(production, "disk space"))
        assert found(production, "disk space")


class TestVersions:
    def test_other_than_those_of_the_tests_are_found(self, production, monkeypatch, tmp_path):
        monkeypatch.setattr(versions, "ROOT", tmp_path)
        (tmp_path / "constraints.txt").write_text("# pins\nFlask==0.1\nDjango==0.1\n")

        (finding,) = found(production, "libraries")

        assert finding.startswith("flask is 3.")
        assert "pip install -c constraints.txt" in finding

    def test_are_not_compared_where_they_are_not_known(self, production, monkeypatch, tmp_path):
        monkeypatch.setattr(versions, "ROOT", tmp_path)

        assert found(production, "libraries") == []

    def test_of_python_is_recent(self, production, monkeypatch):
        monkeypatch.setattr(versions, "LEAST_PYTHON", (4, 0))

        (finding,) = found(production, "Python")

        assert "use Python 4.0" in finding


@pytest.fixture
def connection(app):
    with app.app_context(), db.engine.connect() as connection:
        yield connection
        connection.rollback()


def on_postgresql(connection):
    if connection.dialect.name == "sqlite":
        pytest.skip("about a server")


def says(check, connection):
    return [f"{finding.problem} -> {finding.remedy}" for finding in check(connection)]


class TestDatabase:
    def test_has_a_version_that_is_mended(self, connection, monkeypatch):
        assert says(database.check_version, connection) == []
        monkeypatch.setattr(database, "LEAST_SQLITE", (9, 0))
        monkeypatch.setattr(database, "LEAST_POSTGRESQL", 990_000)

        (finding,) = says(database.check_version, connection)

        assert finding.startswith(("SQLite is 3", "PostgreSQL is 1"))

    def test_keeps_what_it_was_given(self, connection):
        on_postgresql(connection)
        usual = says(database.check_server, connection)
        # The tests' server does not wait for disks.
        assert [each.partition(" is ")[0] for each in usual] == ["fsync"]

        connection.execute(text("SET LOCAL synchronous_commit = off"))
        connection.execute(text("SET LOCAL TimeZone = 'Europe/Berlin'"))

        more = [each for each in says(database.check_server, connection) if each not in usual]
        assert [each.partition(":")[0] for each in more] == [
            "synchronous_commit is off",
            "TimeZone is Europe/Berlin",
        ]

    @pytest.mark.parametrize("name", database.WANTED)
    def test_misses_each_setting_of_the_server(self, connection, monkeypatch, name):
        on_postgresql(connection)
        monkeypatch.setitem(database.WANTED, name, ("else", "something happens"))

        assert any(
            each.startswith(f"{name} is ") for each in says(database.check_server, connection)
        )

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ("ALTER ROLE deployed SUPERUSER", "is a superuser"),
            ("ALTER ROLE deployed CREATEROLE", "may make roles"),
            ("ALTER ROLE deployed CREATEDB", "may make databases"),
            ("ALTER ROLE deployed REPLICATION", "may copy the whole server"),
            ("ALTER ROLE deployed BYPASSRLS", "passes row security"),
            ("ALTER DATABASE {database} OWNER TO deployed", "may drop it"),
            ("GRANT CREATE ON SCHEMA public TO PUBLIC", "every role of the server"),
        ],
    )
    def test_lets_our_role_do_what_is_needed(self, connection, change, problem):
        on_postgresql(connection)
        connection.execute(text("CREATE ROLE deployed LOGIN"))
        connection.execute(text("SET LOCAL ROLE deployed"))
        assert says(database.check_role, connection) == []

        connection.execute(text("RESET ROLE"))
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(change.format(database=name)))
        connection.execute(text("SET LOCAL ROLE deployed"))

        (finding,) = says(database.check_role, connection)
        assert problem in finding

    def test_tells_the_same_time(self, connection):
        assert says(database.check_clock, connection) == []
        later = datetime.now(UTC) + timedelta(days=2)
        entry = {"actor": "a", "means": "browser", "action": "x", "table_name": "t", "changes": {}}
        connection.execute(insert(HistoryEntry).values(**entry, at=later))

        (finding,) = says(database.check_clock, connection)

        assert "yet to come" in finding

    def test_whose_sums_are_wrong_is_found(self, app, make):
        make.orders(3, placed_at=datetime.now(UTC) - timedelta(days=2))
        with app.app_context():
            fold()
            with db.engine.connect() as connection:
                assert says(database.check_sums, connection) == []
                connection.execute(text("UPDATE sales_days SET orders = orders + 1"))

                (finding,) = says(database.check_sums, connection)

                assert "rollups rebuild" in finding
                connection.rollback()
