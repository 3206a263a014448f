"""`manage.py imports list`: what came of each run; and what a run asks of its connection."""

from sqlalchemy import text

from backoffice.imports import ledger
from backoffice.imports.work import looking, own_connection


class TestList:
    def test_counts_what_stays_of_each_run(self, commands, make, environ):
        counts = {"total": 5, "inserted": 3, "rejected": 2}
        taken_back = {"undo": {"reversed": 2, "kept": 1, "impossible": 0, "named": []}}
        make.imports(state=ledger.UPLOADED)
        make.imports(state=ledger.CANCELLED)
        make.imports(state=ledger.CANCELLED, report=taken_back, **counts)
        make.imports(state=ledger.UNDONE, report=taken_back, **counts)
        make.imports(state=ledger.REFUSED, total=2, rejected=2)
        make.imports(state=ledger.DONE, **counts)

        ran = commands.run("imports", "list", environ=environ)

        reversed_ = "2 rows reversed, 1 kept because edited since, 0 not possible"
        assert [line.split(".csv")[1].strip() for line in ran.stdout.splitlines()] == [
            "done: 3 inserted, 0 updated, 0 unchanged, 2 rejected",
            "refused: 0 inserted, 0 updated, 0 unchanged, 2 rejected",
            f"undone: {reversed_}",
            f"cancelled: {reversed_}",
            "cancelled",
            "uploaded",
        ]


class TestConnection:
    def test_is_given_up_by_the_server_soon_after_its_client_vanished(self, apps):
        asked = "SELECT source FROM pg_settings WHERE name LIKE 'tcp_keepalives%'"

        # A socket of the same machine shows 0 for what is set, but says that it is.
        with (
            apps("postgresql").app_context(),
            own_connection() as connection,
            looking(connection),
        ):
            sources = connection.scalars(text(asked)).all()

        assert sources == ["session"] * 3
