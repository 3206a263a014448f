"""What the benchmark tells a peer, and how a peer says what a page cost."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import Engine, event, make_url

URL = make_url(os.environ["DATABASE_URL"])
COUNTS = "COUNT_STATEMENTS" in os.environ
"""Set in the second pass only: counting must not weigh on the times."""

HEADER = "X-Statements"


class Counter:
    """Statements since it was last read: right as long as one request runs at a time."""

    number = 0

    def watch(self, engine: Engine) -> None:
        event.listen(engine, "before_cursor_execute", self.note)

    def note(self, *_: Any) -> None:
        self.number += 1

    def read(self) -> str:
        number, self.number = self.number, 0
        return str(number)
