"""The connection of long work."""

import pytest

from backoffice.imports.work import looking, own_connection


class TestOwnConnection:
    @pytest.mark.parametrize("app", ["postgresql"], indirect=True)
    def test_is_kept_alive(self, app):
        with app.app_context(), own_connection() as connection, looking(connection):
            set_by_us = connection.exec_driver_sql(
                "SELECT name FROM pg_settings WHERE source = 'session' ORDER BY name"
            )
            names = set_by_us.scalars().all()

        assert [name for name in names if "keepalives" in name] == [
            "tcp_keepalives_count",
            "tcp_keepalives_idle",
            "tcp_keepalives_interval",
        ]
