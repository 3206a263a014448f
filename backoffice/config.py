"""Typed settings, and the only reader of the environment.

Nothing is read on import: `manage.py --help` works without a database, and a test builds
``Settings`` by hand.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting is missing or makes no sense; the message names it and says what to do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a process is told from outside. Times are in seconds unless the name says otherwise."""

    instance_path: Path
    database_url: str
    secret_key: str
    redis_url: str | None = None
    slow_statement_ms: float = 100.0
    statement_timeout_ms: int = 15_000
    lock_timeout_ms: int = 5_000
    secure_cookies: bool = False
    proxies: int = 0
    testing: bool = False

    @property
    def is_embedded(self) -> bool:
        """True for the SQLite default, which needs nothing but this package."""
        return self.database_url.startswith("sqlite")

    def flask_config(self) -> dict[str, Any]:
        """The same settings under the names that Flask and its extensions know."""
        return {
            "TESTING": self.testing,
            "SECRET_KEY": self.secret_key,
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SAMESITE": "Lax",
            "SESSION_COOKIE_SECURE": self.secure_cookies,
            # Browsers refuse the __Host- prefix on a cookie that is not Secure.
            "SESSION_COOKIE_NAME": "__Host-session" if self.secure_cookies else "session",
            "PERMANENT_SESSION_LIFETIME": 12 * 3600,
            # Bounds every body; Flask's own form limits bound multipart bodies only.
            "MAX_CONTENT_LENGTH": 4 * 1024 * 1024,
            "SQLALCHEMY_DATABASE_URI": self.database_url,
            "SQLALCHEMY_ENGINE_OPTIONS": self._engine_options(),
            "SQLALCHEMY_RECORD_QUERIES": True,
            # A form left open over lunch must still be accepted: the token lives as long
            # as the session does.
            "WTF_CSRF_TIME_LIMIT": None,
            "WTF_CSRF_SSL_STRICT": self.secure_cookies,
            "SLOW_STATEMENT_MS": self.slow_statement_ms,
        }

    def _engine_options(self) -> dict[str, Any]:
        if self.is_embedded:
            return {}
        limits = {
            "statement_timeout": self.statement_timeout_ms,
            "lock_timeout": self.lock_timeout_ms,
            "idle_in_transaction_session_timeout": 60_000,
            # A prepared search flips to a generic plan after a few runs: 1 ms became 1.1 s.
            "plan_cache_mode": "force_custom_plan",
            # Compiling a page's statement costs more than running it.
            "jit": "off",
            "timezone": "UTC",
        }
        options = " ".join(f"-c {name}={value}" for name, value in limits.items())
        return {
            "pool_pre_ping": True,
            "pool_timeout": 3,
            "connect_args": {"options": options, "connect_timeout": 5},
        }

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings of this process.

        :raises SettingsError: a value is malformed, or production lacks its secret key.
        """
        environ = os.environ if environ is None else environ
        instance = Path(environ.get("BACKOFFICE_INSTANCE_PATH") or ROOT / "instance").absolute()
        database_url = _database_url(environ.get("DATABASE_URL", ""), instance)
        embedded = database_url.startswith("sqlite")
        return cls(
            instance_path=instance,
            database_url=database_url,
            secret_key=_secret_key(environ.get("SECRET_KEY", ""), instance, embedded=embedded),
            redis_url=environ.get("REDIS_URL") or None,
            slow_statement_ms=_number(environ, "BACKOFFICE_SLOW_STATEMENT_MS", 100),
            statement_timeout_ms=int(_number(environ, "BACKOFFICE_STATEMENT_TIMEOUT_MS", 15_000)),
            lock_timeout_ms=int(_number(environ, "BACKOFFICE_LOCK_TIMEOUT_MS", 5_000)),
            proxies=int(_number(environ, "BACKOFFICE_PROXIES", 0)),
            secure_cookies=_flag(environ, "BACKOFFICE_SECURE_COOKIES", default=not embedded),
        )


def _database_url(value: str, instance: Path) -> str:
    if not value:
        return f"sqlite:///{instance / 'backoffice.db'}"
    scheme, separator, rest = value.partition("://")
    if separator and scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        return f"postgresql+psycopg://{rest}"
    if separator and scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return value
    # Never the value itself: it may hold a password.
    named = repr(scheme) if separator else "without ://"
    raise SettingsError(
        f"DATABASE_URL {named} is not understood: "
        "use postgresql://user:password@host/database or sqlite:////path/to/file.db"
    )


def _secret_key(value: str, instance: Path, *, embedded: bool) -> str:
    """The key that signs sessions; the embedded default makes one and keeps it."""
    if value:
        if len(value) < 32:
            raise SettingsError(
                "SECRET_KEY is too short: use at least 32 characters, "
                "for example the output of: openssl rand -hex 32"
            )
        return value
    if not embedded:
        raise SettingsError(
            "SECRET_KEY is not set: production needs one, the same in every process, "
            "for example the output of: openssl rand -hex 32"
        )
    file = instance / "secret_key"
    try:
        instance.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _write_once(file, secrets.token_hex(32))
        key = file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SettingsError(f"cannot keep a key in {file}: {error.strerror}") from error
    if len(key) < 32:
        raise SettingsError(f"{file} holds no whole key: delete it, and a new one is made")
    return key


def _write_once(file: Path, content: str) -> None:
    """Write ``file``, readable by its owner alone; of two processes at once, one wins whole."""
    descriptor, draft = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(descriptor, "w", encoding="ascii") as new:
        new.write(content)
    with suppress(FileExistsError):
        os.link(draft, file)
    Path(draft).unlink()


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    value = environ.get(name)
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        number = -1
    if not 0 <= number < 86_400_000:
        raise SettingsError(f"{name} is {value!r}: use a number, such as {default:g}")
    return number


def _flag(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = environ.get(name)
    if not value:
        return default
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if value.lower() not in known:
        raise SettingsError(f"{name} is {value!r}: use 1 or 0")
    return known[value.lower()]
