"""A revision on SQLite that would leave rows without what they refer to is taken back."""

import flask_migrate
import pytest
from sqlalchemy import event, func, select, text

from backoffice.database import begins_reading, db
from backoffice.models import Product, Supplier
from backoffice.monitoring.health import current_revision, head_revision
from tests.factories import Make

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])

BREAK = {
    "rows deleted": 'op.execute("DELETE FROM suppliers")',
    "a key changed": 'op.execute("UPDATE suppliers SET id = id + 1000")',
    "a reference changed": 'op.execute("UPDATE products SET supplier_id = 99999")',
    "a row replaced": (
        'op.execute("REPLACE INTO suppliers (id, code, name) '
        'SELECT 5000, code, name FROM suppliers")'
    ),
    "a reference added": (
        'op.execute("ALTER TABLE products ADD COLUMN other INTEGER DEFAULT 77 '
        'REFERENCES suppliers (id)")'
    ),
    "rows lost by a rebuilt table": (
        'op.execute("DELETE FROM suppliers")\n'
        'with op.batch_alter_table("suppliers", recreate="always") as batch:\n'
        '    batch.alter_column("name", type_=sa.String(300))'
    ),
}


@pytest.fixture
def checks(shop):
    """The tables whose references were looked at."""
    seen = []

    def look(_connection, _cursor, statement, *_):
        if statement.startswith("PRAGMA foreign_key_check"):
            seen.append(statement.split('"')[1])

    event.listen(db.engine, "before_cursor_execute", look)
    yield seen
    event.remove(db.engine, "before_cursor_execute", look)


class TestUpgrade:
    @pytest.mark.parametrize("how", BREAK)
    def test_that_breaks_references_is_taken_back(self, shop, written, caplog, how):
        Make(shop).products(2)
        written.add(BREAK[how])

        with pytest.raises(SystemExit):
            flask_migrate.upgrade()

        assert "2 rows would be left without the row that they refer to (products " in caplog.text
        with begins_reading(db.engine).connect() as connection:
            assert current_revision(connection) == head_revision()
            assert connection.scalar(select(func.count()).select_from(Supplier)) == 1
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1

    def test_that_rebuilds_a_parent_keeps_its_children(self, shop, written, checks):
        Make(shop).products(3)
        written.add(
            'with op.batch_alter_table("suppliers", recreate="always") as batch:\n'
            '    batch.alter_column("name", type_=sa.String(200))'
        )

        flask_migrate.upgrade()

        assert "products" in checks
        with begins_reading(db.engine).connect() as connection:
            assert connection.scalar(select(func.count()).select_from(Product)) == 3

    def test_that_breaks_none_looks_at_none(self, shop, written, checks):
        Make(shop).products(3)
        written.add(
            'op.add_column("products", sa.Column("colour", sa.Text()))\n'
            'op.execute("UPDATE products SET stock = 4")',
            'op.drop_column("products", "colour")',
        )

        flask_migrate.upgrade()

        assert checks == []
