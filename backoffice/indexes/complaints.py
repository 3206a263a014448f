"""What is wrong with the indexes, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from backoffice.indexes.plan import State
from backoffice.indexes.report import IndexReport
from backoffice.models.searched import fts_table, wrong_search


@dataclass(frozen=True)
class Complaint:
    """One difference; a warning is none, but a price that may buy nothing."""

    name: str
    problem: str
    remedy: str
    is_warning: bool = False


def complaints(connection: Connection, reports: Iterable[IndexReport]) -> Iterator[Complaint]:
    """The complaints about ``reports`` and about SQLite's search, differences before warnings."""
    drop = "DROP INDEX CONCURRENTLY" if connection.dialect.name == "postgresql" else "DROP INDEX"
    listed = list(reports)
    for table, problem in wrong_search(connection).items():
        name = fts_table(table)
        yield Complaint(name, problem, f"run `manage.py indexes build {name}`")
    for index in listed:
        yield from _differences(index, f"{drop} {index.name}")
    for index in listed:
        yield from _warnings(index, f"{drop} {index.name}")


def _differences(index: IndexReport, drop: str) -> Iterator[Complaint]:
    build = f"run `manage.py indexes build {index.name}`"
    if index.state is State.MISSING:
        yield Complaint(index.name, "missing", build)
    elif index.state is State.INVALID:
        yield Complaint(index.name, "invalid, left by an interrupted build", build)
    elif index.state is State.BUILDING:
        yield Complaint(index.name, "being built", "check again when that is done")
    elif index.state is State.DIFFERENT:
        yield Complaint(index.name, _difference(index), f"{drop}; then {build}")
    elif index.state is State.UNDECLARED and not index.valid:
        yield Complaint(index.name, "invalid and not declared", drop)
    elif index.state is State.UNDECLARED and not index.duplicate_of:
        yield Complaint(index.name, "not declared", f"declare it in the model, or {drop}")
    if index.duplicate_of:
        declared = "" if index.state is State.UNDECLARED else ", and take it out of the model"
        yield Complaint(index.name, f"the same as {index.duplicate_of}", drop + declared)


def _difference(index: IndexReport) -> str:
    there, declared = ", ".join(index.there), ", ".join(index.columns)
    if there == declared:
        return f"over {declared} as declared, but for other rows, in another order or not as unique"
    return f"over {there}, declared over {declared}"


def _warnings(index: IndexReport, drop: str) -> Iterator[Complaint]:
    if index.duplicate_of:
        return
    if index.covered_by:
        yield Complaint(
            index.name,
            f"covered by {index.covered_by}, which begins with the same",
            f"unless it is there for being smaller: {drop}",
            is_warning=True,
        )
    if index.never_used:
        days = f"{index.counted_for.days} days"
        yield Complaint(
            index.name,
            f"in none of {index.plans:,} recorded plans of {days}"
            if index.uses_are_plans
            else f"not used in {days}",
            f"unless something rare or another server needs it: {drop}",
            is_warning=True,
        )
