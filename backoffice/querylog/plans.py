"""How a database means to run a statement, read into what both databases can say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from typing import Any

from sqlalchemy import Connection

from backoffice.querylog.parameters import Values
from backoffice.querylog.shape import STRING

NAMED = re.compile(r'(?:FROM|JOIN|UPDATE|INTO|,)\s+"?(\w+)"?\s+(?:AS\s+)?"?(\w+)"?', re.IGNORECASE)
STEP = re.compile(r"(SCAN|SEARCH) (?:TABLE )?(\w+)(?: AS \w+)?(?: USING (.*))?")
INDEX = re.compile(r"(?:AUTOMATIC )?(?:PARTIAL )?(?:COVERING )?INDEX (\w+)")
WHOLE = re.compile(
    r"^ *(?:SCAN (?:TABLE )?(\w+)(?! USING| VIRTUAL)(?: AS \w+)?$"
    r"|Seq Scan on (\w+)(?!\w|, up to a limit))",
    re.MULTILINE,
)
LIMITED = re.compile(r'\bLIMIT\b[^()]*\)\s+(?:AS\s+)?"?(\w+)"?', re.IGNORECASE)
SORTED = re.compile(r"^ *(?:Sort|Incremental Sort|USE TEMP B-TREE FOR .*ORDER BY)", re.MULTILINE)
ESTIMATES = r"  \(cost [^()]*\)$"
# A text comes first: it may have line breaks, and words that look like estimates.
VALUE = re.compile(
    rf"{STRING.pattern}(?:::[\w ]+)?|(?P<kept>{ESTIMATES})"
    r"|(?<![\w.])(?<!SUBQUERY )-?\d+(?:\.\d+)?\b",
    re.MULTILINE,
)
PASSES_ON = {"Subquery Scan", "Result", "Gather"}
"""Steps that ask the one below for no more rows than they are asked for."""

FEW = 1_000
"""Rows that are sorted beside a LIMIT: no more than a page and what is joined to it."""


@dataclass(frozen=True)
class Plan:
    """One plan.

    ``text`` has a line a step, indented as deep as the step lies. ``scans`` are the tables that
    are read whole and not by an index, no LIMIT ending it; ``indexes`` those that are read, in any
    way; ``sorts`` says that rows are sorted rather than read in order: others than the few that
    a LIMIT has left. ``cost`` is PostgreSQL's estimate.
    """

    text: str
    scans: tuple[str, ...]
    indexes: tuple[str, ...]
    sorts: bool
    cost: float | None = None

    @property
    def fingerprint(self) -> str:
        """The same for two plans that differ in estimates and values alone."""
        way = re.sub(ESTIMATES, "", without_values(self.text), flags=re.MULTILINE)
        return blake2b(way.encode(), digest_size=8).hexdigest()

    @property
    def whole(self) -> Counter[str]:
        """How often each table, or name that the statement gives it, is read whole."""
        return Counter(
            first or second for first, second in WHOLE.findall(without_values(self.text))
        )

    @property
    def sorted(self) -> int:
        """How often rows are sorted."""
        return len(SORTED.findall(without_values(self.text)))

    def worse_than(self, before: Plan) -> bool:
        """It reads a table whole that ``before`` did not, or sorts where ``before`` did not.

        Also one of several places of a statement: a list always sorts the few rows that it shows.
        """
        return bool(self.whole - before.whole) or self.sorted > before.sorted


def without_values(plan: str) -> str:
    """``plan`` with ``?`` for each value: PostgreSQL's names those it was made for."""
    return VALUE.sub(lambda found: found["kept"] or "?", plan)


_asked = count()


def explain(connection: Connection, statement: str, parameters: Values) -> Plan:
    """The plan of ``statement`` as its driver got it; it is not run.

    :raises DBAPIError: the database does not take the statement, as after a migration.
    """
    if connection.dialect.name == "sqlite":
        # Only what really reads notices that somebody has changed the indexes; and the driver
        # keeps what it has prepared, an old plan too.
        connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").all()
        asked = f"EXPLAIN QUERY PLAN /* {next(_asked)} */ {statement}"
        rows = connection.exec_driver_sql(asked, parameters).all()
        return _from_sqlite(statement, rows)
    ((found,),) = connection.exec_driver_sql(
        f"EXPLAIN (FORMAT JSON) {statement}", parameters or None
    ).all()
    return _from_postgresql(found[0]["Plan"])


