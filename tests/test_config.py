"""Settings: what the environment may say, and what is said about nonsense."""

import stat
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from flask import request
from sqlalchemy import text

from backoffice import create_app
from backoffice.config import ROOT, Settings, SettingsError
from backoffice.database import db

KEY = "k" * 32
POSTGRES = {"DATABASE_URL": "postgresql://u:p@db/shop", "SECRET_KEY": KEY}


@pytest.fixture
def environ(tmp_path):
    """An environment that keeps its files under ``tmp_path``; more is added by keywords."""

    def environ(**more):
        return {"BACKOFFICE_INSTANCE_PATH": str(tmp_path / "instance"), **more}

    return environ


def key_of(instance):
    """What one process takes for the key; at module level, so that another process finds it."""
    return Settings.from_environ({"BACKOFFICE_INSTANCE_PATH": instance}).secret_key


class TestDefaults:
    def test_are_a_sqlite_file_in_the_instance_folder(self, environ, tmp_path):
        settings = Settings.from_environ(environ())

        assert settings.database_url == f"sqlite:///{tmp_path}/instance/backoffice.db"
        assert settings.is_embedded
        assert settings.redis_url is None
        assert settings.secure_cookies is False
        assert settings.slow_statement_ms == 100
        assert settings.statement_timeout_ms == 15_000
        assert settings.lock_timeout_ms == 5_000

    def test_stand_beside_manage_py_wherever_one_is(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)

        settings = Settings.from_environ({"SECRET_KEY": KEY})

        assert settings.instance_path == ROOT / "instance"

    def test_of_production_keep_cookies_to_https(self, environ):
        settings = Settings.from_environ(environ(**POSTGRES))

        assert settings.secure_cookies is True
        assert settings.flask_config()["SESSION_COOKIE_NAME"] == "__Host-session"

    def test_are_taken_for_what_is_set_but_empty(self, environ):
        names = (
            "DATABASE_URL",
            "REDIS_URL",
            "SECRET_KEY",
            "BACKOFFICE_SLOW_STATEMENT_MS",
            "BACKOFFICE_STATEMENT_TIMEOUT_MS",
            "BACKOFFICE_LOCK_TIMEOUT_MS",
            "BACKOFFICE_SECURE_COOKIES",
        )

        assert Settings.from_environ(environ(**dict.fromkeys(names, ""))) == Settings.from_environ(
            environ()
        )


class TestDatabaseUrl:
    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
    def test_names_postgresql_in_any_usual_way(self, environ, scheme):
        settings = Settings.from_environ(
            environ(DATABASE_URL=f"{scheme}://u:p@db:5432/shop?sslmode=require", SECRET_KEY=KEY)
        )

        assert settings.database_url == "postgresql+psycopg://u:p@db:5432/shop?sslmode=require"

    def test_may_name_a_sqlite_file(self, environ):
        settings = Settings.from_environ(environ(DATABASE_URL="sqlite:////tmp/shop.db"))

        assert settings.database_url == "sqlite:////tmp/shop.db"

    @pytest.mark.parametrize("port", ["bad", "70000", "x:5432"])
    def test_with_a_port_that_is_none_is_refused(self, environ, port):
        url = f"postgresql://u:hunter2@db:{port}/shop"

        with pytest.raises(SettingsError, match="DATABASE_URL names a port that is none") as no:
            Settings.from_environ(environ(DATABASE_URL=url, SECRET_KEY=KEY))

        assert "hunter2" not in str(no.value)

    @pytest.mark.parametrize(
        "url", ["shop.db", "mysql://u:hunter2@db/shop", "u:hunter2@db", "sqlite://", "sqlite:///"]
    )
    def test_that_is_something_else_is_refused_without_telling_the_password(self, environ, url):
        with pytest.raises(SettingsError, match=r"DATABASE_URL .* use postgresql://") as refused:
            Settings.from_environ(environ(DATABASE_URL=url, SECRET_KEY=KEY))

        assert "hunter2" not in str(refused.value)


