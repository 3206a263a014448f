"""States and complaints in the words of the pages."""

from __future__ import annotations

import re

from backoffice.imports import ledger
from backoffice.imports.kinds import KINDS

STATES = {
    ledger.UPLOADED: ("Not started", ""),
    ledger.CHECKING: ("Checking", "info"),
    ledger.CHECKED: ("Checked", "info"),
    ledger.QUEUED: ("Waiting", "info"),
    ledger.RUNNING: ("Importing", "info"),
    ledger.DONE: ("Imported", "good"),
    ledger.REFUSED: ("Refused", "bad"),
    ledger.CANCELLING: ("Cancelling", "warn"),
    ledger.CANCELLED: ("Cancelled", ""),
    ledger.UNDO_QUEUED: ("Undoing", "warn"),
    ledger.UNDOING: ("Undoing", "warn"),
    ledger.UNDONE: ("Undone", ""),
}
"""State -> what it is called, and the colour of its badge."""

_SAID = (
    (r", or add --create-missing", ", or choose to add what is not there yet"),
    (r", or name the column that holds it, as in --map \"[^\"]*\"", ", or choose its column"),
    (r"add --skip-lines", "say how many lines stand above it"),
    (r"the (\d+) lines of --skip-lines", r"the \1 lines above the header"),
    (r", as in --encoding (\S+)", r", such as \1"),
    (r", as in --sheet Prices", ""),
    (r"; or add --decimal , where", "; or say under “How the file is written” that"),
)
"""What a command's options are on a page."""


COUNTS = {
    "rows": "rows",
    "inserted": "new",
    "updated": "changed",
    "unchanged": "as they are",
    "rejected": "refused",
}
"""Count of a run -> what its rows are called."""

NOUNS = {kind.table.name: kind.noun for kind in KINDS.values()}
"""Table -> what one of its rows is called."""


def counted(number: int, table: str) -> str:
    """``number`` of what ``table`` holds, as in ``1 supplier``."""
    noun = NOUNS[table] if number == 1 else table.replace("_", " ")
    return f"{number:,} {noun}"


def for_people(complaint: str) -> str:
    """``complaint`` without the options of the command."""
    for option, words in _SAID:
        complaint = re.sub(option, words, complaint)
    return complaint
