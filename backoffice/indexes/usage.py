"""How often each index was used, as far as the database knows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text

from backoffice.models import QueryPlan
from backoffice.querylog.plans import INDEX

MOST_PLANS = 5_000
"""Those seen last; a plan is some hundred bytes, so they are read within milliseconds."""


@dataclass(frozen=True)
class Usage:
    """``counted`` are uses; without counters, the recorded plans that an index stands in.

    Both are of this server alone: what a standby answers is counted there.
    """

    by_plans: bool
    counted: dict[str, int]
    last: dict[str, datetime]
    """When each was last used; PostgreSQL 16 and newer."""
    since: datetime | None
    plans: int = 0
    """How many plans are recorded; with none, nothing is known."""

    def of(self, name: str) -> int | None:
        """How often ``name`` was used, or in how many plans it stands; None if nobody counted."""
        if self.by_plans:
            return self.counted[name] if self.plans else None
        return self.counted.get(name)


def usage(connection: Connection) -> Usage:
    """What is known of the uses of all indexes."""
    if connection.dialect.name == "postgresql":
        return _from_counters(connection)
    return _from_plans(connection)


def _from_counters(connection: Connection) -> Usage:
    rows = connection.execute(
        text(
            """
            SELECT indexrelname, idx_scan,
                   (to_jsonb(counters) ->> 'last_idx_scan')::timestamptz
            FROM pg_stat_user_indexes AS counters
            WHERE relid = to_regclass(relname)
            """
        )
    ).all()
    # Counters that were never reset began with the database; who may not see when that was
    # knows at least that the server has not stopped since. After a crash all are lost, and only
    # those of the server as a whole say when.
    since = connection.scalar(
        text(
            """
            SELECT greatest(
                coalesce(
                    counters.stats_reset,
                    CASE WHEN has_function_privilege('pg_stat_file(text, boolean)', 'execute')
                        THEN (pg_stat_file('base/' || datid || '/PG_VERSION', true)).modification
                    END,
                    pg_postmaster_start_time()
                ),
                least(bgwriter.stats_reset, archiver.stats_reset)
            )
            FROM pg_stat_database AS counters, pg_stat_bgwriter AS bgwriter,
                 pg_stat_archiver AS archiver
            WHERE counters.datname = current_database()
            """
        )
    )
    return Usage(
        by_plans=False,
        counted={name: count for name, count, _ in rows},
        last={name: last for name, _, last in rows if last},
        since=since,
    )


def _from_plans(connection: Connection) -> Usage:
    rows = connection.execute(
        select(QueryPlan.plan, QueryPlan.first_seen)
        .order_by(QueryPlan.last_seen.desc())
        .limit(MOST_PLANS)
    ).all()
    counted: Counter[str] = Counter()
    for plan, _ in rows:
        counted.update(set(INDEX.findall(plan)))
    return Usage(
        by_plans=True,
        counted=counted,
        last={},
        since=min((first_seen for _, first_seen in rows), default=None),
        plans=len(rows),
    )
