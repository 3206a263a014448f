"""What pages cost: as many statements for one row as for forty, and never more than budgeted."""

import re

import pytest

from backoffice.database import db
from backoffice.models import HistoryEntry
from tests import stored
from tests.budgets import BUDGETS
from tests.grid.sections import TABLES, TYPED, first, views
from tests.pages import Page, filled, visit

RECORD_PAGES = [(table, page) for table in TABLES for page in ("details", "edit")]


def crowd(make, table):
    """One record of ``table`` with forty rows of everything that its pages show."""
    row_id = first(make, table, **({"lines": 40} if table == "orders" else {}))
    if table == "suppliers":
        make.products(40, supplier_id=row_id)
    elif table == "categories":
        make.products(40, category_id=row_id)
    elif table == "customers":
        make.orders(40, customer_id=row_id)
    with make.app.app_context():
        db.session.add_all(
            HistoryEntry(
                actor="somebody@example.com",
                means="browser",
                action="update",
                table_name=table,
                row_id=row_id,
                changes={"name": ["a", "b"]},
            )
            for _ in range(40)
        )
        db.session.commit()
    return row_id


class TestBudgets:
    def test_hold_what_was_promised(self):
        for path, budget in BUDGETS.items():
            page = re.fullmatch(r"/admin/(\w+)/(columns/|views/|details/|edit/|new/|)", path)
            if page and page[1] in TABLES:
                assert budget.statements <= (5 if page[2] else 3), path


class TestLists:
    @pytest.mark.parametrize("table", TABLES)
    def test_cost_the_same_for_one_row_and_for_forty(self, client, make, statements, table):
        first(make, table)
        with statements() as for_one:
            visit(client, f"/admin/{table}/")

        getattr(make, table)(39)
        with statements() as for_forty:
            page = visit(client, f"/admin/{table}/")

        assert len(page.rows) == 40
        assert len(for_forty) == len(for_one) == 3, "\n".join(for_forty)

    @pytest.mark.parametrize("table", TABLES)
    def test_cost_their_budget_where_there_is_more_than_a_page(
        self, app, client, make, statements, table
    ):
        getattr(make, table)(60)
        on_sqlite = stored.engine(app).dialect.name == "sqlite"
        following = visit(client, f"/admin/{table}/", page_size=25).links["next"]
        searched = {"suppliers": "sup", "categories": "cat", "products": "sku", "orders": "ord"}

        for address in (
            f"/admin/{table}/?page_size=25",
            following,
            f"/admin/{table}/?before=end",
            f"/admin/{table}/?page_size=25&search={searched.get(table, 'cus')}",
        ):
            with statements() as ran:
                page = visit(client, address)
            assert page.rows
            # Of a search PostgreSQL's planner is asked first whether it is a common one.
            asked = sum(sql.startswith("EXPLAIN") for sql in ran)
            assert asked == ("search" in address and not on_sqlite)
            assert len(ran) - asked == BUDGETS[f"/admin/{table}/"].statements, "\n".join(ran)

    @pytest.mark.parametrize("table", TABLES)
    def test_neither_skip_rows_nor_count_without_end(self, app, client, make, statements, table):
        getattr(make, table)(60)
        on_sqlite = stored.engine(app).dialect.name == "sqlite"

        with statements() as ran:
            visit(client, f"/admin/{table}/", page_size=25)

        # SQLAlchemy writes OFFSET 0 beside each LIMIT for SQLite.
        assert on_sqlite or not [sql for sql in ran if "OFFSET" in sql.upper()]
        counts = [sql for sql in ran if "count(" in sql.lower()]
        assert len(counts) == 1
        assert "LIMIT" in counts[0]

    @pytest.mark.parametrize("table", TABLES)
    def test_select_only_what_is_shown(self, client, app, make, table):
        first(make, table)
        view = views(app)[table]

        returned = stored.returned(app, lambda: visit(client, f"/admin/{table}/"))

        (rows,) = (names for names in returned if "_key_0" in names)
        shown = [name for name in rows if not name.startswith("_")]
        assert shown == ["id", *view.column_list]


