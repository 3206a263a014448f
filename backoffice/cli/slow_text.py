"""What `manage.py slow` prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from backoffice.monitoring import reading, words
from backoffice.monitoring.server import Server


def say_server(server: Server) -> None:
    statements = [vars(each) for each in server.statements]
    click.echo(json.dumps({"since": server.since, "statements": statements}, default=plain))


def say_head() -> None:
    """The line above those of ``say_line``."""
    said = f"{'fingerprint':<16}  {'time':>10}  {'calls':>15}  "
    click.echo(f"{said}{'a call':>12}  {'rows a call':>12}  plan")


def say_line(fingerprint: str, calls: int, microseconds: int, rows: int, plan: str) -> None:
    mean = words.milliseconds(microseconds / calls if calls else 0)
    said = (
        f"{fingerprint:<16}  {words.seconds(microseconds):>8} s  {_counted(calls, 'call'):>15}  "
        f"{mean:>9} ms  {_counted(words.per(rows, calls), 'row'):>12}  {plan}"
    )
    click.echo(said.rstrip())


def _counted(number: int | str, noun: str) -> str:
    """``1 call``, ``2,000 calls``."""
    said = f"{number:,}" if isinstance(number, int) else number
    return f"{said} {noun}" if said == "1" else f"{said} {noun}s"


def say_missing(names: Sequence[str], indent: str = "") -> None:
    """What to do about indexes that plans used and that somebody dropped."""
    for name in names:
        click.echo(f"{indent}{name} is declared and missing: run `manage.py indexes build {name}`")


def say_advice(fingerprint: str) -> None:
    click.echo(f"which index may help: manage.py indexes advise --shape {fingerprint}")


def more(places: int) -> str:
    return f" and {places} more" if places > 0 else ""


def told_of(shape: reading.Shape) -> dict[str, Any]:
    row = shape.row
    return {
        "fingerprint": row.fingerprint,
        "shape": row.shape,
        "calls": row.calls,
        "microseconds": row.microseconds,
        "slowest": row.slowest,
        "rows": row.rows,
        "route": row.route,
        "line": row.line,
        "places": row.places,
        "plan": shape.plan,
        "worse": bool(row.worse),
        "change": shape.change,
        "missing_indexes": list(shape.missing),
    }


def plan_of(plan: reading.Planned, *, values: bool) -> dict[str, Any]:
    row = plan.row
    return {
        "plan": row.plan if values else words.without_values(row.plan),
        "in_a_word": plan.word,
        "worse": row.worse,
        "change": plan.change,
        "release": row.release,
        "first_seen": row.first_seen,
        "last_seen": row.last_seen,
    }


def say(told: dict[str, Any]) -> None:
    click.echo(words.laid_out(told["shape"]))
    if "parameters" in told:
        click.echo(f"values: {json.dumps(told['parameters'])}")
    click.echo(f"seen first {_moment(told['first_seen'])}, last {_moment(told['last_seen'])}")
    _say_places(told["places"])
    for plan in told["plans"]:
        worse = " (worse)" if plan["worse"] else ""
        seen = f"{_moment(plan['first_seen'])} to {_moment(plan['last_seen'])}"
        click.echo(f"plan{worse}: {plan['in_a_word']}, {seen}, release {plan['release']}")
        if plan["change"]:
            click.echo(f"  it {plan['change']}")
        click.echo("\n".join(f"    {line}" for line in plan["plan"].splitlines()))
    say_missing(told["missing_indexes"])
    newest = told["plans"][0] if told["plans"] else None
    is_poor = newest and (newest["worse"] or words.is_poor(newest["in_a_word"]))
    if is_poor and not told["missing_indexes"]:
        say_advice(told["fingerprint"])
    for call in told["slow"]:
        values = call.get("parameters")
        said = words.kinds_in_words(call["kinds"]) if values is None else json.dumps(values)
        took = words.milliseconds(call["microseconds"])
        click.echo(
            f"slow: {_moment(call['at'])}  {took} ms  {_counted(call['rows'], 'row')}  ({said})"
        )


def _say_places(places: Sequence[dict[str, Any]]) -> None:
    for row in places:
        mean = words.milliseconds(row["microseconds"] / row["calls"] if row["calls"] else 0)
        click.echo(
            f"asked from {row['route']} {row['line']}: {_counted(row['calls'], 'call')}, {mean} ms"
        )


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M}"


def plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
