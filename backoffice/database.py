"""The database handle, how connections are set up, and how transactions begin. No tables."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from sqlite3 import SQLITE_BUSY, SQLITE_INTERRUPT, SQLITE_LOCKED
from sqlite3 import OperationalError as SqliteError
from time import monotonic, sleep
from typing import Any, TypeAlias

from flask import Flask, current_app, has_request_context, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, MetaData, Select, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase

# Every constraint has a name: migrations can drop it, and a form can say which rule was broken.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

BUSY_STATES = frozenset(
    {
        "57014",  # query_canceled, by the statement timeout
        "55P03",  # lock_not_available, by the lock timeout
        "40P01",  # deadlock_detected
        "40001",  # serialization_failure
        "53300",  # too_many_connections
    }
)
"""What PostgreSQL says when the same statement may go through a moment later."""

# In the order in which a new connection gets them.
SQLITE_PRAGMAS = {
    "busy_timeout": "10000",  # ms; waits for the one writer instead of failing
    "journal_mode": "wal",  # readers go on while somebody writes
    "synchronous": "1",  # NORMAL: a power cut may lose the last commit, never consistency
    "foreign_keys": "1",  # off by default
    "cache_size": "-65536",  # KiB
    "temp_store": "1",  # file: an import stages more there than memory should hold
}


SECONDS_BETWEEN_TRIES = 0.002
"""How long a writer on SQLite waits before it asks for the lock again."""

STEPS_BETWEEN_LOOKS = 100_000
"""How many of its steps SQLite takes, in about a millisecond, before it looks at the clock."""

Rows: TypeAlias = Select[*tuple[Any, ...]]
"""A statement that selects labelled columns; it says what to read and is run by its caller."""


class Base(DeclarativeBase):
    """What every table derives from."""

    metadata = MetaData(naming_convention=NAMES)


# Objects stay readable after the commit: a page that shows what was saved, and the user who
# saved it, needs no second read.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})


def init_app(app: Flask) -> None:
    """Bind ``db`` to ``app`` and set up each connection of its engine."""
    db.init_app(app)
    with app.app_context():
        set_up(db.engine)


def set_up(engine: Engine) -> None:
    """Have each connection of ``engine`` work as pages rely on."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "do_execute", _execute_sqlite)


def begins_reading(engine: Engine, reads: bool = True) -> Engine:
    """The same engine for work that reads first, and mostly only reads.

    It is about SQLite, whose transactions otherwise begin by waiting for the write lock;
    PostgreSQL does not tell the two apart.

    :param reads: False for work that writes although a page that only shows something does it.
    """
    return engine.execution_options(begins_reading=reads)


def writes_at_once(engine: Engine) -> Engine:
    """The same engine for writes that nobody waits for: on SQLite they go through now or fail.

    Nobody is told that they wait, so an import makes no pause for them.
    """
    return engine.execution_options(begins_reading=False, at_once=True)


def allow_long_work(connection: Connection) -> None:
    """Lift the web's limits until this transaction ends: exports, synthetic data."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        # Between two statements, a file of any size is read and checked.
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        # Else each row's foreign keys are planned anew: a product took 50 µs and not 33.
        connection.execute(text("SET LOCAL plan_cache_mode = auto"))


@contextmanager
def reading(seconds: float) -> Iterator[Connection]:
    """A connection of its own for something long to read, which is stopped after ``seconds``.

    The database keeps it from writing and from locking rows, whatever it is asked.

    :raises OperationalError: it was stopped; ``is_busy`` tells.
    """
    with begins_reading(db.engine).connect() as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(
                text(
                    "SELECT set_config('statement_timeout', :limit, true), "
                    "set_config('transaction_read_only', 'on', true)"
                ),
                {"limit": str(int(1000 * seconds))},
            )
            yield connection
            return
        connection.info["deadline"] = monotonic() + seconds
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA query_only = 1")
        try:
            yield connection
        finally:
            driver.execute("PRAGMA query_only = 0")


def is_busy(error: Exception) -> bool:
    """Whether trying again may help: a limit, a lock or a lost connection, and no fault of ours."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, OperationalError):
        return False
    code: int | None = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        # The lowest byte is the kind, those above it say more about it.
        return code & 0xFF in {SQLITE_BUSY, SQLITE_LOCKED, SQLITE_INTERRUPT}
    # Only a server that answers gives a state: without one, there is no connection.
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state is None or state in BUSY_STATES


