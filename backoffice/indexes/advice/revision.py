"""What makes an advised index part of the project: a line of a model, and a migration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Column, Index

from backoffice.config import ROOT
from backoffice.database import Base
from backoffice.indexes.advice.candidates import Candidate

WIDTH = 100


def is_declared(candidate: Candidate) -> bool:
    """Whether the models have the very index; then it is only to be built."""
    return any(
        tuple(part.name if isinstance(part, Column) else str(part) for part in index.expressions)
        == candidate.columns
        and (_condition(index) is None) == (candidate.where is None)
        for index in Base.metadata.tables[candidate.table].indexes
    )


def _condition(index: Index) -> object:
    return index.dialect_options["sqlite"]["where"]


def model_line(candidate: Candidate) -> str:
    """The line for ``__table_args__``, formatted: an index that `indexes build` makes."""
    keywords = [*_where(candidate), "info=LARGE"]
    plain = not candidate.where and candidate.names == candidate.columns
    named = "None" if plain and _fits_convention(candidate) else _quoted(candidate.name)
    return _call("Index", [named, *_columns(candidate), *keywords], 8) + ","


def model_file(table: str) -> str:
    """Where that line belongs, from the project's folder."""
    for mapper in Base.registry.mappers:
        if mapper.local_table is Base.metadata.tables[table]:
            return f"{mapper.class_.__module__.replace('.', '/')}.py"
    return "backoffice/models"


def write_revision(found: Iterable[Candidate], folder: Path = ROOT / "migrations") -> Path:
    """Write the next migration.

    Going up it makes nothing, since writers would wait: `indexes build` makes what the models
    declare. Going down it drops the indexes, which those models do not declare any more.
    """
    before = ScriptDirectory(str(folder)).get_current_head()
    versions = folder / "versions"
    number = f"{1 + max(int(file.name[:4]) for file in versions.glob('[0-9]*.py')):04}"
    file = versions / f"{number}_advised_indexes.py"
    with file.open("x", encoding="utf-8") as opened:
        opened.write(_text(list(found), number, before))
    return file


def _text(found: list[Candidate], number: str, before: str | None) -> str:
    made = "\n".join(f"    # {candidate.name}" for candidate in found)
    dropped = "\n".join(
        "    "
        + _call(
            "op.drop_index",
            [_quoted(candidate.name), _quoted(candidate.table), "if_exists=True"],
            indent=4,
        )
        for candidate in reversed(found)
    )
    return (
        '"""Indexes whose gain and cost `indexes advise` measured."""\n\n'
        f"from alembic import op\n\nrevision = {_quoted(number)}\n"
        f"down_revision = {_quoted(before) if before else None}\n"
        "branch_labels = None\ndepends_on = None\n\n\n"
        "def upgrade() -> None:\n"
        f"    # `manage.py indexes build` makes them, and no writer waits:\n{made}\n    pass\n\n\n"
        f"def downgrade() -> None:\n{dropped}\n"
    )


def _columns(candidate: Candidate) -> list[str]:
    return [
        f"text({_quoted(column)})" if column.endswith(" DESC") else _quoted(column)
        for column in candidate.columns
    ]


def _where(candidate: Candidate) -> list[str]:
    if not candidate.where:
        return []
    condition = _quoted(_for_both(candidate))
    return [f"{dialect}_where=text({condition})" for dialect in ("postgresql", "sqlite")]


def _for_both(candidate: Candidate) -> str:
    """The condition as both databases take it: a boolean alone, and not compared with 1."""
    where = candidate.where or ""
    for column in Base.metadata.tables[candidate.table].columns:
        if isinstance(column.type, Boolean):
            where = re.sub(
                rf"\b{column.name} (?:=|IS) (?:1|TRUE)\b", column.name, where, flags=re.I
            )
            negated = f"NOT {column.name}"
            where = re.sub(rf"\b{column.name} (?:=|IS) (?:0|FALSE)\b", negated, where, flags=re.I)
    return where


def _fits_convention(candidate: Candidate) -> bool:
    return candidate.name == "_".join(["ix", candidate.table, *candidate.columns])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _call(name: str, arguments: list[str], indent: int) -> str:
    """A call on one line, or, where that is too long, as the formatter breaks it."""
    line = f"{name}({', '.join(arguments)})"
    if indent + len(line) < WIDTH:
        return line
    within = " " * (indent + 4)
    joined = ", ".join(arguments)
    if len(within) + len(joined) <= WIDTH and not line.startswith("Index"):
        return f"{name}(\n{within}{joined}\n{' ' * indent})"
    listed = "".join(f"{within}{argument},\n" for argument in arguments)
    return f"{name}(\n{listed}{' ' * indent})"
