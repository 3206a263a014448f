"""`manage.py` as a process of its own, over a database of its own."""

import os
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.conftest import SECRET

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith("BACKOFFICE_")
    and name not in {"DATABASE_URL", "REDIS_URL", "SECRET_KEY"}
}


@pytest.fixture(scope="session")
def command(commands, tmp_path_factory):
    """Runs `manage.py ...` from a directory of its own and returns the finished process."""

    def run(*arguments, url="", input="", stdout=None, **settings):  # noqa: A002 - subprocess's own name
        folder = tmp_path_factory.mktemp("run")
        environ = {
            **CLEAN,
            "DATABASE_URL": url,
            "SECRET_KEY": SECRET,
            "BACKOFFICE_INSTANCE_PATH": str(folder / "instance"),
            **settings,
        }
        return commands.run(*arguments, environ=environ, cwd=folder, stdin=input, stdout=stdout)

    return run


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, new_database):
    """URL of an empty database of either kind."""
    return new_database(request.param)


@pytest.fixture(scope="session")
def prepared(command, new_database):
    """URL of a database of the named kind that `db upgrade` has prepared, to be copied only."""

    @cache
    def of(kind):
        url = new_database(kind)
        assert command("db", "upgrade", url=url).returncode == 0
        return url

    return of


@pytest.fixture
def manage(command, database, prepared, postgres_server):
    """Runs `manage.py ...` over ``database``, which `db upgrade` has prepared."""
    source, target = make_url(prepared(make_url(database).get_backend_name())), make_url(database)
    if target.get_backend_name() == "sqlite":
        with (
            closing(sqlite3.connect(source.database)) as whole,
            closing(sqlite3.connect(target.database)) as copy,
        ):
            whole.backup(copy)
    else:
        with psycopg.connect(postgres_server.replace("+psycopg", ""), autocommit=True) as server:
            server.execute(f"DROP DATABASE {target.database}")
            server.execute(f"CREATE DATABASE {target.database} TEMPLATE {source.database}")
    return lambda *arguments, **options: command(*arguments, url=database, **options)
