"""Killed within any revision and run again, `db upgrade` reaches the head without help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from backoffice.database import begins_reading, db
from backoffice.models.rollup_triggers import missing_triggers
from backoffice.monitoring.drift import catalog, declared_catalog
from backoffice.monitoring.health import check_references, current_revision, known_revisions
from backoffice.revisions.contents import checksum
from tests.conftest import SECRET
from tests.factories import Make

pytestmark = pytest.mark.slow

UP = list(reversed(known_revisions()))
KEPT = {
    "orders": ["id", "number", "status", "placed_at", "customer_id"],
    "order_lines": ["id", "order_id", "product_id", "quantity", "unit_price"],
    "products": ["id", "sku", "name", "price", "stock", "supplier_id"],
    "suppliers": ["id", "code", "name"],
}
"""Columns of the first revision, which no other takes away."""


def killed(app, *plan):
    """The lines that `killed.py` prints."""
    environ = {
        **os.environ,
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "SECRET_KEY": SECRET,
        "BACKOFFICE_INSTANCE_PATH": app.instance_path,
    }
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("killed.py"), *plan],
        env=environ,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    return done.stdout.splitlines()


def sums():
    with begins_reading(db.engine).connect() as connection:
        connection.execute(text("SELECT 1"))
        return {table: checksum(connection, table, columns) for table, columns in KEPT.items()}


class TestKilled:
    def test_in_every_revision_up_down_and_up(self, new_app, kind):
        app = new_app(kind, migrated=False)

        up = killed(app, *(word for revision in UP for word in ("up", revision)))
        with app.app_context():
            make = Make(app)
            make.products(40)
            make.orders(20)
            before = sums()
        down = killed(app, *(word for revision in reversed(UP[:-1]) for word in ("down", revision)))
        with app.app_context():
            between = sums()
        again = killed(app, *(word for revision in UP[1:] for word in ("up", revision)))

        kills = [int(line.split()[3]) for line in up + down + again]
        assert len(kills) == 3 * len(UP) - 2
        assert min(kills) >= 3
        with app.app_context(), db.engine.connect() as connection:
            assert current_revision(connection) == UP[-1]
            assert catalog(connection) == declared_catalog(connection)
            assert list(check_references(connection)) == []
            assert missing_triggers(connection) == []
            connection.rollback()
            assert before == between == sums()
