"""Foreign keys on both databases: no orphan comes in, no parent goes while it is in use."""

import pytest
from sqlalchemy import func, inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from backoffice.database import Base, db
from backoffice.models import QueryPlan, SavedView, SlowQuery, User
from tests import stored

EDGES = {
    f"{table.name}.{key.parent.name}": key
    for table in Base.metadata.sorted_tables
    for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
}


@pytest.fixture
def family(app, make):
    """A row of every table, each referring to all that it can refer to."""
    make.suppliers()
    make.customers()
    make.products(category_id=make.categories()[0])
    make.orders(lines=1)
    make.shape(plans=[("SEARCH", [], False)], slow=1)
    with app.app_context():
        user = User(email="a@example.com", role="viewer", fs_uniquifier="a")
        db.session.add(user)
        db.session.flush()
        view = SavedView(user_id=user.id, list="products", name="Mine", query="search=a")
        db.session.add(view)
        plan = select(QueryPlan.id).scalar_subquery()
        db.session.execute(update(SlowQuery).values(plan_id=plan))
        db.session.commit()
    return app


@pytest.mark.parametrize("edge", EDGES)
class TestForeignKey:
    def test_takes_no_orphan(self, family, edge):
        key = EDGES[edge]
        with family.app_context():
            with pytest.raises(IntegrityError):
                db.session.execute(key.parent.table.update().values({key.parent.name: 999_999}))
            db.session.rollback()

    def test_keeps_its_parent_or_follows_it(self, family, edge):
        key = EDGES[edge]
        with family.app_context():
            if key.ondelete:
                db.session.execute(key.column.table.delete())
                db.session.commit()
            else:
                with pytest.raises(IntegrityError):
                    db.session.execute(key.column.table.delete())
                db.session.rollback()

        with family.app_context():
            left = db.session.scalar(select(func.count(key.parent)))
        assert left == (0 if key.ondelete else 1)  # referring, that is: not those set null


class TestSchema:
    def test_has_a_name_for_every_constraint(self):
        for table in Base.metadata.sorted_tables:
            for item in table.constraints:
                assert item.name, f"{table.name}: {item}"

    def test_has_no_orphans_on_sqlite(self, apps, family):
        if stored.engine(family).dialect.name == "sqlite":
            with family.app_context():
                assert db.session.execute(text("PRAGMA foreign_key_check")).all() == []

    def test_has_the_foreign_keys_of_the_models(self, family):
        with family.app_context():
            found = {
                f"{table}.{key['constrained_columns'][0]}"
                for table in Base.metadata.tables
                for key in inspect(db.engine).get_foreign_keys(table)
            }

        assert found == set(EDGES)
