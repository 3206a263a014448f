"""./manage.py slow: which statements take time, how they are planned, and since when."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from sqlalchemy import delete, func, select

from backoffice.cli import fail, with_app
from backoffice.cli.slow_text import (
    more,
    plain,
    plan_of,
    say,
    say_advice,
    say_head,
    say_line,
    say_missing,
    say_server,
    told_of,
)
from backoffice.database import db
from backoffice.models import QUERY_LOG, QueryShape
from backoffice.monitoring import reading, shape_queries, words
from backoffice.monitoring.asked import Asked, Order, hour_of
from backoffice.monitoring.rerun import NotExplainedError, explain_now, run_now
from backoffice.monitoring.server import Server, top_statements
from backoffice.monitoring.vanished import vanished

UNITS = {"h": "hours", "d": "days"}
BY = {"total": "total", "mean": "mean", "calls": "calls", "worse": "total"}

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group("slow")
def command() -> None:
    """Find slow statements, their plans and where they come from."""


class Since(click.ParamType[datetime]):
    """So long ago: ``24h``, ``7d``."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        found = re.fullmatch(r"([1-9]\d{0,3})([hd])", value)
        if not found:
            self.fail(f"{value!r} is no duration: write 24h or 7d", param, ctx)
        ago = timedelta(**{UNITS[found[2]]: int(found[1])})
        return hour_of(datetime.now(UTC) - ago)


@command.command("list")
@click.option(
    "--since", type=Since(), default="24h", show_default=True, help="Whole hours are counted."
)
@click.option(
    "--by",
    type=click.Choice(list(BY)),
    default="total",
    show_default=True,
    help="Time, time a call, calls; or only those whose plan got worse.",
)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many."
)
@click.option("--server", is_flag=True, help="All that PostgreSQL ran, by pg_stat_statements.")
@JSON
@with_app
def list_(since: datetime, by: str, limit: int, *, server: bool, as_json: bool) -> None:
    """List the shapes of statements that took most time.

    Statements that differ in values alone have one shape, and a fingerprint, by which the other
    commands know it.
    """
    if server:
        _list_server(limit, as_json=as_json)
        return
    found = reading.shapes(
        _session(),
        Asked(since, shapes=Order(BY[by], True), worse=by == "worse"),
        most=limit,
    )
    if as_json:
        click.echo(json.dumps({"since": since.isoformat(), "shapes": [told_of(f) for f in found]}))
        return
    if found:
        say_head()
    for shape in found:
        row = shape.row
        say_line(row.fingerprint, row.calls, row.microseconds, row.rows, shape.plan or "no plan")
        click.echo(f"  {words.shortened(row.shape, 160)}")
        click.echo(f"  {row.route} {row.line}{more(row.places - 1)}".rstrip())
        if shape.change:
            click.echo(f"  its plan {shape.change}")
        say_missing(shape.missing, "  ")
    if not found:
        click.echo("nothing was recorded in this time", err=True)


@command.command("show")
@click.argument("fingerprint")
@click.option("--values", is_flag=True, help="With the values, which may be people's data.")
@JSON
@with_app
def show(fingerprint: str, *, values: bool, as_json: bool) -> None:
    """Show one statement: text, places, plans and slow calls, newest first.

    Who asks for the values is noted in the history.
    """
    shape = _shape(fingerprint)
    if values:
        db.session.rollback()  # which has begun by reading
        reading.note_values_seen(db.session(), fingerprint)
    session = _session()
    places = session.execute(shape_queries.places_of(shape.id, hour_of(shape.first_seen)))
    plans = reading.plans(session, shape)
    calls = shape_queries.slow_calls(shape.id, values=values)
    told = {
        "fingerprint": fingerprint,
        "shape": shape.shape,
        "first_seen": shape.first_seen,
        "last_seen": shape.last_seen,
        "places": [row._asdict() for row in places],
        "plans": [plan_of(plan, values=values) for plan in plans],
        "missing_indexes": reading.missing_indexes(session, plans),
        "slow": [row._asdict() for row in session.execute(calls)],
    }
    if values:
        told |= {"statement": shape.statement, "parameters": shape.parameters}
    if as_json:
        click.echo(json.dumps(told, default=plain))
    else:
        say(told)


@command.command("explain")
@click.argument("fingerprint")
@click.option("--analyze", is_flag=True, help="Run it too, if it only reads, and measure.")
@with_app
def explain_(fingerprint: str, *, analyze: bool) -> None:
    """Ask the database how it would run a statement now, with the values of its slowest call.

    Values are left out of the plan.
    """
    shape = _shape(fingerprint)
    try:
        if analyze:
            ran = run_now(shape)
            click.echo(ran.text)
            click.echo(f"{ran.rows:,} rows in {ran.milliseconds:,.1f} ms")
            return
        plan = explain_now(shape)
    except NotExplainedError as error:
        fail(str(error))
    click.echo(words.without_values(plan.text))
    session = _session()
    word = reading.word_now(session, shape, plan)
    click.echo(word)
    recorded = reading.plans(session, shape)
    if again := reading.good_again(recorded, plan):
        click.echo(f"good again: it {again}")
    missing = vanished(session, [known.row.plan for known in recorded], plan.text)
    say_missing(missing)
    if words.is_poor(word) and not missing:
        say_advice(fingerprint)


@command.command("clear")
@click.option("--yes", is_flag=True, help="Really forget it; else only say how much it is.")
@with_app
def clear(*, yes: bool) -> None:
    """Forget all that was recorded: pages, statements, plans, slow calls, advice on indexes."""
    rows = sum(
        db.session.scalar(select(func.count()).select_from(table)) or 0 for table in QUERY_LOG
    )
    if not yes:
        fail(f"{rows:,} rows of the query log would go. Write --yes to forget them.")
    for table in QUERY_LOG:
        db.session.execute(delete(table))  # type: ignore[arg-type]
    db.session.commit()
    click.echo(f"the query log is empty: {rows:,} rows are gone")


def _session() -> Any:
    """The session, in a transaction that only reads: no writer of SQLite is waited for."""
    session = db.session()
    reading.begin(session)
    return session


def _shape(fingerprint: str) -> QueryShape:
    return reading.shape_with(_session(), fingerprint) or fail(
        f"no statement {fingerprint[:40]!r} is known: `manage.py slow list` lists them"
    )


def _list_server(limit: int, *, as_json: bool) -> None:
    server: Server = top_statements(limit) or fail(
        "SQLite counts no statements: --server is for PostgreSQL"
    )
    if server.problem and not server.statements:
        fail(server.problem)
    if server.problem:
        click.echo(server.problem, err=True)
    if as_json:
        say_server(server)
        return
    say_head()
    for each in server.statements:
        say_line(each.fingerprint or "-", each.calls, each.microseconds, each.rows, "")
        click.echo(f"  {words.shortened(each.shape, 160)}")
