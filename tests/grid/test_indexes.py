"""What lists sort and filter by is served by an index: declared, and used by both databases."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert, text

from backoffice.database import db
from backoffice.grid.keyset import Position
from backoffice.grid.served import index_of, search_index_of
from backoffice.grid.state import ListState
from backoffice.models import OrderStatus, Product
from backoffice.models.searched import SEARCHED
from tests import stored
from tests.grid.sections import MODELS, TABLES, views

MANY = 5_000


class TestDeclared:
    @pytest.mark.parametrize("table", TABLES)
    def test_every_sort_is_the_start_of_an_index(self, apps, table):
        view = views(apps("sqlite"))[table]

        for sort in view.sorts.values():
            assert index_of(*sort.columns), (
                f"{table} sorted by {sort.name} reads and sorts the whole table"
            )

    @pytest.mark.parametrize("table", TABLES)
    def test_every_filter_names_an_index_that_there_is(self, apps, table):
        view = views(apps("sqlite"))[table]
        items = {*view.model.__table__.indexes, *view.model.__table__.constraints}
        names = {str(item.name) for item in items}

        for test in view.tests.values():
            assert test.index in names, f"{table} narrowed by {test.argument} reads all of it"

    @pytest.mark.parametrize("table", TABLES)
    def test_the_search_is_over_the_columns_of_the_search_index(self, apps, table):
        view = views(apps("sqlite"))[table]

        assert search_index_of(view.model.__table__, view.search.columns)
        assert SEARCHED[table] == view.column_searchable_list
        assert view.search.beginnings

    @pytest.mark.parametrize("table", TABLES)
    def test_every_filter_by_reference_begins_an_index_in_the_lists_order(self, apps, table):
        view = views(apps("sqlite"))[table]

        for kind in view.filters:
            if kind.reference:
                assert index_of(kind.column, *view.default_sort.columns), kind.name

    @pytest.mark.parametrize("table", TABLES)
    def test_every_foreign_key_begins_an_index(self, table):
        model = MODELS[table]

        for key in model.__table__.foreign_keys:
            assert index_of(model.__mapper__.get_property_by_column(key.parent).class_attribute)

    def test_no_index_is_seen_where_there_is_none(self):
        assert index_of(Product.stock) is None
        assert index_of(Product.name, Product.price) is None


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
                        "shipped_at": moment if n % 4 == 0 else None,
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
    """Whether the plan reads more rows than a page has in order to sort them."""
    scanned = {}  # depth -> what is read there first
    for line in plan:
        depth, step = len(line) - len(line.lstrip()), line.strip()
        if "Sort" in step and (rows := re.search(r"rows=(\d+)", step)) and int(rows[1]) > 60:
            return True
        if step.startswith(("SCAN", "SEARCH")):
            scanned.setdefault(depth, step)
        elif step.startswith("USE TEMP B-TREE FOR ORDER BY"):
            if not re.match(r"SCAN (page|anon_\d+)$", scanned.get(depth, "")):
                return True
        elif step.startswith(("CO-ROUTINE", "MATERIALIZE", "LEFT", "RIGHT")):
            scanned.pop(depth + 2, None)
    return False


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
                jump = [Position(cursor[:1], at=True)] if cursor[0] is not None else []
                for position in (
                    Position(),
                    Position(backward=True),
                    Position(cursor),
                    Position(cursor, backward=True),
                    *jump,
                ):
                    at = replace(state, position=position)
                    (statement, plan), *_ = stored.plan(app, lambda at=at: view.run(at))
                    shown = "\n".join(plan)
                    assert not sorts_all(plan), f"{statement}\n{shown}"
                    assert index_of(*sort.columns) in shown or "autoindex" in shown, shown

    @pytest.mark.parametrize("table", ["products", "orders"])
    def test_of_no_list_narrowed_by_reference_hold_a_sort(self, app, client, crowded, table):
        crowded(table)
        view = views(app)[table]
        known = {"supplier": "SUP7", "category": "Category 7", "customer": "CUS7"}

        for kind in view.filters:
            if kind.reference:
                condition = kind.tests[0].narrowed((known[kind.name],), "")
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