class TestNumbers:
    @pytest.mark.parametrize(
        ("name", "attribute"),
        [
            ("BACKOFFICE_SLOW_STATEMENT_MS", "slow_statement_ms"),
            ("BACKOFFICE_STATEMENT_TIMEOUT_MS", "statement_timeout_ms"),
            ("BACKOFFICE_LOCK_TIMEOUT_MS", "lock_timeout_ms"),
        ],
    )
    def test_are_milliseconds(self, environ, name, attribute):
        assert getattr(Settings.from_environ(environ(**{name: "250"})), attribute) == 250
        for nonsense in ("fast", "-1", "nan", "inf", "1e300", "1,5"):
            with pytest.raises(SettingsError, match=f"{name} is '{nonsense}': use a number"):
                Settings.from_environ(environ(**{name: nonsense}))


class TestProxies:
    def test_are_none_unless_told(self, environ):
        assert Settings.from_environ(environ()).proxies == 0
        assert Settings.from_environ(environ(BACKOFFICE_PROXIES="2")).proxies == 2

    @pytest.mark.parametrize("value", ["-1", "11", "1.5", "one", "9" * 30, "\u00b2"])
    def test_are_a_small_whole_number(self, environ, value):
        with pytest.raises(SettingsError, match=r"BACKOFFICE_PROXIES is .* whole number from 0"):
            Settings.from_environ(environ(BACKOFFICE_PROXIES=value))

    def test_do_not_say_what_the_host_is(self, new_app):
        app = new_app("sqlite", migrated=False, proxies=1)
        app.add_url_rule("/host", "host", lambda: request.host)

        page = app.test_client().get("/host", headers={"X-Forwarded-Host": "evil.example"})

        assert page.text == "localhost"

    def test_say_who_the_visitor_is(self, new_app):
        seen = {}
        for proxies in (0, 1):
            app = new_app("sqlite", migrated=False, proxies=proxies)
            app.add_url_rule("/me", "me", lambda: request.remote_addr)
            forwarded = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
            seen[proxies] = app.test_client().get("/me", headers=forwarded).text

        assert seen == {0: "127.0.0.1", 1: "198.51.100.7"}


class TestHosts:
    def test_are_any_unless_told(self, environ):
        assert Settings.from_environ(environ()).flask_config()["TRUSTED_HOSTS"] is None
        told = Settings.from_environ(environ(BACKOFFICE_HOSTS="a.example, .b.example"))
        assert told.flask_config()["TRUSTED_HOSTS"] == ["a.example", ".b.example"]

    def test_that_are_others_are_refused(self, new_app):
        client = new_app("sqlite", migrated=False, hosts=("office.example",)).test_client()

        assert client.get("/healthz", base_url="http://office.example").status_code == 200
        assert client.get("/healthz", base_url="http://evil.example").status_code == 400


class TestFlags:
    @pytest.mark.parametrize(
        ("text", "value"),
        [("1", True), ("true", True), ("YES", True), ("0", False), ("False", False), ("no", False)],
    )
    def test_are_yes_or_no(self, environ, text, value):
        settings = Settings.from_environ(environ(BACKOFFICE_SECURE_COOKIES=text))

        assert settings.secure_cookies is value

    def test_are_nothing_else(self, environ):
        with pytest.raises(SettingsError, match="BACKOFFICE_SECURE_COOKIES is 'maybe': use 1 or 0"):
            Settings.from_environ(environ(BACKOFFICE_SECURE_COOKIES="maybe"))