def named_in(statement: str) -> dict[str, str]:
    """Alias -> table; of a table without one, whatever word comes after it."""
    return {alias: table for table, alias in NAMED.findall(statement)}


def _from_sqlite(statement: str, rows: Any) -> Plan:
    depths = {0: -1}
    tables = named_in(statement)
    limited = set(LIMITED.findall(statement))
    # It does not say what a condition leaves; a search for what is rare reads all.
    ends_early = limited if not re.search(r"\bWHERE\b", statement, re.IGNORECASE) else set()
    made: dict[int, str] = {}
    first: dict[int, str] = {}
    lines: list[str] = []
    scans: list[str] = []
    indexes: list[str] = []
    sorts = False
    for step, parent, _, says in rows:
        depths[step] = depths.get(parent, -1) + 1
        lines.append("  " * depths[step] + says)
        if says.startswith(("CO-ROUTINE ", "MATERIALIZE ")):
            made[step] = says.split()[1]
        if says.startswith("USE TEMP B-TREE") and "ORDER BY" in says:
            sorts |= first.get(parent) not in limited
        found = STEP.match(says)
        if not found:
            continue
        kind, name, using = found.groups()
        first.setdefault(parent, str(name))
        if index := INDEX.match(using or ""):
            indexes.append(str(index[1]))
        elif (
            kind == "SCAN"
            and not using
            and "VIRTUAL TABLE" not in says
            and made.get(parent) not in ends_early
        ):
            scans.append(tables.get(str(name), str(name)))
    return Plan("\n".join(lines), _once(scans), _once(indexes), sorts)


def _from_postgresql(root: dict[str, Any]) -> Plan:
    lines, scans, indexes, sorts = [], [], [], False
    for depth, node, limit in _nodes(root, 0, None):
        kind = node["Node Type"]
        is_scan = kind == "Seq Scan"
        lines.append(
            "  " * depth + _line(node, ends=is_scan and bool(limit) and "Filter" not in node)
        )
        if kind in {"Sort", "Incremental Sort"}:
            sorts |= node["Plan Rows"] > FEW or not _has_limit(node)
        if is_scan and not (limit and _ends_early(node, limit)):
            scans.append(node["Relation Name"])
        if "Index Name" in node:
            indexes.append(node["Index Name"])
    return Plan("\n".join(lines), _once(scans), _once(indexes), sorts, root["Total Cost"])


def _nodes(
    node: dict[str, Any], depth: int, limit: dict[str, Any] | None
) -> Iterator[tuple[int, dict[str, Any], dict[str, Any] | None]]:
    """Each step with its depth and the Limit above it that ends it."""
    yield depth, node, limit
    kind = node["Node Type"]
    below = node if kind == "Limit" else limit if kind in PASSES_ON else None
    for each in node.get("Plans", ()):
        yield from _nodes(each, depth + 1, below)


def _ends_early(scan: dict[str, Any], limit: dict[str, Any]) -> bool:
    """Whether ``limit`` is expected to be full before half of the table is read."""
    return "Filter" not in scan or limit["Total Cost"] * 2 < scan["Total Cost"]


def _has_limit(node: dict[str, Any]) -> bool:
    return any(
        below["Node Type"] == "Limit" or _has_limit(below) for below in node.get("Plans", ())
    )


def _line(node: dict[str, Any], *, ends: bool = False) -> str:
    """``Index Scan using ix_x on orders, index cond (id = 1)  (cost 8.4, rows 1)``."""
    says: str = node["Node Type"]
    if "Index Name" in node:
        says += f" using {node['Index Name']}"
    if "Relation Name" in node:
        says += f" on {node['Relation Name']}"
    if ends:
        says += ", up to a limit"
    for detail in ("Index Cond", "Recheck Cond", "Hash Cond", "Filter", "Sort Key"):
        if detail in node:
            value = node[detail]
            says += f", {detail.lower()} {', '.join(value) if isinstance(value, list) else value}"
    return f"{says}  (cost {node['Total Cost']}, rows {node['Plan Rows']})"


def _once(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
