"""Going on in the background where so much changed that no page can wait for all of it."""

from __future__ import annotations

import logging
from threading import Lock, Thread

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from backoffice.rollups.fold import fold
from backoffice.rollups.steps import SomebodyElseError

log = logging.getLogger(__name__)
_at_work = Lock()


def catch_up(app: Flask) -> None:
    """Fold in a thread until nothing is left; one a process, and of several processes one works.

    It ends with the process: whoever reads the rollups next begins it again.
    """
    if _at_work.acquire(blocking=False):
        Thread(target=_work, args=(app,), name="rollups", daemon=True).start()


def _work(app: Flask) -> None:
    try:
        with app.app_context():
            fold()
    except SomebodyElseError:
        pass  # who does it
    except SQLAlchemyError as error:
        log.warning("the rollups are not up to date: %s", error)
    finally:
        _at_work.release()
