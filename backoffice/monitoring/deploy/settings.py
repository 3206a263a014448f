"""Settings that a production must have, whoever set them.

:source: Django, "System check framework", the deployment checks: those that mean something here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask

from backoffice.config import Settings
from backoffice.monitoring.health import Finding

LONG_KEY, LEAST_DIFFERENT = 50, 8
LONGEST_SESSION = timedelta(hours=24)
MOST_FORM = 16 * 1024 * 1024
MOST_UPLOAD = 2 * 1024**3


@dataclass(frozen=True)
class Deployed:
    """What is looked at: the application, its settings, and how many processes serve it."""

    app: Flask
    settings: Settings
    workers: int

    @property
    def config(self) -> Mapping[str, Any]:
        return self.app.config


def check_secret(deployed: Deployed) -> Iterator[Finding]:
    """The key that signs sessions cannot be guessed; nor can one that was used before."""
    key = deployed.config["SECRET_KEY"]
    if len(key) < LONG_KEY or len(set(key)) < LEAST_DIFFERENT:
        yield Finding(
            f"SECRET_KEY is short or repeats itself: {len(key)} characters, "
            f"{len(set(key))} different ones",
            "set it to the output of: openssl rand -hex 32",
        )
    former = deployed.config.get("SECRET_KEY_FALLBACKS")
    if isinstance(former, str):
        yield Finding(
            "SECRET_KEY_FALLBACKS is a text: each of its letters is taken for a key",
            "make it a list of keys",
        )
    elif former and any(len(old) < LONG_KEY for old in former):
        yield Finding("a key of SECRET_KEY_FALLBACKS is short", "take it out of the list")


def check_debugging(deployed: Deployed) -> Iterator[Finding]:
    """Nobody sees our code, or runs theirs, on an error page."""
    if deployed.app.debug:
        yield Finding("debugging is on: whoever meets an error may run code", "unset FLASK_DEBUG")
    if deployed.app.testing:
        yield Finding(
            "TESTING is on: errors are raised and not shown as a page", "set testing to False"
        )
    for name in ("TRAP_HTTP_EXCEPTIONS", "PROPAGATE_EXCEPTIONS", "EXPLAIN_TEMPLATE_LOADING"):
        if deployed.config.get(name):
            yield Finding(f"{name} is on, which is for finding faults", f"unset {name}")


def check_hosts(deployed: Deployed) -> Iterator[Finding]:
    """The host that a visitor writes into a request is one of ours."""
    hosts = deployed.config.get("TRUSTED_HOSTS") or ()
    if not hosts:
        yield Finding(
            "any host is answered: a visitor decides what links and redirects name",
            "set BACKOFFICE_HOSTS to the names that the site has, such as office.example.com",
        )
    for host in hosts:
        if host in {"*", ".", ""} or (host.startswith(".") and host.count(".") < 2):
            yield Finding(
                f"the host {host!r} is nearly any", "name the site's own in BACKOFFICE_HOSTS"
            )
    if deployed.config.get("PREFERRED_URL_SCHEME") == "http" and deployed.config.get("SERVER_NAME"):
        yield Finding(
            "links outside of requests begin with http", "set PREFERRED_URL_SCHEME to https"
        )


def check_sessions(deployed: Deployed) -> Iterator[Finding]:
    """A session ends, and one that was stolen is not good for weeks."""
    lifetime = deployed.app.permanent_session_lifetime
    if lifetime > LONGEST_SESSION:
        yield Finding(
            f"a session lasts {lifetime.total_seconds() / 3600:.0f} hours",
            "set PERMANENT_SESSION_LIFETIME to a day or less",
        )
    if deployed.config.get("WTF_CSRF_TIME_LIMIT", 3600) not in {None, 0} and (
        deployed.config["WTF_CSRF_TIME_LIMIT"] > LONGEST_SESSION.total_seconds()
    ):
        yield Finding("the token of a form outlives sessions", "set WTF_CSRF_TIME_LIMIT to None")


def check_sign_in(deployed: Deployed) -> Iterator[Finding]:
    """Guessing passwords is slow, and forms of other sites are refused."""
    config = deployed.config
    if not config.get("RATELIMIT_ENABLED", True):
        yield Finding("nothing limits guessing of passwords", "set RATELIMIT_ENABLED to True")
    if not config.get("WTF_CSRF_ENABLED", True) or not config.get("WTF_CSRF_CHECK_DEFAULT", True):
        yield Finding(
            "forms of other sites are taken: the token is not checked",
            "set WTF_CSRF_ENABLED and WTF_CSRF_CHECK_DEFAULT to True",
        )
    if deployed.settings.secure_cookies and not config.get("WTF_CSRF_SSL_STRICT", True):
        yield Finding(
            "a form's origin is not looked at behind https", "set WTF_CSRF_SSL_STRICT to True"
        )
    if config.get("SECURITY_PASSWORD_HASH") not in {"argon2", "scrypt", "bcrypt"}:
        yield Finding("passwords are kept by a fast hash", "set SECURITY_PASSWORD_HASH to argon2")
    if config.get("SECURITY_PASSWORD_LENGTH_MIN", 8) < 8:
        yield Finding("short passwords are taken", "set SECURITY_PASSWORD_LENGTH_MIN to 8 or more")


def check_bounds(deployed: Deployed) -> Iterator[Finding]:
    """Neither a request nor a statement may take whatever it likes."""
    config, settings = deployed.config, deployed.settings
    body = config.get("MAX_CONTENT_LENGTH")
    if not body or body > MOST_FORM:
        yield Finding(
            f"a form may have {'any size' if not body else f'{body:,} bytes'}",
            f"set MAX_CONTENT_LENGTH to {MOST_FORM:,} or less",
        )
    if not 0 < config["UPLOAD_BYTES"] <= MOST_UPLOAD:
        yield Finding(
            "files to import are not bounded, or not taken at all",
            "set BACKOFFICE_UPLOAD_MB to a number from 1 to 2048",
        )
    for name, value in (
        ("BACKOFFICE_STATEMENT_TIMEOUT_MS", settings.statement_timeout_ms),
        ("BACKOFFICE_LOCK_TIMEOUT_MS", settings.lock_timeout_ms),
    ):
        if not 0 < value <= 60_000:
            yield Finding(
                f"{name} is {value}: one statement may hold up everybody",
                f"set {name} to a number from 1 to 60000, mostly the usual one",
            )


def check_processes(deployed: Deployed) -> Iterator[Finding]:
    """What several processes share is where all of them see it."""
    if deployed.workers < 2:
        return
    if not deployed.settings.redis_url:
        yield Finding(
            f"{deployed.workers} processes and no Redis: each counts failed sign-ins and keeps "
            "figures by itself",
            "set REDIS_URL, or serve by one process",
        )
    elif str(deployed.config["RATELIMIT_STORAGE_URI"]).startswith("memory"):
        yield Finding(
            "each process counts failed sign-ins by itself", "let RATELIMIT_STORAGE_URI be Redis"
        )
    if deployed.settings.is_embedded:
        yield Finding(
            f"{deployed.workers} processes on SQLite, which one of them writes at a time",
            "set DATABASE_URL to a PostgreSQL database, or serve by one process",
        )
