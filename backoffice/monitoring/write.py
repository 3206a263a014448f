"""The query log's transaction: what requests asked meanwhile goes to its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from flask import current_app
from sqlalchemy import Connection, Insert, case, func, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from backoffice.models import PageHour, QueryHour, QueryPlan, QueryShape, SlowQuery
from backoffice.monitoring.bounds import prune_plans
from backoffice.monitoring.explained import LONGEST_PLAN, Judged
from backoffice.monitoring.pending import Pending, Sample, Slow, stored_kinds, stored_values
from backoffice.querylog.plans import without_values
from backoffice.querylog.shape import shape_of

# Writers of several processes take turns: they would wait for each other's rows, in any order.
TURN = 7_206_001


def write(
    connection: Connection, pending: Pending, plans: Mapping[str, Judged], now: datetime
) -> list[str]:
    """Write ``pending``, and ``plans`` by fingerprint where they differ from the last ones.

    Returns the fingerprints of which no plan is kept.
    """
    if connection.dialect.name == "postgresql":
        # To lose the last seconds of the log in a power cut does not matter; waiting does.
        connection.execute(
            text(
                "SELECT set_config('lock_timeout', '500ms', true), "
                "set_config('synchronous_commit', 'off', true)"
            )
        )
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
    ids = _write_shapes(connection, pending.shapes, now)
    _write_sums(connection, pending, ids)
    current = _write_plans(connection, plans, ids, now)
    _write_slow(connection, pending.slow, ids, current)
    return [shape for shape, key in ids.items() if key not in current]


def release() -> str:
    """What runs: what the setting says, else the package's version."""
    return str(current_app.config["RELEASE"] or _package_version())


@cache
def _package_version() -> str:
    return version("backoffice")


def _write_shapes(
    connection: Connection, shapes: Mapping[str, Sample], now: datetime
) -> dict[str, int]:
    """Fingerprint -> id. The sample that is kept is the slowest of its day."""
    if not shapes:
        return {}
    rows = [
        {
            "fingerprint": shape,
            "shape": shape_of(sample.statement),
            "statement": sample.statement,
            "parameters": stored_values(sample),
            "microseconds": sample.microseconds,
            "first_seen": now,
            "last_seen": now,
        }
        for shape, sample in sorted(shapes.items())
    ]
    return dict(connection.execute(_upsert_shapes(connection.dialect.name), rows).all())


@cache
def _upsert_shapes(dialect: str) -> Any:
    """Made once: to put the expressions together takes longer than to run them."""
    upserted = _upsert(dialect, QueryShape)
    new = upserted.excluded
    is_slower = or_(
        new.microseconds >= QueryShape.microseconds,
        func.date(new.last_seen) != func.date(QueryShape.last_seen),
    )
    kept = {
        name: case((is_slower, new[name]), else_=getattr(QueryShape, name))
        for name in ("statement", "parameters", "microseconds")
    }
    return upserted.on_conflict_do_update(
        index_elements=["fingerprint"], set_={**kept, "last_seen": new.last_seen}
    ).returning(QueryShape.fingerprint, QueryShape.id)


def _write_sums(connection: Connection, pending: Pending, ids: Mapping[str, int]) -> None:
    hours = [
        {"shape_id": ids[shape], "route": route, "line": line, "hour": hour, **asdict(found)}
        for (shape, route, line, hour), found in pending.sums.items()
    ]
    if hours:
        connection.execute(_add_up(connection.dialect.name, QueryHour), hours)
    pages = [
        {"route": route, "hour": hour, **asdict(found)}
        for (route, hour), found in pending.pages.items()
    ]
    if pages:
        connection.execute(_add_up(connection.dialect.name, PageHour), pages)


@cache
def _add_up(dialect: str, model: Any) -> Insert:
    """An upsert that adds each column up, but of the largest keeps the larger."""
    upserted = _upsert(dialect, model)
    larger = func.max if dialect == "sqlite" else func.greatest
    table = model.__table__
    changed = {
        column.name: (
            larger(column, upserted.excluded[column.name])
            if column.name in {"slowest", "most_statements"}
            else column + upserted.excluded[column.name]
        )
        for column in table.columns
        if not column.primary_key
    }
    keys = [column.name for column in table.primary_key]
    return upserted.on_conflict_do_update(index_elements=keys, set_=changed)  # type: ignore[no-any-return]


def _upsert(dialect: str, model: Any) -> Any:
    dialects = sqlite if dialect == "sqlite" else postgresql
    return dialects.insert(model.__table__)


def _write_plans(
    connection: Connection, plans: Mapping[str, Judged], ids: Mapping[str, int], now: datetime
) -> dict[int, int]:
    """Shape -> its current plan, of all ``ids``."""
    last = select(func.max(QueryPlan.id)).where(QueryPlan.shape_id.in_(ids.values()))
    found = connection.execute(
        select(QueryPlan.shape_id, QueryPlan.id, QueryPlan.fingerprint).where(
            QueryPlan.id.in_(last.group_by(QueryPlan.shape_id))
        )
    )
    before = {row.shape_id: row for row in found}
    current = {shape: row.id for shape, row in before.items()}
    judged = {ids[shape]: plans[shape] for shape in sorted(ids) if shape in plans}
    again = {
        shape: before[shape].id
        for shape, each in judged.items()
        if shape in before and before[shape].fingerprint == each.plan.fingerprint
    }
    if again:
        seen = update(QueryPlan).where(QueryPlan.id.in_(again.values()))
        connection.execute(seen.values(last_seen=now))
    new = [_plan_row(shape, each, now) for shape, each in judged.items() if shape not in again]
    if new:
        made = insert(QueryPlan).returning(QueryPlan.shape_id, QueryPlan.id)
        current |= dict(connection.execute(made, new).all())
        prune_plans(connection, (row["shape_id"] for row in new))
    return current


def _plan_row(shape_id: int, judged: Judged, now: datetime) -> dict[str, Any]:
    plan = judged.plan
    return {
        "shape_id": shape_id,
        "fingerprint": plan.fingerprint,
        # PostgreSQL quotes values in its plans, where they would be seen unasked.
        "plan": without_values(plan.text)[:LONGEST_PLAN],
        "scans": list(plan.scans),
        "sorts": plan.sorts,
        "worse": judged.worse,
        "release": release(),
        "first_seen": now,
        "last_seen": now,
    }


def _write_slow(
    connection: Connection,
    slow: Iterable[Slow],
    ids: Mapping[str, int],
    current: Mapping[int, int],
) -> None:
    rows = [
        {
            "shape_id": ids[call.fingerprint],
            "plan_id": current.get(ids[call.fingerprint]),
            "at": call.at,
            "route": call.route,
            "line": call.line,
            "microseconds": call.sample.microseconds,
            "rows": call.rows,
            "kinds": stored_kinds(call.sample),
            "parameters": stored_values(call.sample),
            "failed": call.failed,
            "release": release(),
        }
        for call in slow
    ]
    if rows:
        connection.execute(insert(SlowQuery), rows)
