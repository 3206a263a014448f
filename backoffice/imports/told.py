"""A report as the ledger keeps it for people: counts, and the first of what is long."""

from __future__ import annotations

from typing import Any

from backoffice.imports.ledger import COUNTS
from backoffice.imports.run import Report

SHOWN = 20
"""Refused cells, and samples of changes, that are kept."""

LONGEST_VALUE = 200


def told(report: Report) -> dict[str, Any]:
    """``report`` as JSON keeps it."""
    return {
        **{name: getattr(report, name) for name in COUNTS},
        "created": report.created,
        "meanwhile": report.meanwhile,
        "seconds": report.seconds,
        "read_as": report.read_as,
        "ignored": list(report.ignored),
        "rejects": [
            [reject.line, reject.column, cut(reject.value), cut(reject.reason, 400)]
            for reject in report.rejects[:SHOWN]
        ],
        "more": len(report.rejects) > SHOWN,
        "reasons": [[n, column, cut(reason, 400)] for n, column, reason in report.reasons],
        "columns": report.columns,
        "versions": report.versions,
        "samples": [
            [line, key, {name: [_said(value) for value in pair] for name, pair in values.items()}]
            for line, key, values in report.samples[:SHOWN]
        ],
    }


def _said(value: str | None) -> str | None:
    return None if value is None else cut(value)


def cut(text: str, longest: int = LONGEST_VALUE) -> str:
    """``text`` as it can be kept and shown: no longer than ``longest``, every sign whole."""
    # A wrong byte stands in the text as half a character, which no database takes.
    text = text.encode("utf-8", "replace").decode().replace("\0", "?")
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
