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
    upload_mb: float = 200.0
    overdue_days: int = 3
    proxies: int = 0
    hosts: tuple[str, ...] = ()
    query_log: bool = True
    metrics_token: str = ""
    release: str = ""
    testing: bool = False

    @property
    def is_embedded(self) -> bool:
        """True for the SQLite default, which needs nothing but this package."""
        return self.database_url.startswith("sqlite")

    def make_database_file(self) -> None:
        """Make the embedded database if it is not there; SQLite would let everybody read it.

        :raises SettingsError: the instance folder cannot be made.
        """
        if self.is_embedded:
            file = Path(self.database_url.removeprefix("sqlite:///").partition("?")[0])
            if file.parent == self.instance_path:
                _make_private(self.instance_path)
            with suppress(OSError):  # who connects is told why
                os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))

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
            "TRUSTED_HOSTS": list(self.hosts) or None,
            # Bounds every body but that of a file to import; Flask's own form limits bound
            # multipart bodies only.
            "MAX_CONTENT_LENGTH": 4 * 1024 * 1024,
            "SQLALCHEMY_DATABASE_URI": self.database_url,
            "SQLALCHEMY_ENGINE_OPTIONS": self._engine_options(),
            "SQLALCHEMY_RECORD_QUERIES": True,
            # A form left open over lunch must still be accepted: the token lives as long
            # as the session does.
            "WTF_CSRF_TIME_LIMIT": None,
            "WTF_CSRF_SSL_STRICT": self.secure_cookies,
            "SLOW_STATEMENT_MS": self.slow_statement_ms,
            "STATEMENT_TIMEOUT_MS": self.statement_timeout_ms,
            "REDIS_URL": self.redis_url,
            "OVERDUE_DAYS": self.overdue_days,
            "QUERY_LOG": self.query_log,
            "METRICS_TOKEN": self.metrics_token,
            "RELEASE": self.release,
            "UPLOAD_BYTES": int(self.upload_mb * 1024 * 1024),
        }

    def _engine_options(self) -> dict[str, Any]:
        # An error's text goes to the log, and parameters are people's data.
        options: dict[str, Any] = {"hide_parameters": True}
        if self.is_embedded:
            return options
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
        told = " ".join(f"-c {name}={value}" for name, value in limits.items())
        return options | {
            "pool_pre_ping": True,
            "pool_timeout": 3,
            "connect_args": {"options": told, "connect_timeout": 5},
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
            redis_url=_redis_url(environ.get("REDIS_URL", "")),
            slow_statement_ms=_number(environ, "BACKOFFICE_SLOW_STATEMENT_MS", 100),
            statement_timeout_ms=int(_number(environ, "BACKOFFICE_STATEMENT_TIMEOUT_MS", 15_000)),
            lock_timeout_ms=int(_number(environ, "BACKOFFICE_LOCK_TIMEOUT_MS", 5_000)),
            upload_mb=_number(environ, "BACKOFFICE_UPLOAD_MB", 200),
            overdue_days=int(_number(environ, "BACKOFFICE_OVERDUE_DAYS", 3)),
            proxies=_proxies(environ.get("BACKOFFICE_PROXIES") or "0"),
            hosts=tuple(environ.get("BACKOFFICE_HOSTS", "").replace(",", " ").split()),
            query_log=_flag(environ, "BACKOFFICE_QUERY_LOG", default=True),
            metrics_token=environ.get("BACKOFFICE_METRICS_TOKEN", ""),
            release=environ.get("BACKOFFICE_RELEASE", "")[:64],
            secure_cookies=_flag(environ, "BACKOFFICE_SECURE_COOKIES", default=not embedded),
        )


def _database_url(value: str, instance: Path) -> str:
    if not value:
        return f"sqlite:///{instance / 'backoffice.db'}"
    scheme, separator, rest = value.partition("://")
    if separator and scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        return _checked_port(f"postgresql+psycopg://{rest}")
    if separator and scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return value
    # Never the value itself: it may hold a password.
    named = repr(scheme) if separator else "without ://"
    raise SettingsError(
        f"DATABASE_URL {named} is not understood: "
        "use postgresql://user:password@host/database or sqlite:////path/to/file.db"
    )


def _checked_port(url: str) -> str:
    from sqlalchemy import make_url  # noqa: PLC0415 - `--help` reads no settings and no SQLAlchemy

    try:
        usable = 0 < (make_url(url).port or 5432) < 65_536
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            "DATABASE_URL names a port that is none: use a number up to 65535, and write "
            "@ : / ? # of a password as %40 %3A %2F %3F %23"
        )
    return url


def _redis_url(value: str) -> str | None:
    if not value:
        return None
    from redis.connection import parse_url  # noqa: PLC0415 - the embedded default needs no Redis

    try:
        parse_url(value)  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise SettingsError(
            "REDIS_URL is not understood: use redis://host:6379/0, rediss:// or unix:///path"
        ) from error
    return value


def _proxies(value: str) -> int:
    if not value.isdecimal() or not 0 <= int(value[:9]) <= 10:
        raise SettingsError(f"BACKOFFICE_PROXIES is {value!r}: use a whole number from 0 to 10")
    return int(value)


def _make_private(folder: Path) -> None:
    """Make ``folder``, which holds the key and the database, for its owner alone.

    :raises SettingsError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"cannot make the folder {folder}: {error.strerror}") from error


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
    _make_private(instance)
    try:
        if not file.exists():
            _write_once(file, secrets.token_hex(32))
    except OSError as error:
        raise SettingsError(f"cannot keep a key in {file}: {error.strerror}") from error
    try:
        key = file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SettingsError(f"cannot read the key in {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        key = ""
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
