"""squawk, a linter of PostgreSQL's statements: what it sees beside our own rules."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which

EXCLUDED = (
    "ban-drop-not-null",  # the old code's forms still send a value
    "prefer-bigint-over-int",  # taste: counts of pieces and versions never get there
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-robust-stmts",  # a revision is one transaction: nothing is left to run over again
    "prefer-text-field",  # a length is a rule of ours
    "prefer-timestamp-tz",
    "require-lock-timeout",  # env.py sets both
    "require-statement-timeout",
    "require-timeout-settings",
)


@dataclass(frozen=True)
class Squawk:
    """A finding about the statement with the number ``index``."""

    index: int
    rule: str
    why: str
    safe: str


def program() -> str | None:
    """Where squawk is: beside Python, where the wheel squawk-cli puts it, or on the path."""
    beside = Path(sys.executable).parent / "squawk"
    return str(beside) if beside.exists() else which("squawk")


def squawk(statements: Sequence[str]) -> list[Squawk]:
    """What squawk says of one revision's statements, nothing where it is not installed.

    :raises RuntimeError: it does not run, or says what is no list of findings.
    """
    path = program()
    if path is None or not statements:
        return []
    script, first_lines = "", []
    for statement in statements:
        first_lines.append(script.count("\n"))
        script += statement.rstrip(";") + ";\n"
    run = subprocess.run(
        [path, "--reporter=json", "--assume-in-transaction", f"--exclude={','.join(EXCLUDED)}"],
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    try:
        found = json.loads(run.stdout or "[]")
    except ValueError as error:
        raise RuntimeError(f"squawk failed: {run.stderr.strip() or run.stdout[:200]}") from error
    return [
        Squawk(
            sum(line <= finding["line"] for line in first_lines) - 1,
            finding["rule_name"],
            finding["message"],
            finding.get("help") or "see https://squawkhq.com/docs/" + finding["rule_name"],
        )
        for finding in found
    ]
