"""Signing in and out: who gets in, how often one may try, where it leads, what the cookie is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import partial

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_security import hash_password
from sqlalchemy import event, select, update

from backoffice.database import db
from backoffice.models import User
from tests.conftest import SECRET, forget_tries
from tests.payloads import ELSEWHERE
from tests.redis_server import redis

__all__ = ["redis"]

PASSWORD = "correct horse battery"
BOB = "bob@example.com"
ONE_DATABASE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)

WHATWG = """
const seen = JSON.parse(require("fs").readFileSync(0)).map((address) => {
  try { return new URL(address, "http://localhost/login").origin; }
  catch { return "http://localhost"; }
});
console.log(JSON.stringify(seen));
"""


def origins(addresses: list[str]) -> list[str]:
    """Where a browser that stands on `http://localhost/login` goes, by the rules of WHATWG."""
    if node := shutil.which("node"):
        ran = subprocess.run(
            [node, "-e", WHATWG],
            input=json.dumps(addresses),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(ran.stdout)
    ours = re.compile(r"(http://localhost)?/(?![/\\])[!-\[\]-~]*")
    return ["http://localhost" if ours.fullmatch(address) else address for address in addresses]


@pytest.fixture(scope="session")
def hashed(apps: Callable[[str], Flask]) -> str:
    """``PASSWORD`` as it is stored; costly to make, the same for all applications."""
    with apps("sqlite").test_request_context():
        return hash_password(PASSWORD)


@pytest.fixture
def bob(app: Flask, hashed: str) -> Callable[..., None]:
    """Adds Bob, or somebody with another address."""
    return partial(add_user, app, hashed)


def add_user(app: Flask, hashed: str, email: str = BOB, **values: object) -> None:
    with app.app_context():
        db.session.add(
            User(email=email, password=hashed, fs_uniquifier=email, **{"role": "viewer", **values})
        )
        db.session.commit()


def sign_in(
    browser: FlaskClient,
    email: str = BOB,
    password: str = PASSWORD,
    *,
    base_url: str = "http://localhost",
    comes_from: str = "127.0.0.1",
    **form: str,
):
    """The answer to the sign-in form, filled in and sent."""
    asks = {"base_url": base_url, "environ_base": {"REMOTE_ADDR": comes_from}}
    token = token_in(browser.get("/login", **asks).text)
    return browser.post(
        "/login",
        data={"email": email, "password": password, "csrf_token": token, **form},
        headers={"Referer": f"{base_url}/login"},
        **asks,
    )


def token_in(page: str) -> str:
    return re.search(r'csrf_token" value="([^"]+)', page)[1]


def is_in(browser: FlaskClient, base_url: str = "http://localhost") -> bool:
    return browser.get("/admin/", base_url=base_url).status_code == 200


class TestSigningIn:
    def test_opens_the_back_office_to_the_right_password(self, app, bob):
        bob()
        browser = app.test_client()

        response = sign_in(browser)

        assert (response.status_code, response.headers["Location"]) == (302, "/admin/")
        assert is_in(browser)

    def test_goes_on_to_the_page_that_was_asked_for(self, app, bob):
        bob()
        browser = app.test_client()
        asked = browser.get("/admin/products/?search=a%26b&sort=name")

        login = browser.get(asked.headers["Location"]).text
        wanted = re.search(r'name="next" value="([^"]+)"', login)[1].replace("&amp;", "&")
        response = sign_in(browser, next=wanted)

        assert response.headers["Location"] == "/admin/products/?search=a%26b&sort=name"

    def test_takes_an_email_in_capitals_or_not(self, app, bob):
        bob()
        browser = app.test_client()

        sign_in(browser, "BOB@Example.COM")

        assert is_in(browser)

    def test_says_the_same_whatever_was_wrong(self, app, bob):
        bob()
        bob("gone@example.com", active=False)
        bob("new@example.com")
        with app.app_context():
            db.session.execute(
                update(User).where(User.email == "new@example.com").values(password="")
            )
            db.session.commit()
        tries = [
            (BOB, "wrong password"),
            ("nobody@example.com", PASSWORD),
            ("gone@example.com", PASSWORD),
            ("gone@example.com", "wrong password"),
            ("new@example.com", ""),
            ("no address", PASSWORD),
        ]

        answers = []
        for email, password in tries:
            browser = app.test_client()
            response = sign_in(browser, email, password)
            said = re.sub(r'value="[^"]*"', "", response.text)
            answers.append((response.status_code, said.replace(email, "")))
            assert not is_in(browser)

        # An empty field is told as such; nothing about the account shows in it.
        assert (
            len({answer for answer, (_, typed) in zip(answers, tries, strict=True) if typed}) == 1
        )
        assert answers[0][0] == 200
        assert 'role="alert"' in answers[0][1]

    def test_keeps_the_password_as_argon2_hash(self, app, bob):
        bob()

        with app.app_context():
            stored = db.session.scalar(select(User.password))

        assert stored.startswith("$argon2id$")

    @ONE_DATABASE
    def test_goes_on_when_the_secret_key_is_changed(self, app, hashed, new_app):
        app_with_another_key = new_app("sqlite", secret_key="another" * 6)
        add_user(app_with_another_key, hashed)
        browser = app_with_another_key.test_client()

        sign_in(browser)

        assert is_in(browser)

    @pytest.mark.parametrize("app", ["sqlite"], indirect=True)
    def test_keeps_no_writer_waiting(self, app, bob):
        bob()
        began = []
        with app.app_context():
            engine = db.engine

        def note(_connection, _cursor, statement, *_):
            if statement.startswith("BEGIN"):
                began.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        try:
            sign_in(app.test_client())
        finally:
            event.remove(engine, "before_cursor_execute", note)

        assert set(began) == {"BEGIN"}

    @ONE_DATABASE
    def test_of_who_is_signed_in_already_only_leads_on(self, client):
        # Every warning is an error here: the connection was under way when it was set up anew.
        response = client.post("/login", data={"email": BOB, "password": PASSWORD})

        assert response.status_code == 302

    def test_takes_only_a_form(self, app, bob):
        bob()
        browser = app.test_client()
        token = token_in(browser.get("/login").text)

        as_json = browser.post(
            "/login?include_auth_token",
            json={"email": BOB, "password": PASSWORD},
            headers={"X-CSRFToken": token},
        )
        nonsense = browser.post("/login", json=[1], headers={"X-CSRFToken": token})

        assert as_json.status_code == nonsense.status_code == 415
        assert not is_in(browser)

    @ONE_DATABASE
    def test_hands_out_no_other_key_than_the_session(self, app, bob):
        bob()
        browser = app.test_client()
        with app.test_request_context():
            token = db.session.scalar(select(User)).get_auth_token()

        answer = sign_in(browser, remember="y")
        by_token = app.test_client().get(
            f"/admin/?auth_token={token}", headers={"Authentication-Token": token}
        )

        assert by_token.status_code == 302
        assert [line.partition("=")[0] for line in answer.headers.getlist("Set-Cookie")] == [
            "session"
        ]


class TestOpenSession:
    def test_ends_when_the_account_is_disabled(self, app, bob):
        bob()
        browser = app.test_client()
        sign_in(browser)
        assert is_in(browser)

        with app.app_context():
            db.session.execute(update(User).values(active=False))
            db.session.commit()

        assert browser.get("/admin/").headers["Location"].startswith("/login")

    def test_follows_the_role_at_once(self, app, bob):
        bob(role="editor")
        browser = app.test_client()
        sign_in(browser)
        assert browser.get("/admin/products/new/").status_code == 200

        with app.app_context():
            db.session.execute(update(User).values(role="viewer"))
            db.session.commit()

        assert browser.get("/admin/products/new/").status_code == 403

    @ONE_DATABASE
    def test_ends_by_the_button_and_not_by_a_link(self, app, bob):
        bob()
        browser = app.test_client()
        sign_in(browser)
        token = token_in(browser.get("/admin/").text)

        assert browser.get("/logout").status_code == 405
        assert browser.post("/logout").status_code == 400
        assert is_in(browser)
        response = browser.post("/logout", data={"csrf_token": token})

        assert (response.status_code, response.headers["Location"]) == (302, "/login")
        assert not is_in(browser)


class TestCommands:
    @pytest.mark.parametrize("arguments", [["disable", BOB], ["password", BOB, "--password-stdin"]])
    def test_end_the_sessions_of_before(self, app, bob, commands, arguments):
        bob()
        browser = app.test_client()
        sign_in(browser)
        assert is_in(browser)
        environ = {
            **os.environ,
            "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
            "SECRET_KEY": SECRET,
            "BACKOFFICE_INSTANCE_PATH": app.instance_path,
        }

        ran = commands.run("users", *arguments, environ=environ, stdin="another horse")

        assert ran.returncode == 0, ran.stderr
        assert not is_in(browser)


@ONE_DATABASE
class TestGuessing:
    def test_is_stopped_at_the_sixth_try_on_an_account(self, app, bob):
        bob()
        tries = [sign_in(app.test_client(), password=f"guess {n}") for n in range(6)]

        right = sign_in(app.test_client())

        assert [answer.status_code for answer in tries] == [200] * 5 + [429]
        assert right.status_code == 429
        assert int(right.headers["Retry-After"]) > 0
        assert len(right.headers.getlist("Retry-After")) == 1
        assert "Wait a few minutes" in right.text

    def test_does_not_lock_the_owner_out_elsewhere(self, app, bob):
        bob()
        for n in range(6):
            sign_in(app.test_client(), password=f"guess {n}", comes_from="192.0.2.1")
        browser = app.test_client()

        sign_in(browser, comes_from="192.0.2.2")

        assert is_in(browser)

    def test_counts_an_account_however_it_is_spelled(self, app, bob):
        bob()
        spelled = (
            BOB,
            "BOB@example.com",
            "bob@EXAMPLE.com",
            "bob@\uff45xample.com",
            "Bob@example.COM",
        )
        for email in spelled:
            sign_in(app.test_client(), email, "guess")

        assert sign_in(app.test_client(), BOB, "guess").status_code == 429

    def test_is_stopped_over_many_accounts_from_one_address(self, app):
        answers = [sign_in(app.test_client(), f"nobody {n}").status_code for n in range(21)]

        assert answers == [200] * 20 + [429]

    def test_is_stopped_over_many_addresses_on_one_account(self, app, bob):
        bob()
        browser = app.test_client()
        form = {"csrf_token": token_in(browser.get("/login").text), "email": BOB}
        guess = partial(browser.post, "/login", data=form)  # no password: nothing to hash

        for n in range(300):
            guess(environ_base={"REMOTE_ADDR": f"198.51.{n // 200}.{n % 200}"})

        assert guess(environ_base={"REMOTE_ADDR": "203.0.113.1"}).status_code == 429


class TestWithRedis:
    """Redis counts the tries for all processes; without it each counts by itself."""

    def test_counts_over_two_processes(self, new_app, redis):
        apps = [new_app("sqlite", redis_url=redis.url) for _ in range(2)]

        answers = [sign_in(apps[n % 2].test_client(), "bob").status_code for n in range(6)]

        assert answers == [200] * 5 + [429]

    @pytest.mark.parametrize("trouble", ["stop", "freeze"])
    def test_lets_people_in_and_still_counts_when_it_is_gone(self, new_app, redis, hashed, trouble):
        app = new_app("sqlite", redis_url=redis.url)
        add_user(app, hashed)
        getattr(redis, trouble)()
        browser = app.test_client()

        sign_in(browser)
        answers = [sign_in(app.test_client(), "bob").status_code for _ in range(6)]

        assert is_in(browser)
        assert answers == [200] * 5 + [429]


@ONE_DATABASE
class TestNext:
    @pytest.mark.parametrize("place", ["form", "address"])
    @pytest.mark.parametrize("route", ["/login", "/logout"])
    def test_never_leaves_the_host(self, app, bob, route, place):
        bob()
        led, browser = {}, app.test_client()

        for wanted in ELSEWHERE:
            forget_tries(app)
            if route == "/login":
                browser = app.test_client()
            elif not is_in(browser):
                sign_in(browser)
            form = {"csrf_token": token_in(browser.get("/admin/", follow_redirects=True).text)}
            if route == "/login":
                form |= {"email": BOB, "password": PASSWORD}
            if place == "form":
                response = browser.post(route, data={**form, "next": wanted})
            else:
                response = browser.post(route, data=form, query_string={"next": wanted})
            assert response.status_code in (302, 400), wanted
            led[wanted] = response.headers.get("Location", "")

        where = dict(zip(led, origins(list(led.values())), strict=True))
        assert {w: led[w] for w, origin in where.items() if origin != "http://localhost"} == {}

    def test_of_a_refused_page_stays_on_the_host(self, app):
        browser = app.test_client()

        for path in ("/admin//evil.example", "/admin/products/?x=//evil.example", "//evil.example"):
            answer = browser.get("/", environ_overrides={"PATH_INFO": path})
            location = answer.headers.get("Location", "/")
            assert origins([location]) == ["http://localhost"]

    def test_is_shown_without_harm(self, app):
        answer = app.test_client().get('/login?next="><script>alert(1)</script>')

        assert answer.status_code == 400
        assert "<script>alert" not in answer.text


class TestCookie:
    @ONE_DATABASE
    def test_is_kept_from_scripts_and_from_other_sites(self, app, bob):
        bob()

        cookie = sign_in(app.test_client()).headers["Set-Cookie"]

        assert re.fullmatch(r"session=[^;]+; HttpOnly; Path=/; SameSite=Lax", cookie)

    def test_is_for_https_alone_in_production(self, secure_app, hashed):
        add_user(secure_app, hashed)
        browser = secure_app.test_client()
        https = "https://localhost"

        answer = sign_in(browser, base_url=https)

        cookie = answer.headers["Set-Cookie"]
        assert re.fullmatch(r"__Host-session=[^;]+; Secure; HttpOnly; Path=/; SameSite=Lax", cookie)
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        assert is_in(browser, https)

    @ONE_DATABASE
    def test_says_nothing_about_the_account(self, app, bob):
        bob()

        cookie = sign_in(app.test_client()).headers["Set-Cookie"]

        content = app.session_interface.get_signing_serializer(app).loads(
            cookie.partition("=")[2].partition(";")[0]
        )
        assert "password" not in str(content)
        assert "argon2" not in str(content)
        assert content["_user_id"] == BOB  # this test's own uniquifier; a real one is random
