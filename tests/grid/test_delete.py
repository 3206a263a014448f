"""Deleting: consequences named first, refused for what is in use."""

import pytest
from sqlalchemy import inspect

from backoffice.database import Base
from backoffice.models import QUERY_LOG, Customer, Order, OrderLine, Product
from tests import stored
from tests.grid.sections import MODELS, TABLES, first
from tests.pages import Page, delete, filled, save, visit


def _with(make, table, column, children):
    row_id = first(make, table)
    children(3, **{column: row_id})
    return row_id


def _product_in_an_order(make):
    product = make.products()[0]
    make.orders(lines=3)
    return product


# Parent table, child table -> makes the parent with three children, by what they are named.
USES = {
    ("suppliers", "products"): lambda make: _with(make, "suppliers", "supplier_id", make.products),
    ("categories", "products"): lambda make: _with(
        make, "categories", "category_id", make.products
    ),
    ("customers", "orders"): lambda make: _with(make, "customers", "customer_id", make.orders),
    ("products", "order_lines"): _product_in_an_order,
    ("orders", "order_lines"): lambda make: make.orders(lines=3)[0],
}


def test_every_foreign_key_has_a_case():
    edges = {
        (key.column.table.name, table.name)
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        # No page deletes a user, or what the query log has.
        if key.column.table.name != "users" and key.column.table not in QUERY_LOG
    }

    assert set(USES) == edges


@pytest.mark.parametrize("table", TABLES)
class TestEverySection:
    def test_asks_first_and_then_deletes(self, app, client, make, table):
        row_id = first(make, table, **({"lines": 0} if table == "orders" else {}))
        page = visit(client, f"/admin/{table}/delete/", id=row_id)

        done = post_delete(client, table, row_id, page.form)

        assert "Nothing else refers to it." in page.text
        assert done.status == 302
        assert done.headers["Location"] == f"/admin/{table}/"
        assert "was deleted." in visit(client, f"/admin/{table}/").messages[0]
        assert stored.one(app, MODELS[table], row_id) is None

    @pytest.mark.parametrize("version", [None, "", "0", "x"])
    def test_refuses_without_the_version_that_was_shown(self, app, client, make, table, version):
        row_id = first(make, table)
        form = visit(client, f"/admin/{table}/delete/", id=row_id).form

        page = post_delete(client, table, row_id, filled(form, {"version": version}))

        assert page.status == 409
        assert "Look again before deleting." in page.messages[0]
        assert stored.one(app, MODELS[table], row_id) is not None

    def test_refuses_what_somebody_changed_in_the_meantime(self, app, client, make, table):
        row_id = first(make, table)
        form = visit(client, f"/admin/{table}/delete/", id=row_id).form
        save(client, table, row_id, {key_of(table): "Changed"})

        page = post_delete(client, table, row_id, form)

        assert page.status == 409
        assert stored.one(app, MODELS[table], row_id) is not None
        assert post_delete(client, table, row_id, page.form).status == 302
        assert stored.one(app, MODELS[table], row_id) is None

    def test_leaves_an_entry_with_what_the_record_held(self, app, client, make, table):
        row_id = first(make, table)
        label = getattr(stored.one(app, MODELS[table], row_id), key_of(table))

        delete(client, table, row_id)

        (entry,) = stored.entries(app)
        assert (entry.action, entry.table_name, entry.row_id) == ("delete", table, row_id)
        assert entry.label == label
        assert entry.changes[key_of(table)] == [label, None]


@pytest.mark.parametrize("edge", [edge for edge in USES if edge[0] != "orders"], ids="-".join)
class TestInUse:
    def test_is_refused_and_says_by_what_with_numbers(self, app, client, make, edge):
        parent, child = edge
        row_id = USES[edge](make)

        page = visit(client, f"/admin/{parent}/delete/", id=row_id)
        form = {"version": "1"}
        refused = post_delete(client, parent, row_id, form)

        words = f"It is used by 3 {child.replace('_', ' ')}."
        assert page.status == 200
        assert "cannot be deleted" in page.text
        assert words in page.text
        assert refused.status == 409
        assert words in refused.text
        assert stored.one(app, MODELS[parent], row_id) is not None
        assert stored.entries(app) == []

    def test_leads_to_what_uses_it_where_a_list_can_show_it(self, client, make, edge):
        parent, child = edge
        row_id = USES[edge](make)

        page = visit(client, f"/admin/{parent}/delete/", id=row_id)

        links = [link.get("href") for link in page.root.all("a") if "Show the" in link.text]
        if child == "order_lines":
            assert links == []
        else:
            assert len(visit(client, links[0]).rows) == 3


class TestOrder:
    def test_says_that_its_lines_go_with_it_and_takes_them(self, app, client, make):
        make.products()
        order, other = make.orders(lines=3)[0], make.orders(lines=2)[0]

        page = visit(client, "/admin/orders/delete/", id=order)
        done = post_delete(client, "orders", order, page.form)

        assert "3 order lines go with it." in page.text
        assert done.status == 302
        assert stored.count(app, Order) == 1
        assert stored.count(app, OrderLine) == 2 == len(stored.lines(app, other))

    def test_leaves_its_lines_in_the_history(self, app, client, make):
        order = make.orders(lines=2)[0]

        delete(client, "orders", order)

        (entry,) = stored.entries(app)
        assert entry.changes["line 2: quantity"] == [2, None]
        assert entry.changes["line 1: unit_price"] == ["9.99", None]

    def test_costs_the_same_for_one_line_and_for_forty(self, client, make, statements):
        def cost(lines):
            order = make.orders(lines=lines)[0]
            form = visit(client, "/admin/orders/delete/", id=order).form
            with statements() as ran:
                assert post_delete(client, "orders", order, form).status == 302
            return ran

        assert len(cost(1)) == len(cost(40))


class TestGuest:
    def test_orders_without_a_customer_do_not_keep_a_customer(self, app, client, make):
        customer = make.customers()[0]
        make.orders(customer_id=None)

        assert delete(client, "customers", customer).status == 302
        assert stored.count(app, Customer) == 0


class TestProducts:
    def test_are_counted_up_to_ten_thousand(self, app, client, make):
        supplier = make.suppliers()[0]
        make.products(10_001, supplier_id=supplier)

        page = visit(client, "/admin/suppliers/delete/", id=supplier)

        assert "It is used by 10,000+ products." in page.text
        assert stored.count(app, Product) == 10_001


def key_of(table):
    """The natural key's column."""
    return next(
        name for name in ("code", "sku", "number", "name") if name in inspect(MODELS[table]).columns
    )


def post_delete(client, table, row_id, form):
    return Page(client.post(f"/admin/{table}/delete/?id={row_id}", data=form))
