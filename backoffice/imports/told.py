"""A report as the ledger keeps it for people: counts, and the first of what is long."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from backoffice.imports.run import COUNTS, Report
from backoffice.models.columns import exact_to_text

SHOWN = 20
"""Refused cells, and samples of changes, that are kept."""

LONGEST_VALUE = 200


def told(report: Report) -> dict[str, Any]:
    """``report`` as JSON keeps it."""
    return {
        **{name: getattr(report, name) for name in COUNTS},
        "meanwhile": report.meanwhile,
        "seconds": report.seconds,
        "read_as": report.read_as,
        "ignored": list(report.ignored),
        "rejects": [
            [reject.line, reject.column, _cut(reject.value), _cut(reject.reason, 400)]
            for reject in report.rejects[:SHOWN]
        ],
        "columns": dict(getattr(report, "columns", {})),
        "samples": [
            [
                sample.line,
                str(sample.key),
                {name: list(map(said, pair)) for name, pair in sample.values.items()},
            ]
            for sample in getattr(report, "samples", ())[:SHOWN]
        ],
    }


def said(value: Any) -> Any:
    """One value as a person reads it; None stays, for an empty one."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return exact_to_text(value)
    if isinstance(value, datetime | date):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return _cut(str(value))


def _cut(text: str, longest: int = LONGEST_VALUE) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
