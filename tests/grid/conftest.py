"""What the tests of records share."""

from __future__ import annotations

import pytest
from sqlalchemy import event, text

from backoffice.database import db
from tests import stored


@pytest.fixture
def before_writing(app):
    """Runs SQL on a connection of its own right before the session of a request writes."""
    waiting = []

    def come_between(_session, _flush, _instances):
        if waiting:
            with stored.elsewhere(app) as connection:
                connection.execute(text(waiting.pop()))

    with app.app_context():
        event.listen(db.session, "before_flush", come_between)
    yield waiting.append
    with app.app_context():
        event.remove(db.session, "before_flush", come_between)
