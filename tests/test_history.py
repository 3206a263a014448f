"""History: one entry for each change, in the transaction of the change."""

import getpass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert, select, text

from backoffice import history
from backoffice.database import analyze, db
from backoffice.models import HistoryEntry, Order, Product, Supplier, history_rows
from tests import stored
from tests.grid.sections import MODELS, TABLES, TYPED
from tests.pages import Page, add, delete, post, save, visit

LINES_CHANGED = {
    "lines-0-quantity": "20",
    "lines-1-remove": "y",
    "lines-3-id": "",
    "lines-3-product": "SKU0002",
    "lines-3-quantity": "4",
    "lines-3-unit_price": "1.5",
    "lines-3-discount": "0.1",
}
"""Of an order with three lines: one changed, one removed, one added."""


class TestEntry:
    @pytest.mark.parametrize("table", TABLES)
    def test_of_a_new_record_says_who_when_how_and_what(self, app, client, make, table):
        make.suppliers()

        add(client, table, TYPED[table])

        (entry,) = stored.entries(app)
        assert (entry.actor, entry.means) == ("admin@example.com", "browser")
        assert (entry.action, entry.table_name) == ("create", table)
        assert abs(entry.at - datetime.now(UTC)) < timedelta(seconds=10)
        key = next(iter(TYPED[table]))
        assert entry.label == TYPED[table][key]
        assert entry.changes[key] == [None, TYPED[table][key]]

    def test_of_a_change_holds_field_before_and_after(self, app, client, make):
        product = make.products(name="Tea", price="9.80", stock=3)[0]

        save(client, "products", product, {"name": "Green tea", "price": "10.1234", "stock": "0"})

        (entry,) = stored.entries(app)
        assert entry.action == "update"
        assert (entry.row_id, entry.label) == (product, "SKU0001")
        assert entry.changes == {
            "name": ["Tea", "Green tea"],
            "price": ["9.80", "10.1234"],
            "stock": [3, 0],
        }

    def test_of_moments_and_statuses_is_exact(self, app, client, make):
        order = make.orders(lines=0)[0]

        save(client, "orders", order, {"status": "paid", "shipped_at": "2026-02-01 10:00"})

        (entry,) = stored.entries(app)
        assert entry.changes == {
            "status": ["placed", "paid"],
            "shipped_at": [None, "2026-02-01T10:00:00+00:00"],
        }

    def test_of_an_order_tells_its_lines(self, app, client, make):
        make.products(2)
        order = make.orders(lines=3)[0]
        typed = {
            "note": "Mind the dog",
            **LINES_CHANGED,
        }

        save(client, "orders", order, typed)

        (entry,) = stored.entries(app)
        assert entry.changes["note"] == ["", "Mind the dog"]
        assert entry.changes["line 1: quantity"] == [1, 20]
        assert entry.changes["line 2: quantity"] == [2, None]
        assert entry.changes["line 2: unit_price"] == ["9.99", None]
        assert entry.changes["line 4: quantity"] == [None, 4]
        assert entry.changes["line 4: discount"] == [None, "0.10"]
        assert not [name for name in entry.changes if name.startswith("line 3")]

    def test_of_lines_alone_is_the_orders(self, app, client, make):
        order = make.orders(lines=2)[0]

        save(client, "orders", order, {"lines-1-discount": "0.5"})

        (entry,) = stored.entries(app)
        assert (entry.table_name, entry.row_id) == ("orders", order)
        assert entry.changes == {"line 2: discount": ["0.00", "0.50"]}

    def test_of_references_names_them_by_what_people_call_them(self, app, client, make):
        make.suppliers(2)
        make.categories()
        product = make.products(2)[0]
        order = make.orders(lines=1)[0]

        save(client, "products", product, {"supplier": "SUP2", "category": "Category 1"})
        save(client, "orders", order, {"lines-0-product": "SKU0002"})

        moved, sold = stored.entries(app)
        assert moved.changes == {
            "supplier": ["SUP1", "SUP2"],
            "category": [None, "Category 1"],
        }
        assert sold.changes == {"line 1: product": ["SKU0001", "SKU0002"]}

    def test_of_a_command_names_the_account_that_runs_it(self, app):
        with app.app_context():
            db.session.add(Supplier(code="A", name="Acme"))
            db.session.commit()

        (entry,) = stored.entries(app)
        assert (entry.actor, entry.means) == (getpass.getuser(), "command")

    def test_of_a_reference_that_is_gone_again_tells_its_id(self, app):
        with app.app_context():
            entries = [{"changes": {"supplier": [history.Referred(Supplier, 10**9), None]}}]

            history._name_referred(db.session(), entries)

        assert entries == [{"changes": {"supplier": ["1000000000", None]}}]


class TestDeletedRecord:
    @pytest.mark.parametrize("table", TABLES)
    def test_never_passes_its_history_on_to_a_new_one(self, app, client, make, table):
        make.suppliers()
        add(client, table, TYPED[table])
        gone = stored.newest(app, MODELS[table])
        delete(client, table, gone.id)

        add(client, table, TYPED[table])

        assert stored.newest(app, MODELS[table]).id > gone.id


