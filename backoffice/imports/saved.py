"""Mappings kept under a name, usually a supplier's, and offered again to files with that header."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from backoffice import history
from backoffice.imports.mapping import fold
from backoffice.imports.rejects import ADDED
from backoffice.models import ImportMapping

LONGEST_NAME: int = ImportMapping.name.type.length


def fingerprint(header: Iterable[str]) -> str:
    """The same for all headers of these names, whatever their order, case and edges.

    What a file of refused rows has behind them makes no difference: mended, it is mapped as before.
    """
    folded = [fold(name) for name in header]
    while tuple(folded[-len(ADDED) :]) == ADDED:
        del folded[-len(ADDED) :]
    names = sorted({*folded} - {""})
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def of_kind(kind: str) -> Select[ImportMapping]:
    """All for files of ``kind``, by name."""
    return select(ImportMapping).where(ImportMapping.kind == kind).order_by(ImportMapping.name)


def every() -> Select[ImportMapping]:
    """All, by kind and name."""
    return select(ImportMapping).order_by(ImportMapping.kind, ImportMapping.name)


def keep(
    session: Session, kind: str, name: str, header: Iterable[str], choices: dict[str, Any]
) -> str:
    """Keep ``choices`` under ``name``; returns ``saved``, ``replaced`` or ``used``."""
    same = ImportMapping.kind == kind, ImportMapping.name == name
    mapping = session.scalar(select(ImportMapping).where(*same))
    same_as_before = mapping and mapping.choices == choices
    done = "used" if same_as_before else "replaced" if mapping else "saved"
    mapping = mapping or ImportMapping(kind=kind, name=name)
    mapping.fingerprint, mapping.choices = fingerprint(header), choices
    mapping.actor, mapping.updated_at = history.author().actor, datetime.now(UTC)
    session.add(mapping)
    return done