def complaint(error: Exception) -> str:
    """What the database says, in its first line: further ones may quote people's values."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


@contextmanager
def _waiting(database: str) -> Iterator[None]:
    """Let ``somebody_waits`` know; also of a waiter that dies, no trace stays."""
    with Path(f"{database}.waiting").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def somebody_waits(connection: Connection) -> bool:
    """Whether anybody waits for SQLite's one write lock, which ``connection`` has."""
    file = Path(f"{connection.engine.url.database}.waiting")
    if not file.exists():
        return False
    with file.open("a") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def analyze(connection: Connection, tables: Iterable[str]) -> None:
    """Tell the planner what ``tables`` hold now, after much was written or an index was built."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA analysis_limit = 1000"))  # rows looked at an index
    for table in tables:
        connection.execute(text(f"ANALYZE {table}"))


def _set_up_sqlite(connection: Any, record: Any) -> None:
    # The driver's own BEGIN is deferred and comes late; SQLAlchemy's "begin" event sends ours.
    connection.isolation_level = None
    cursor = connection.cursor()
    for name, value in SQLITE_PRAGMAS.items():
        cursor.execute(f"PRAGMA {name} = {value}")
    cursor.close()
    connection.create_function("folded_contains", 2, folded_contains, deterministic=True)
    connection.set_progress_handler(
        lambda: monotonic() > record.info.get("deadline", inf), STEPS_BETWEEN_LOOKS
    )


def folded_contains(text_: str | None, term: str) -> bool:
    """Whether ``term``, which is folded, is in ``text_`` however written; LIKE folds ASCII only."""
    return text_ is not None and term in folded(text_)


def folded(text_: str) -> str:
    """``text_`` in small letters, with one small sigma for both, as FTS5 folds it."""
    return text_.lower().replace("ς", "σ")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once unless the transaction is known to begin by reading.

    A deferred transaction that reads first and writes later fails at once with
    SQLITE_BUSY_SNAPSHOT, whatever the timeout, when somebody wrote in between.
    """
    in_page = has_request_context() and request.method in SAFE_METHODS
    told = connection.get_execution_options().get("begins_reading")
    connection.info.pop("deadline", None)
    if in_page and told is None:
        # SQLite has no timeout of its own for a statement.
        patience = current_app.config["STATEMENT_TIMEOUT_MS"] / 1000
        connection.info["deadline"] = monotonic() + patience
    reads = in_page if told is None else told
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _execute_sqlite(cursor: Any, statement: str, _: Any, context: Any) -> bool | None:
    """Run ``BEGIN IMMEDIATE`` with a patience of our own; leave the rest to SQLAlchemy.

    As an event of the execution, so that the wait counts as this statement's time.
    """
    if statement != "BEGIN IMMEDIATE":
        return None
    (patience,) = cursor.execute("PRAGMA busy_timeout").fetchone()
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        if not _begins(cursor, last="at_once" in context.execution_options):
            (_, _, database), *_ = cursor.execute("PRAGMA database_list").fetchall()
            with _waiting(database):
                _begin_immediate(cursor, monotonic() + patience / 1000)
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {patience}")
    return True


def _begin_immediate(cursor: Any, deadline: float) -> None:
    """Ask for the write lock again and again until ``deadline``.

    SQLite itself asks less and less often, in the end every 100 ms, and so misses the pauses that
    an import makes between two chunks: staff waited seconds for their turn.
    """
    while not _begins(cursor, monotonic() > deadline):
        sleep(SECONDS_BETWEEN_TRIES)


def _begins(cursor: Any, last: bool = False) -> bool:
    """Whether the write lock was free; if not, on the ``last`` try SQLite's error is raised."""
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except SqliteError as error:
        if last or error.sqlite_errorcode & 0xFF != SQLITE_BUSY:
            raise
        return False
    return True
