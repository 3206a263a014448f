"""`manage.py import` that kills itself, as a machine does, when it has done so many transactions.

python -m tests.imports.killed TRANSACTIONS ROWS_IN_A_CHUNK KIND FILE
"""

import os
import signal
import sys

from sqlalchemy import event

from backoffice import cli
from backoffice.database import db
from backoffice.imports import work


def main() -> None:
    left, rows = int(sys.argv.pop(1)), int(sys.argv.pop(1))
    work.FEWEST_ROWS = work.MOST_ROWS = rows
    work.LONGEST_TURN = 0
    began = 0

    def count(connection, _cursor, statement, *_):
        """A run is killed inside the transaction, with its statements done and no commit."""
        nonlocal began
        began += statement.startswith("UPDATE imports")
        if began > left:
            os.kill(os.getpid(), signal.SIGKILL)

    create_app = cli.__dict__.get("create_app")
    assert create_app is None
    import backoffice  # noqa: PLC0415

    made = backoffice.create_app

    def and_listen():
        app = made()
        with app.app_context():
            event.listen(db.engine, "after_cursor_execute", count)
        return app

    backoffice.create_app = and_listen
    cli.main()


main()