class TestRecords:
    @pytest.mark.parametrize(("table", "page"), RECORD_PAGES)
    def test_cost_the_same_however_much_hangs_on_them(self, client, make, statements, table, page):
        lonely = first(make, table, **({"lines": 1} if table == "orders" else {}))
        crowded = crowd(make, table)
        with statements() as for_one:
            visit(client, f"/admin/{table}/{page}/", id=lonely)

        with statements() as for_forty:
            shown = visit(client, f"/admin/{table}/{page}/", id=crowded)

        assert shown.status == 200
        budget = BUDGETS[f"/admin/{table}/{page}/"].statements
        assert len(for_forty) == len(for_one) == budget, "\n".join(for_forty)

    @pytest.mark.parametrize("table", TABLES)
    def test_begin_with_a_form_that_costs_its_budget(self, client, make, statements, table):
        first(make, table)

        with statements() as ran:
            visit(client, f"/admin/{table}/new/")

        assert len(ran) == BUDGETS[f"/admin/{table}/new/"].statements, "\n".join(ran)


class TestSavingAnOrder:
    """Every line changed, in another column than the line before it."""

    COLUMNS = (
        ("product", "SKU0002"),  # its own statement, which names it in the history
        ("quantity", "7"),
        ("unit_price", "3.25"),
        ("discount", "0.25"),
    )

    @pytest.fixture
    def cost(self, app, client, make, statements):
        """The statements that it takes to save an order of so many lines with ``typed``."""
        make.products(2)

        def cost(lines, typed):
            order_id = make.orders(lines=lines)[0]
            form = visit(client, f"/admin/orders/edit/?id={order_id}").form
            with statements() as ran:
                response = client.post(
                    f"/admin/orders/edit/?id={order_id}", data=filled(form, typed(form))
                )
            assert response.status_code == 302, Page(response).text
            return ran, stored.lines(app, order_id)

        return cost

    def test_costs_the_same_for_one_line_and_for_forty(self, cost):
        def change_all(form):
            lines = sum(name.endswith("-quantity") for name in form)
            kinds = [self.COLUMNS[number % 4] for number in range(lines)]
            return {f"lines-{number}-{name}": text for number, (name, text) in enumerate(kinds)}

        for_one, _ = cost(1, change_all)
        for_forty, lines = cost(40, change_all)

        assert len(for_forty) == len(for_one), "\n".join(for_forty)
        assert [line.quantity for line in lines[1::4]] == [7] * 10
        assert {str(line.unit_price) for line in lines[2::4]} == {"3.2500"}

    def test_costs_the_same_when_lines_are_added_and_removed_as_well(self, cost):
        def change(removed, changed, added):
            def typed(form):
                lines = sum(name.endswith("-quantity") for name in form)
                gone = {f"lines-{number}-remove": "y" for number in range(removed)}
                other = {
                    f"lines-{removed + number}-{self.COLUMNS[number % 4][0]}": (
                        self.COLUMNS[number % 4][1]
                    )
                    for number in range(changed)
                }
                new = {
                    f"lines-{lines + number}-{name}": text
                    for number in range(added)
                    for name, text in (
                        ("id", ""),
                        ("product", "SKU0001"),
                        ("quantity", "1"),
                        ("unit_price", "5"),
                        ("discount", "0"),
                    )
                }
                return gone | other | new

            return typed

        for_few, few = cost(2, change(1, 1, 1))
        for_many, many = cost(40, change(12, 28, 15))

        assert (len(few), len(many)) == (2, 43)
        assert len(for_many) == len(for_few), "\n".join(for_many)

    def test_typed_anew_costs_no_more_for_forty_lines(self, client, make, statements):
        make.products(2)

        def create(number, lines):
            typed = dict(TYPED["orders"]) | {"number": number}
            for line in range(lines):
                typed |= {
                    f"lines-{line}-product": f"SKU000{line % 2 + 1}",
                    f"lines-{line}-quantity": "1",
                    f"lines-{line}-unit_price": "2",
                    f"lines-{line}-discount": "0",
                }
            form = visit(client, "/admin/orders/new/").form
            with statements() as ran:
                assert (
                    client.post("/admin/orders/new/", data=filled(form, typed)).status_code == 302
                )
            return ran

        for_one = create("N-1", 1)
        for_forty = create("N-40", 40)

        assert len(for_forty) == len(for_one), "\n".join(for_forty)
