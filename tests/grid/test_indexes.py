"""What lists sort and filter by is served by an index: declared, and used by both databases."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import UniqueConstraint, insert, text

from backoffice.database import db
from backoffice.grid.filters import Referred
from backoffice.grid.keyset import Position
from backoffice.grid.state import ListState
from backoffice.models import OrderStatus
from tests import stored
from tests.grid.sections import MODELS, TABLES, views

MANY = 5_000


def ways(model):
    """The columns of each way in which the database can read the table in an order."""
    for index in model.__table__.indexes:
        if not any("where" in options for options in _given(index)):
            yield [column.name for column in index.columns]
    for item in model.__table__.constraints:
        if isinstance(item, UniqueConstraint):
            yield [column.name for column in item.columns]


def _given(index):
    return [options for options in index.dialect_kwargs if options.endswith("where")]


class TestDeclared:
    @pytest.mark.parametrize("table", TABLES)
    def test_every_sort_is_the_start_of_an_index(self, apps, table):
        view = views(apps("sqlite"))[table]

        for sort in view.sorts.values():
            columns = [column.key for column in sort.columns]
            served = any(way[: len(columns)] == columns for way in ways(view.model))
            assert served, f"{table} sorted by {sort.name} reads and sorts the whole table"

    @pytest.mark.parametrize("table", TABLES)
    def test_every_filter_by_reference_begins_an_index_in_the_lists_order(self, apps, table):
        view = views(apps("sqlite"))[table]
        order = [column.key for column in view.default_sort.columns]

        for kind in view.filters:
            if isinstance(kind, Referred):
                wanted = [kind.column.key, *order]
                assert wanted in [way[: len(wanted)] for way in ways(view.model)], kind.name

    @pytest.mark.parametrize("table", TABLES)
    def test_every_foreign_key_begins_an_index(self, table):
        model = MODELS[table]

        for key in model.__table__.foreign_keys:
            assert key.parent.name in [way[0] for way in ways(model)], key.parent


@pytest.fixture
def crowded(app, make):
    """Thousands of rows of one table, and the planner told so."""

    def fill(table):
        references = {}
        if table == "products":
            references = {
                "supplier_id": make.suppliers(50),
                "category_id": make.categories(50),
            }
        elif table == "orders":
            references = {"customer_id": make.customers(50)}
        rows = []
        for n in range(MANY):
            moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n)
            rows.append(
                {name: ids[n % len(ids)] for name, ids in references.items()}
                | {
                    "suppliers": {"code": f"S{n}", "name": f"Name {n % 97}"},
                    "categories": {"name": f"Name {n}"},
                    "products": {
                        "sku": f"P{n}",
                        "name": f"Name {n % 97}",
                        "price": Decimal(n % 89),
                        "updated_at": moment,
                    },
                    "customers": {"code": f"C{n}", "name": f"Name {n % 97}"},
                    "orders": {
                        "number": f"O{n}",
                        "placed_at": moment,
                        "status": list(OrderStatus)[n % 6],
                    },
                }[table]
            )
        with app.app_context():
            db.session.execute(insert(MODELS[table]), rows)
            db.session.commit()
            with db.engine.begin() as connection:
                connection.execute(text("ANALYZE"))

    yield fill
    if stored.engine(app).dialect.name == "sqlite":
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("DELETE FROM sqlite_stat1"))


def sorts_all(plan):
    """Whether the plan reads all rows in order to sort them."""
    lines = [line.strip().removeprefix("->").strip() for line in plan.splitlines()]
    return any(line.startswith(("Sort ", "Incremental Sort")) for line in lines) or any(
        "USE TEMP B-TREE FOR ORDER BY" in line for line in lines
    )


class TestPlans:
    @pytest.mark.parametrize("table", TABLES)
    def test_of_no_page_hold_a_sort(self, app, client, crowded, table):
        crowded(table)
        view = views(app)[table]

        for sort in view.sorts.values():
            for turned in (False, True):
                order = sort.turned(turned)
                state = ListState(table, order, view.default_sort, page_size=25)
                cursor = self.cursor(app, view, state)
                for position in (
                    Position(),
                    Position(backward=True),
                    Position(cursor),
                    Position(cursor, backward=True),
                ):
                    at = ListState(table, order, view.default_sort, position=position, page_size=25)
                    (statement, plan), *_ = stored.plan(app, lambda at=at: view.run(at))
                    assert not sorts_all(plan), f"{statement}\n{plan}"
                    assert "ix_" in plan or "uq_" in plan or "autoindex" in plan, plan

    @pytest.mark.parametrize("table", ["products", "orders"])
    def test_of_no_list_narrowed_by_reference_hold_a_sort(self, app, client, crowded, table):
        crowded(table)
        view = views(app)[table]
        known = {"supplier": "SUP7", "category": "Category 7", "customer": "CUS7"}

        for kind in view.filters:
            if isinstance(kind, Referred):
                condition = kind.condition(known[kind.name])
                state = ListState(
                    table, view.default_sort, view.default_sort, conditions=(condition,)
                )
                (statement, plan), *_ = stored.plan(app, lambda state=state: view.run(state))
                assert not sorts_all(plan), f"{statement}\n{plan}"

    def cursor(self, app, view, state):
        """The position in the middle of the list."""
        with app.app_context():
            ordered = [*state.sort.columns]
            row = db.session.query(*ordered).order_by(*ordered).offset(MANY // 2).first()
            return tuple(row)
