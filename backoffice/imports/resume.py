"""Go on with a run that was interrupted, from what the ledger knows of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backoffice.database import begins_reading, db
from backoffice.imports import ledger, uploads
from backoffice.imports.kinds import KINDS
from backoffice.imports.ledger import RunRefusedError
from backoffice.imports.mapping import FieldMap
from backoffice.imports.read import open_source, reading_again
from backoffice.imports.run import Choices, Report, run_import
from backoffice.imports.undo import undo
from backoffice.imports.undone import Undone


def resume(run: int, choices: Choices | None = None) -> Report | Undone:
    """Finish ``run``, or the taking back of it, whichever was interrupted.

    :param choices: Who is told of its progress; how it is imported, the ledger knows.
    :raises RunRefusedError: nothing of it is left to do, or its file is not what it was.
    """
    with begins_reading(db.engine).connect() as connection:
        noted = ledger.get(connection, run)
    if noted.state in {ledger.CANCELLING, ledger.UNDO_QUEUED, ledger.UNDOING}:
        # It cannot be cancelled, but the process may have to end before its turn comes.
        choices = choices or Choices()
        return undo(run, choices.waiting, choices.cancelled)
    if noted.state != ledger.RUNNING:
        raise RunRefusedError(ledger.nothing_left(noted))
    path = Path(noted.path or "")
    if not path.is_file():
        raise RunRefusedError(
            f"run {run}: {path} is gone; import the same file again from where it is now, "
            f"or take back what was written: `imports undo {run}`"
        )
    chosen = noted.choices
    opened = uploads.opened if path == uploads.path_of(run) else open_source
    source = opened(path, name=noted.file, reading=reading_again(chosen["reading"]))
    mapping = FieldMap(**chosen["mapping"])
    if ledger.digest(path) != noted.digest:
        raise RunRefusedError(
            f"run {run}: {path} was changed since; put the file back that was imported, "
            f"or take back what was written: `imports undo {run}`"
        )
    same = replace(
        choices or Choices(),
        run=run,
        create_missing=chosen["create_missing"],
        skip_refused=chosen["skip_refused"],
        clears=chosen["clears"],
    )
    return run_import(KINDS[noted.kind], source, mapping, same)
