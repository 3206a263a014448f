"""A file that cannot be taken as a whole."""

from __future__ import annotations


class FileRefused(Exception):  # noqa: N818 - it says what happened
    """The file as a whole cannot be taken; the message names the line and says what to do."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
