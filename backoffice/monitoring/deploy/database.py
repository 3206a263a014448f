"""The database of a production: its version, the server's settings, and what our role may do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select, text

from backoffice.models import HistoryEntry, Order
from backoffice.models.rollup import sales_days
from backoffice.monitoring.health import Finding
from backoffice.rollups.fold import state

LEAST_SQLITE = (3, 40)
LEAST_POSTGRESQL = 150_000
MOST_SECONDS_APART = 2
DAYS_COMPARED = 7

WANTED = {
    "fsync": ("on", "a power cut may destroy the database"),
    "full_page_writes": ("on", "a power cut may destroy the database"),
    "synchronous_commit": ("on", "a power cut loses what staff were told was saved"),
    "autovacuum": ("on", "tables grow, and plans go by old figures"),
    "track_counts": ("on", "autovacuum does not know what changed"),
    "server_encoding": ("UTF8", "not every text fits"),
    "TimeZone": ("UTC", "days end at another hour"),
}
"""Setting of PostgreSQL -> what it must be, and what happens otherwise."""

FREEDOMS = {
    "rolcreaterole": ("may make roles", "NOCREATEROLE"),
    "rolcreatedb": ("may make databases", "NOCREATEDB"),
    "rolreplication": ("may copy the whole server", "NOREPLICATION"),
    "rolbypassrls": ("passes row security", "NOBYPASSRLS"),
}


def check_version(connection: Connection) -> Iterator[Finding]:
    """It is one that its makers still mend, and that has what our statements need."""
    if connection.dialect.name == "sqlite":
        if sqlite3.sqlite_version_info < LEAST_SQLITE:
            least = ".".join(map(str, LEAST_SQLITE))
            yield Finding(
                f"SQLite is {sqlite3.sqlite_version}", f"use {least} or newer, with Python's own"
            )
        return
    if int(connection.scalar(text("SHOW server_version_num")) or 0) < LEAST_POSTGRESQL:
        found = connection.scalar(text("SHOW server_version"))
        yield Finding(
            f"PostgreSQL is {found}, which gets no more mends",
            f"upgrade it to {LEAST_POSTGRESQL // 10_000} or newer",
        )


def check_server(connection: Connection) -> Iterator[Finding]:
    """PostgreSQL keeps what it was given, and cleans up behind us."""
    if connection.dialect.name == "sqlite":
        return
    for name, (wanted, otherwise) in WANTED.items():
        found = str(connection.scalar(text(f"SHOW {name}")))
        # Waiting for standbys is more than "on".
        is_more = name == "synchronous_commit" and found.startswith("remote")
        if found != wanted and not is_more:
            yield Finding(
                f"{name} is {found}: {otherwise}",
                f"set {name} to {wanted} for this server, database or role",
            )
    encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    is_far = connection.scalar(text("SELECT NOT inet_server_addr() <<= inet '127.0.0.0/8'"))
    if is_far and not connection.scalar(text(encrypted)):
        yield Finding(
            "the connection to the database is not encrypted",
            "add ?sslmode=verify-full to DATABASE_URL",
        )


def check_role(connection: Connection) -> Iterator[Finding]:
    """What a hole in a page could do: no more than our tables are needed for."""
    if connection.dialect.name == "sqlite":
        return
    row = connection.execute(text("SELECT * FROM pg_roles WHERE rolname = current_user")).one()
    name = row.rolname
    if row.rolsuper:  # it owns and may do everything, and may be the server's only one
        yield Finding(
            f"the role {name} is a superuser",
            "make one for the back office alone: `CREATE ROLE backoffice LOGIN`, give it the "
            "tables (`GRANT`, or `ALTER TABLE ... OWNER TO backoffice`) and name it in "
            "DATABASE_URL",
        )
        return
    for column, (says, remedy) in FREEDOMS.items():
        if getattr(row, column):
            yield Finding(f"the role {name} {says}", f"run `ALTER ROLE {name} {remedy}`")
    database = connection.scalar(text("SELECT current_database()"))
    owner = "SELECT datdba = to_regrole(current_user) FROM pg_database WHERE datname = :database"
    if connection.scalar(text(owner), {"database": database}):
        yield Finding(
            f"the role {name} owns the database {database}, and may drop it",
            f"give it to another: `ALTER DATABASE {database} OWNER TO postgres`, and "
            f"`GRANT CREATE ON SCHEMA public TO {name}`, which migrations need",
        )
    everybody = "SELECT has_schema_privilege('public', 'public', 'CREATE')"
    if connection.scalar(text(everybody)):
        yield Finding(
            "every role of the server may make tables in the schema public",
            "run `REVOKE CREATE ON SCHEMA public FROM PUBLIC`",
        )


def check_clock(connection: Connection) -> Iterator[Finding]:
    """Both machines agree on what time it is, and nothing was written in the future."""
    now = datetime.now(UTC)
    if connection.dialect.name == "postgresql":
        theirs = connection.scalar(text("SELECT clock_timestamp()"))
        apart = abs(theirs - now).total_seconds() if theirs else 0
        if apart > MOST_SECONDS_APART:
            yield Finding(
                f"this machine's clock and the database's are {apart:.0f} s apart",
                "let both follow the same time server",
            )
    newest = connection.scalar(select(HistoryEntry.at).order_by(HistoryEntry.id.desc()).limit(1))
    if newest and newest > now + timedelta(seconds=MOST_SECONDS_APART):
        yield Finding(
            f"the newest entry of the history is of {newest:%Y-%m-%d %H:%M}, which is yet to come",
            "set the clock of this machine, or of that which wrote it",
        )


def check_sums(connection: Connection) -> Iterator[Finding]:
    """The dashboard's sums of the last days count the orders that there are.

    Quick, so it counts orders only; `rollups verify` compares everything.
    """
    rollups = state(connection)
    if rollups.waiting or rollups.day is None:
        return  # the next page brings them up to date
    first = rollups.day - timedelta(days=DAYS_COMPARED)
    begins = datetime(first.year, first.month, first.day, tzinfo=UTC)
    ends = begins + timedelta(days=DAYS_COMPARED)
    placed = Order.placed_at >= begins, Order.placed_at < ends
    true = connection.scalar(select(func.count()).select_from(Order).where(*placed))
    kept = connection.scalar(
        select(func.coalesce(func.sum(sales_days.c.orders), 0)).where(
            sales_days.c.day >= first, sales_days.c.day < ends.date()
        )
    )
    if int(kept or 0) != true:
        yield Finding(
            f"the dashboard counts {kept} orders from {first} on, and there are {true}",
            "run `manage.py rollups verify`, then `manage.py rollups rebuild`",
        )
