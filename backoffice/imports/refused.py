"""A file that cannot be taken as a whole."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from backoffice.database import complaint


class FileRefused(Exception):  # noqa: N818 - it says what happened
    """The file as a whole cannot be taken; the message names the line and says what to do."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")


def changed_meanwhile(error: IntegrityError) -> FileRefused:
    """The refusal of a file whose rows were checked, and broke a rule nevertheless."""
    says = f"the data changed during the import: import again ({complaint(error)})"
    return FileRefused(1, says)
