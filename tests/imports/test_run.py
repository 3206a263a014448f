"""One import from file to tables: what is written, what is refused, what is counted."""

import tracemalloc
from contextlib import contextmanager

import pytest
from sqlalchemy import and_, delete, event, select, update

from backoffice.database import db
from backoffice.imports.read import FileRefused
from backoffice.imports.undo import undo
from backoffice.imports.undo import undo
from backoffice.models import Category, HistoryEntry, Order, OrderLine, Product, Supplier
from tests import stored
from tests.imports.conftest import counts, products, reasons
from tests.pages import save, visit


@contextmanager
def written(app):
    """Collects the statements that run inside."""
    ran = []

    def note(_connection, _cursor, statement, *_):
        ran.append(statement)

    event.listen(stored.engine(app), "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(stored.engine(app), "before_cursor_execute", note)


class TestMerge:
    def test_updates_only_the_rows_that_differ(self, load, make, session):
        make.suppliers()
        first = load("products", products(200))
        written = {p.sku: (p.version, p.updated_at) for p in session.scalars(select(Product))}
        session.expire_all()
        session.rollback()

        second = load("products", products(200, lambda n: "7" if n in (50, 150) else f"{n}.50"))

        assert counts(first) == (200, 0, 0, 0)
        assert counts(second) == (0, 2, 198, 0)
        moved = {
            p.sku: (p.version, str(p.price))
            for p in session.scalars(select(Product))
            if (p.version, p.updated_at) != written[p.sku]
        }
        assert moved == {"P50": (2, "7.0000"), "P150": (2, "7.0000")}

    def test_leaves_alone_what_a_blank_cell_or_an_absent_column_stands_for(
        self, load, make, session
    ):
        make.suppliers()
        load("products", "sku,name,supplier,price,stock,description\nA,Old,SUP1,1,5,Long\n")

        report = load("products", "sku,name,stock\nA,New, \n")

        assert counts(report) == (0, 1, 0, 0)
        product = session.scalar(select(Product))
        assert (product.name, product.stock, product.description) == ("New", 5, "Long")

    def test_gives_a_new_row_the_defaults(self, load, make, session):
        make.suppliers()

        load("products", "SKU , Name,supplier,price,stock,active,category\n A ,B,SUP1,1,,,\n")

        product = session.scalar(select(Product))
        assert (product.sku, product.stock, product.active) == ("A", 0, True)
        assert (product.category_id, product.version, product.reorder_level) == (None, 1, 0)

    def test_does_not_undo_what_staff_changed_in_columns_that_the_file_lacks(
        self, load, make, session
    ):
        make.products(1)
        session.execute(update(Product).values(stock=99, version=Product.version + 1))
        session.commit()

        load("products", "sku,price\nSKU0001,5\n")

        product = session.scalar(select(Product))
        assert (product.stock, str(product.price), product.version) == (99, "5.0000", 3)

    def test_makes_unknown_references_when_told_to(self, load, session):
        rows = "sku,name,supplier,category,price\nA,A,NEW,Tools,1\nB,B,NEW,Tools,2\nC,,NEW2,,3\n"

        report = load("products", rows, create_missing=True, skip_refused=True)

        assert counts(report) == (2, 0, 0, 1)
        assert report.created == {"suppliers": 1, "categories": 1}
        made = session.execute(select(Supplier.code, Supplier.name)).all()
        assert made == [("NEW", "NEW")]

    def test_leaves_one_history_entry_with_the_counts_and_the_moment(self, load, make, session):
        make.suppliers()

        report = load("products", products(3))

        entry = session.scalar(select(HistoryEntry))
        assert (entry.action, entry.table_name) == ("import", "products")
        assert entry.changes["import"] == report.run
        assert (entry.label, entry.changes["inserted"]) == ("products.csv", 3)
        [made] = {product.created_at for product in session.scalars(select(Product))}
        assert made >= entry.at

    def test_tells_an_open_form_of_the_order_that_its_lines_changed(self, load, make, session):
        make.orders(2)
        before = [order.edition for order in session.scalars(select(Order).order_by(Order.number))]
        session.rollback()

        load("order-lines", "order,line_no,quantity\nORD0001,1,9\nORD0002,1,1\n")

        after = [order.edition for order in session.scalars(select(Order).order_by(Order.number))]
        assert (before, after) == (["1-2", "1-2"], ["1-3", "1-2"])


class TestAFileThatIsWrittenWhileItIsRead:
    @pytest.mark.parametrize("rows", [1, 4])
    def test_is_refused(self, load, make, tmp_path, unchanged, rows):
        make.suppliers()

        def write_again(opened):
            (tmp_path / "products.csv").write_text(products(rows, lambda n: "8"))
            return opened

        with unchanged(), pytest.raises(FileRefused, match="was changed while it was read"):
            load("products", products(4), watch=write_again)


class TestBlankCells:
    ROWS = "sku,name,category,stock,description\nSKU0001,Tea,,,\nSKU0002,Coffee,,3,x\n"

    def test_leave_what_is_stored(self, load, make, session):
        self.fill(make, session)

        load("products", self.ROWS)

        session.expire_all()
        product = session.scalar(select(Product).where(Product.sku == "SKU0001"))
        assert (product.name, product.stock, product.description) == ("Tea", 5, "Long")
        assert product.category_id is not None

    def test_clear_it_when_told_to(self, load, make, session):
        self.fill(make, session)

        report = load("products", self.ROWS, clears=True)

        assert counts(report) == (0, 2, 0, 0)
        assert report.columns == {"name": 2, "category": 2, "stock": 2, "description": 2}
        session.expire_all()
        product = session.scalar(select(Product).where(Product.sku == "SKU0001"))
        assert (product.name, product.stock, product.description) == ("Tea", 0, "")
        assert product.category_id is None
        assert counts(load("products", self.ROWS, clears=True)) == (0, 0, 2, 0)

    def test_are_refused_where_something_must_be_there(self, load, make, unchanged):
        make.products(2)

        with unchanged():
            report = load("products", "sku,name,price\nSKU0001,,\nSKU0002,B,1\n", clears=True)

        assert reasons(report) == [
            "line 2, column name: is missing: every product needs name",
            "line 2, column price: is missing: every product needs price",
        ]

    def fill(self, make, session):
        make.products(2)
        category = Category(name="Drinks")
        for product in session.scalars(select(Product)):
            product.category, product.stock, product.description = category, 5, "Long"
        session.commit()


class TestWhatChanges:
    def test_is_counted_by_column_and_shown_before_and_after(self, load, make):
        make.products(3)
        make.suppliers(2)
        file = (
            "sku,name,supplier,price,active\nSKU0001,Tea,SUP1,1.5,no\nNEW,New,SUP2,2,\n"
            "SKU0002,Product 2,SUP2,,\nSKU0003,Cocoa,OTHER,,yes\n"
        )

        report = load("products", file, dry_run=True, create_missing=True)

        assert counts(report) == (1, 3, 0, 0)
        assert report.columns == {"name": 2, "supplier": 2, "price": 1, "active": 1}
        first, second, third, new = report.samples
        assert (first.line, first.key) == (2, "SKU0001")
        assert first.values["name"] == ("Product 1", "Tea")
        assert first.values["active"] == ("yes", "no")
        assert first.values["price"][1] == "1.50"
        assert second.values == {"supplier": ("SUP1", "SUP2")}
        assert third.values["supplier"] == ("SUP1", "OTHER")
        assert new.values == {
            "name": (None, "New"),
            "supplier": (None, "SUP2"),
            "price": (None, "2.00"),
        }

    def test_is_shown_for_each_column_however_far_down(self, load, make):
        make.products(9)
        rows = "".join(f"SKU000{n},{n}.77,{'Late' if n == 9 else ''}\n" for n in range(1, 10))

        report = load("products", f"sku,price,name\n{rows}", dry_run=True)

        assert [sample.line for sample in report.samples] == [2, 3, 4, 5, 6, 10]
        assert report.samples[-1].values["name"] == ("Product 9", "Late")

    def test_alone_is_written(self, load, make, session, app):
        """A column that is the same in every row is not set: see ``merge.Merge.changed``."""
        make.products(2)

        with written(app) as ran:
            load("products", "sku,name,price\nSKU0001,Product 1,99\nSKU0002,Product 2,98\n")

        [update] = [sql for sql in ran if sql.startswith("UPDATE products")]
        assert "price=" in update
        assert "name=" not in update


class TestHistory:
    def test_shows_every_import_on_the_pages_of_the_rows_that_it_wrote(self, client, load, make):
        make.suppliers()
        load("products", products(2))
        load("products", products(2, lambda n: f"{n}.5" if n else "7"))
        with client.application.app_context():
            first, second = db.session.scalars(select(Product.id).order_by(Product.sku)).all()
        save(client, "products", first, {"name": "Tea"})

        shown = {row: visit(client, "/admin/products/details/", id=row) for row in (first, second)}

        assert [entry.split(" by ")[0] for entry in shown[first].history] == [
            "Changed",
            "Imported from products.csv",
            "Imported from products.csv",
        ]
        assert len(shown[second].history) == 1

    def test_shows_an_import_of_lines_on_the_orders_page(self, client, load, make):
        touched, other = make.orders(2)

        load("order-lines", "order,line_no,quantity\nORD0001,1,9\nORD0001,2,9\nORD0002,1,1\n")

        [entry] = visit(client, "/admin/orders/details/", id=touched).history
        assert entry.startswith("Imported from order-lines.csv")
        assert visit(client, "/admin/orders/details/", id=other).history == []

    def test_tells_what_the_import_did_to_the_row(self, client, load, make, session):
        make.products(1)
        make.suppliers(2)
        load(
            "products",
            "sku,name,supplier,price,active\nSKU0001,Tea,SUP2,1234.5678,no\n",
            create_missing=True,
        )
        product = session.scalar(select(Product.id))
        before = session.scalar(select(HistoryEntry.label))
        session.rollback()

        [entry] = visit(client, "/admin/products/details/", id=product).history

        assert before == "products.csv"
        assert "name: Product 1 → Tea" in entry
        assert "supplier: SUP1 → SUP2" in entry
        assert "→ 1234.5678" in entry
        assert "active: yes → no" in entry

    def test_tells_what_undoing_it_did(self, app, client, load, make, session):
        make.products(1)
        report = load("products", "sku,name\nSKU0001,Tea\n")
        with app.app_context():
            undo(report.run)
        product = session.scalar(select(Product.id))
        session.rollback()

        undone, imported = visit(client, "/admin/products/details/", id=product).history

        assert undone.startswith("Import undone from products.csv")
        assert "name: Tea → Product 1" in undone
        assert "name: Product 1 → Tea" in imported

    def test_tells_what_it_did_to_the_lines_of_an_order(self, app, client, load, make):
        touched, _ = make.orders(2)
        make.products(1)
        with stored.elsewhere(app) as others:  # history tells ids apart by table only
            first = and_(OrderLine.order_id == touched, OrderLine.line_no == 1)
            others.execute(delete(OrderLine).where(OrderLine.id == touched, ~first))
            others.execute(update(OrderLine).where(first).values(id=touched))

        load(
            "order-lines",
            "order,line_no,product,quantity,unit_price\nORD0001,1,,9,\nORD0001,7,SKU0001,2,1\n",
        )

        [entry] = visit(client, "/admin/orders/details/", id=touched).history
        assert "Line 1 quantity: 1 → 9" in entry
        assert "Line 7 added" in entry

    def test_tells_what_the_import_did_to_the_row(self, client, load, make, session):
        make.products(1)
        make.suppliers(2)
        load(
            "products",
            "sku,name,supplier,price,active\nSKU0001,Tea,SUP2,1234.5678,no\n",
            create_missing=True,
        )
        product = session.scalar(select(Product.id))
        before = session.scalar(select(HistoryEntry.label))
        session.rollback()

        [entry] = visit(client, "/admin/products/details/", id=product).history

        assert before == "products.csv"
        assert "name: Product 1 → Tea" in entry
        assert "supplier: SUP1 → SUP2" in entry
        assert "→ 1234.5678" in entry
        assert "active: yes → no" in entry

    def test_tells_what_undoing_it_did(self, app, client, load, make, session):
        make.products(1)
        report = load("products", "sku,name\nSKU0001,Tea\n")
        with app.app_context():
            undo(report.run)
        product = session.scalar(select(Product.id))
        session.rollback()

        undone, imported = visit(client, "/admin/products/details/", id=product).history

        assert undone.startswith("Import undone from products.csv")
        assert "name: Tea → Product 1" in undone
        assert "name: Product 1 → Tea" in imported

    def test_tells_what_it_did_to_the_lines_of_an_order(self, client, load, make):
        touched, _ = make.orders(2)
        make.products(1)

        load(
            "order-lines",
            "order,line_no,product,quantity,unit_price\nORD0001,1,,9,\nORD0001,7,SKU0001,2,1\n",
        )

        [entry] = visit(client, "/admin/orders/details/", id=touched).history
        assert "Line 1 quantity: 1 → 9" in entry
        assert "Line 7 added" in entry

    def test_shows_the_import_that_created_what_it_refers_to(self, client, load, make, session):
        [known] = make.suppliers()
        rows = "sku,name,supplier,price\nA,A,NEW,1\nB,B,NEW,2\nC,C,SUP1,2\nD,,NEWER,1\n"

        load("products", rows, create_missing=True, skip_refused=True)

        new = session.scalar(select(Supplier.id).where(Supplier.code == "NEW"))
        assert len(visit(client, "/admin/suppliers/details/", id=new).history) == 1
        assert visit(client, "/admin/suppliers/details/", id=known).history == []


class TestLinesWithoutNumbers:
    def test_are_known_by_order_and_product_and_continue_the_numbers(self, load, make, session):
        make.orders(1, lines=1)
        make.products(2)
        rows = "order,product,quantity,unit_price\n" + "".join(
            f"ORD0001,SKU000{n},{n},1\n" for n in (3, 1, 2)
        )

        first = load("order-lines", rows)
        second = load("order-lines", rows)

        assert counts(first) == (2, 1, 0, 0)
        assert counts(second) == (0, 0, 3, 0)
        lines = session.execute(
            select(OrderLine.line_no, Product.sku)
            .join(OrderLine.product)
            .order_by(OrderLine.line_no)
        ).all()
        assert lines == [(1, "SKU0001"), (2, "SKU0003"), (3, "SKU0002")]

    def test_are_refused_where_the_order_has_the_product_twice(self, load, make, unchanged):
        make.orders(1, lines=2)

        with unchanged():
            report = load("order-lines", "order,product,quantity\nORD0001,SKU0001,5\n")

        assert reasons(report) == [
            (
                "line 2, column order, product: 'ORD0001, SKU0001' stands in this order "
                "more than once: add the column line_no"
            )
        ]


class TestDryRun:
    def test_writes_nothing_and_counts_what_the_import_then_does(self, load, make, unchanged):
        make.suppliers()
        load("products", products(20))
        rows = products(30, lambda n: f"{n}.5{n % 2}") + "X,X,OTHER,1,1\nY,Y,OTHER,bad,1\n"
        chosen = {"create_missing": True, "skip_refused": True}

        with unchanged():
            foretold = load("products", rows, dry_run=True, **chosen)
        done = load("products", rows, **chosen)

        assert counts(foretold) == counts(done) == (11, 10, 10, 1)
        assert (foretold.run, foretold.rejects) == (None, done.rejects)


class TestOtherWriters:
    def test_do_not_hold_up_a_dry_run(self, load, make, session):
        make.suppliers()
        session.execute(update(Supplier).values(city="Oslo"))

        report = load("products", products(10), dry_run=True)

        assert counts(report) == (10, 0, 0, 0)

    def test_write_while_rows_are_read_and_staged(self, load, make, app):
        make.suppliers()

        def write(file):
            with app.app_context(), db.engine.begin() as connection:
                connection.execute(update(Supplier).values(city="Oslo"))
            return file

        report = load("products", products(10), watch=write)

        assert counts(report) == (10, 0, 0, 0)


class TestMemory:
    def test_does_not_grow_with_the_file(self, load, make):
        make.suppliers()

        def peak(count):
            rows = products(count).encode()
            tracemalloc.start()
            try:
                load("products", rows, dry_run=True)
                return tracemalloc.get_traced_memory()[1] - len(rows)
            finally:
                tracemalloc.stop()

        peak(10)
        small, large = peak(10_000), peak(60_000)

        assert large < small * 1.25