class TestTransaction:
    def test_that_is_rolled_back_leaves_no_entry(self, app):
        with app.app_context():
            db.session.add(Supplier(code="A", name="Acme"))
            db.session.flush()
            db.session.rollback()

        assert stored.entries(app) == []
        assert stored.count(app, Supplier) == 0

    def test_that_breaks_a_rule_leaves_no_entry(self, app, client, make):
        make.suppliers()

        assert add(client, "suppliers", {"code": "SUP1", "name": "x"}).status == 422
        assert stored.entries(app) == []

    def test_that_changes_nothing_leaves_no_entry_and_no_version(self, app, client, make):
        order = make.orders(lines=5)[0]

        save(client, "orders", order, {})

        assert stored.entries(app) == []
        assert stored.one(app, Order, order).version == 1

    def test_that_sets_what_was_there_leaves_no_entry(self, app, make):
        product = make.products(price="9.80")[0]
        with app.app_context():
            row = db.session.get(Product, product)
            row.price = Decimal("9.8000")
            row.name = str(row.name)
            db.session.commit()

        assert stored.entries(app) == []
        assert stored.one(app, Product, product).version == 1

    def test_of_several_records_leaves_one_entry_each_by_one_statement(self, app, statements):
        with app.app_context(), statements() as ran:
            db.session.add_all(Supplier(code=f"S{n}", name="x") for n in range(3))
            db.session.commit()

        assert [entry.label for entry in stored.entries(app)] == ["S0", "S1", "S2"]
        assert len([sql for sql in ran if "INSERT INTO history" in sql]) == 1


class TestDetails:
    def test_show_the_changes_newest_first(self, client, make, sign_in):
        supplier = make.suppliers(name="Acme")[0]
        save(client, "suppliers", supplier, {"name": "Acme Ltd"})
        save(sign_in("editor"), "suppliers", supplier, {"city": "Bonn"})

        newest, oldest = visit(client, "/admin/suppliers/details/", id=supplier).history

        assert newest.startswith("Changed by editor@example.com")
        assert "by browser" in newest
        assert "city: empty → Bonn" in newest
        assert "name: Acme → Acme Ltd" in oldest

    def test_tell_an_orders_lines_in_sentences(self, client, make):
        make.products(2)
        order = make.orders(lines=3)[0]
        typed = {
            **LINES_CHANGED,
            "shipped_at": "2026-02-01 10:00",
        }
        save(client, "orders", order, typed)

        page = client.get(f"/admin/orders/details/?id={order}")

        told = [term.text for term in Page(page).root.all("dl")][-1]
        assert told == (
            "shipped: empty → 2026-02-01 10:00 UTC "
            "Line 1 quantity: 1 → 20 "
            "Line 2 removed: SKU0001 × 2 at 9.99 "
            "Line 4 added: SKU0002 × 4 at 1.50, discount 0.10"
        )

    def test_read_a_few_rows_however_long_the_history_is(self, app, make):
        product = make.products()[0]
        with app.app_context():
            entry = {"actor": "a", "means": "command", "action": "import", "changes": {}}
            db.session.execute(
                insert(HistoryEntry),
                [
                    entry
                    | {"table_name": "products", "row_id": product + n % 500 if n % 2 else None}
                    for n in range(20_000)
                ],
            )
            some = select(HistoryEntry.id, HistoryEntry.id % 500 + product)
            db.session.execute(insert(history_rows).from_select(["history_id", "row_id"], some))
            analyze(db.session.connection(), ["history", "history_rows"])
            db.session.commit()

            newest = history.entries_of(db.session.get(Product, product), 20)
            found = db.session.scalars(newest).all()
            sql = newest.compile(db.engine, compile_kwargs={"literal_binds": True})
            explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"
            plan = "\n".join(str(row[-1]) for row in db.session.execute(text(f"{explain} {sql}")))

        assert len(found) == 20
        assert "ix_history_table_name_row_id_id" in plan
        assert "Seq Scan on history" not in plan, plan
        assert "SCAN history" not in plan, plan

    def test_show_twenty_at_most(self, client, make):
        supplier = make.suppliers()[0]
        form = visit(client, "/admin/suppliers/edit/", id=supplier).form
        for number in range(22):
            changed = form | {"city": f"City {number}", "version": str(number + 1)}
            assert post(client, "suppliers", supplier, changed).status == 302

        shown = visit(client, "/admin/suppliers/details/", id=supplier).history

        assert len(shown) == 20
        assert "→ City 21" in shown[0]

    def test_show_no_entries_of_other_records(self, client, make):
        first, second = make.suppliers(2)
        save(client, "suppliers", first, {"city": "Bonn"})

        assert visit(client, "/admin/suppliers/details/", id=second).history == []

    def test_show_text_as_text(self, client, make):
        supplier = make.suppliers()[0]
        save(client, "suppliers", supplier, {"city": "<i>Bonn</i>"})

        response = client.get(f"/admin/suppliers/details/?id={supplier}")

        assert "<i>Bonn" not in response.text


class TestAddEntry:
    def test_writes_one_entry_for_a_whole_bulk_change(self, app):
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        with app.app_context():
            entry_id = history.add_entry(
                db.session,
                action="import",
                table="products",
                label="june.csv",
                changes={"inserted": 3},
                at=moment,
            )
            db.session.commit()

        (entry,) = stored.entries(app)
        assert (entry.id, entry.at) == (entry_id, moment)
        assert (entry.row_id, entry.changes) == (None, {"inserted": 3})
