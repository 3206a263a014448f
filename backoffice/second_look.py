"""Looking from a second connection at what a first one, which is busy or waits, cannot see."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError


class SecondLook:
    """Calls ``look`` every so many ``seconds`` while its block runs, or until ``stop``.

    In autocommit: a snapshot that it kept would be one more that others wait for. Where the
    database does not let it look, it sees no more: what runs in the block does not depend on it.
    """

    def __init__(self, engine: Engine, seconds: float, look: Callable[[Connection], None]) -> None:
        self._engine, self._seconds, self._look = engine, seconds, look
        self._over = Event()
        self._thread = Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Look no more; may be called again."""
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        if self._over.wait(self._seconds):
            return  # over before there was anything to see
        try:
            with self._engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                while True:
                    self._look(connection)
                    if self._over.wait(self._seconds):
                        return
        except SQLAlchemyError:
            return