class TestSecretKey:
    def test_is_taken_as_given(self, environ):
        assert Settings.from_environ(environ(SECRET_KEY=KEY)).secret_key == KEY

    def test_that_is_short_is_refused(self, environ):
        with pytest.raises(SettingsError, match="SECRET_KEY is too short") as refused:
            Settings.from_environ(environ(SECRET_KEY="hunter2"))

        assert "hunter2" not in str(refused.value)

    def test_is_needed_in_production(self, environ, tmp_path):
        with pytest.raises(SettingsError, match="SECRET_KEY is not set: production needs one"):
            Settings.from_environ(environ(DATABASE_URL="postgresql://db/shop"))

        assert list(tmp_path.iterdir()) == []

    def test_is_made_once_and_kept_from_others(self, environ, tmp_path):
        first = Settings.from_environ(environ()).secret_key
        second = Settings.from_environ(environ()).secret_key

        file = tmp_path / "instance" / "secret_key"
        assert first == second == file.read_text()
        assert len(first) == 64
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [path.name for path in file.parent.iterdir()] == ["secret_key"]

    def test_is_another_one_elsewhere(self, tmp_path):
        assert key_of(str(tmp_path / "a")) != key_of(str(tmp_path / "b"))

    def test_is_the_same_for_processes_that_start_at_once(self, tmp_path):
        instances = [str(tmp_path / "new")] * 4
        with get_context("spawn").Pool(2) as pool:
            keys = pool.map(key_of, instances, chunksize=1)

        assert len(set(keys)) == 1

    def test_is_the_same_for_many_at_once(self, tmp_path):
        for number in range(20):
            instances = [str(tmp_path / str(number))] * 8
            with ThreadPoolExecutor(8) as threads:
                assert len(set(threads.map(key_of, instances))) == 1

    @pytest.mark.parametrize("content", ["", "short"])
    def test_that_was_damaged_is_not_signed_with(self, environ, tmp_path, content):
        (tmp_path / "instance").mkdir()
        (tmp_path / "instance" / "secret_key").write_text(content)

        with pytest.raises(SettingsError, match="holds no whole key: delete it"):
            Settings.from_environ(environ())

    def test_that_cannot_be_kept_says_where(self, tmp_path):
        (tmp_path / "file").write_text("")

        with pytest.raises(SettingsError, match=f"cannot make the folder {tmp_path}/file: "):
            Settings.from_environ({"BACKOFFICE_INSTANCE_PATH": str(tmp_path / "file")})

    def test_that_cannot_be_read_says_so(self, environ, tmp_path):
        (tmp_path / "instance" / "secret_key").mkdir(parents=True)

        with pytest.raises(SettingsError, match=r"cannot read the key in .*secret_key"):
            Settings.from_environ(environ())

    def test_that_is_no_text_is_not_signed_with(self, environ, tmp_path):
        (tmp_path / "instance").mkdir()
        (tmp_path / "instance" / "secret_key").write_bytes(b"\xff" * 64)

        with pytest.raises(SettingsError, match="holds no whole key"):
            Settings.from_environ(environ())


class TestDatabaseFile:
    def test_is_made_for_its_owner_alone(self, environ, tmp_path):
        settings = Settings.from_environ(environ(SECRET_KEY=KEY))
        assert not settings.instance_path.exists(), "--help makes nothing"

        with create_app(settings).app_context():
            db.session.execute(text("CREATE TABLE t (i)"))
            db.session.commit()
            modes = {
                file.name: stat.S_IMODE(file.stat().st_mode)
                for file in (settings.instance_path, *settings.instance_path.iterdir())
            }
            db.session.remove()
            db.engine.dispose()

        assert modes["instance"] == 0o700
        assert modes["backoffice.db"] == modes["backoffice.db-wal"] == 0o600

    def test_that_is_there_is_left_as_it_is(self, environ, tmp_path):
        (tmp_path / "instance").mkdir()
        file = tmp_path / "instance" / "backoffice.db"
        file.write_bytes(b"something")

        Settings.from_environ(environ(SECRET_KEY=KEY)).make_database_file()

        assert file.read_bytes() == b"something"


class TestRedisUrl:
    @pytest.mark.parametrize("url", ["nonsense", "redis://host:port", "http://host"])
    def test_that_is_none_is_refused(self, environ, url):
        with pytest.raises(SettingsError, match="REDIS_URL is not understood: use redis://"):
            Settings.from_environ(environ(REDIS_URL=url))

    @pytest.mark.parametrize("url", ["redis://:p@h:6379/0", "rediss://h", "unix:///run/r.sock"])
    def test_is_taken_as_given(self, environ, url):
        assert Settings.from_environ(environ(REDIS_URL=url)).redis_url == url


class TestCreateApp:
    def test_reads_the_environment_itself(self, monkeypatch, tmp_path):
        monkeypatch.setenv("BACKOFFICE_INSTANCE_PATH", str(tmp_path))
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/mine.db")
        monkeypatch.setenv("SECRET_KEY", KEY)
        monkeypatch.delenv("REDIS_URL", raising=False)

        app = create_app()

        assert app.config["SQLALCHEMY_DATABASE_URI"].endswith("/mine.db")
        assert Path(app.instance_path) == tmp_path
        assert app.secret_key == KEY
