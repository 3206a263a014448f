"""./manage.py doctor: is everything as it should be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import click
import redis
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from backoffice.cli import with_app
from backoffice.config import Settings
from backoffice.database import begins_reading, complaint, db
from backoffice.indexes.plan import State, compare
from backoffice.monitoring.deploy import DATABASE, SETTINGS, Deployed
from backoffice.monitoring.health import CHECKS, Finding, check_migrated


@click.command("doctor")
@click.option("--deploy", is_flag=True, help="Check what a production needs besides.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="With --deploy: how many processes serve.  [default: as `serve` has it]",
)
@with_app
def command(deploy: bool, workers: int | None) -> None:
    """Check the settings and the database.

    Prints one line a check, and for each finding what to do. Exits 1 on any finding.
    """
    found = False
    for check, findings in _checks(deploy, workers):
        click.echo(f"{'bad' if findings else 'ok':3}  {check}")
        for finding in findings:
            click.echo(f"     {finding.problem}\n     -> {finding.remedy}")
            found = True
    sys.exit(1 if found else 0)


def _checks(deploy: bool, workers: int | None) -> Iterator[tuple[str, list[Finding]]]:
    settings = Settings.from_environ()
    yield "secret key", list(_check_secret(current_app.config["SECRET_KEY"]))
    yield "visitors' addresses", list(_check_proxies(settings))
    yield "cache", list(_check_cache(settings.redis_url))
    if deploy:
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
        deployed = Deployed(app, settings, workers or (2 if settings.redis_url else 1))
        for name, look in SETTINGS.items():
            yield name, list(look(deployed))
    migrations = f"migrations of {db.engine.dialect.name}"
    try:
        connection = begins_reading(db.engine).connect()
    except SQLAlchemyError as error:
        yield migrations, [_failed(error)]
        return
    with connection:
        migrated = _run(check_migrated, connection)
        yield migrations, migrated
        if migrated:
            return  # what follows would only say the same in many lines
        checks = {**CHECKS, "indexes": _check_indexes, **(DATABASE if deploy else {})}
        for name, check in checks.items():
            yield name, _run(check, connection)


def _run(check: Callable[[Connection], Iterator[Finding]], connection: Connection) -> list[Finding]:
    """What ``check`` finds; one that cannot end is a finding, and the others go on."""
    try:
        return list(check(connection))
    except SQLAlchemyError as error:
        connection.rollback()
        return [_failed(error)]


def _failed(error: SQLAlchemyError) -> Finding:
    url = db.engine.url
    place = url.database if url.drivername == "sqlite" else url.render_as_string()
    return Finding(
        f"the database refused: {complaint(error)}",
        f"look whether {place} is there, whole and open to this account; DATABASE_URL names it",
    )


def _check_proxies(settings: Settings) -> Iterator[Finding]:
    if settings.secure_cookies and not settings.proxies:
        yield Finding(
            "https is expected, but no proxy: the limits on signing in take all visitors for one",
            "set BACKOFFICE_PROXIES to the number of proxies in front, mostly 1",
        )


def _check_secret(key: str) -> Iterator[Finding]:
    if len(set(key)) < 8:
        yield Finding(
            "SECRET_KEY repeats a few characters: sessions can be forged",
            "set it to the output of: openssl rand -hex 32",
        )


def _check_cache(redis_url: str | None) -> Iterator[Finding]:
    if redis_url:
        try:
            redis.Redis.from_url(redis_url, socket_timeout=1, socket_connect_timeout=1).ping()
        except redis.RedisError as error:
            yield Finding(f"Redis does not answer: {error}", "start it, or correct REDIS_URL")


def _check_indexes(connection: Connection) -> Iterator[Finding]:
    remedies = {
        State.MISSING: "run `manage.py indexes build`",
        State.INVALID: "run `manage.py indexes build`",
        State.DIFFERENT: "drop it and run `manage.py indexes build`",
        State.UNDECLARED: "declare it in the model, or drop it: every write pays for it",
    }
    for index in compare(connection):
        if index.state in remedies:
            yield Finding(f"{index.name} is {index.state}", remedies[index.state])
