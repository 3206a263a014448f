"""One import from file to tables: what is written, what is refused, what is counted."""

import json
import subprocess
import sys
import tracemalloc

import pytest
from sqlalchemy import select, update

from backoffice.config import ROOT
from backoffice.database import db
from backoffice.imports.read import FileRefused
from backoffice.models import HistoryEntry, Order, OrderLine, Product, Supplier

HEADER = "sku,name,supplier,price,stock\n"


def products(count, price=lambda n: f"{n}.50"):
    return HEADER + "".join(f"P{n},Product {n},SUP1,{price(n)},{n}\n" for n in range(count))


def counts(report):
    assert report.inserted + report.updated + report.unchanged + report.rejected == report.rows
    return report.inserted, report.updated, report.unchanged, report.rejected


def reasons(report):
    return [str(reject) for reject in report.rejects]


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
        assert (entry.id, entry.action, entry.table_name) == (report.run, "import", "products")
        assert (entry.label, entry.changes["inserted"]) == ("products.csv", 3)
        assert {product.created_at for product in session.scalars(select(Product))} == {entry.at}

    def test_tells_an_open_form_of_the_order_that_its_lines_changed(self, load, make, session):
        make.orders(2)

        load("order-lines", "order,line_no,quantity\nORD0001,1,9\nORD0002,1,1\n")

        versions = session.scalars(select(Order.version).order_by(Order.number)).all()
        assert versions == [2, 1]


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


class TestRefusal:
    def test_names_each_fault_by_line_and_column_and_leaves_nothing_behind(
        self, load, make, unchanged
    ):
        make.suppliers()
        rows = HEADER + (
            'A,Good,SUP1,1,1\nB,"two\nlines",SUP1,"1,23",1\nC,Unknown,NORDX,1,-5\n'
            "A,Again,SUP1,2,1\nD,,SUP1,1e5000,1\nE,Short\n,No key,SUP1,1,1\n"
        )

        with unchanged():
            report = load("products", rows)

        supplier = "'NORDX' is no known supplier: import it first, or add --create-missing"
        number = "write digits, a point and at most four decimals, as in 1234.50"
        assert reasons(report) == [
            f"line 3, column price: '1,23' is not a number: {number}",
            "line 5, column stock: '-5' must not be below 0",
            f"line 5, column supplier: {supplier}",
            "line 6, column sku: 'A' stands on line 2 already: keep one of the two rows",
            "line 7, column name: is missing: a new product needs name",
            f"line 7, column price: '1e5000' is not a number: {number}",
            "line 8: has 2 cells where the header has 5: look for a stray delimiter",
            "line 9, column sku: is blank and says which product is meant: fill it in",
        ]
        assert counts(report) == (0, 0, 1, 6)
        assert report.run is None

    def test_of_a_missing_key_column_names_it_and_the_header(self, load, unchanged):
        with unchanged(), pytest.raises(FileRefused, match=r"line 1: column sku is missing.*code"):
            load("products", "code,name\nA,B\n")

    def test_of_a_column_that_new_rows_need_names_each_of_them(self, load, make):
        make.products(1)

        report = load("products", "sku,name\nSKU0001,Known\nNEW,New\n")

        assert reasons(report) == [
            "line 3, column price: is missing: a new product needs price",
            "line 3, column supplier: is missing: a new product needs supplier",
        ]

    def test_spares_the_good_rows_when_told_to(self, load, make, session):
        make.suppliers()

        report = load("products", HEADER + "A,A,SUP1,1,1\nB,B,SUP1,x,1\n", skip_refused=True)

        assert counts(report) == (1, 0, 0, 1)
        assert session.scalars(select(Product.sku)).all() == ["A"]

    def test_covers_rules_about_several_columns_also_against_what_is_stored(self, load, make):
        make.orders(1)

        orders = load("orders", "number,shipped_at\nORD0001,2025-12-31\n")
        lines = load("order-lines", "order,line_no,quantity,unit_price\nORD0001,1,1000000,1000\n")

        assert reasons(orders) == [
            "line 2, column shipped_at: '2025-12-31' must not be before the order was placed"
        ]
        assert reasons(lines) == [
            "line 2, column quantity: '1000000' quantity times price must stay below 1,000,000,000"
        ]

    def test_tells_of_every_row_where_all_are_wrong_and_keeps_the_first_thousand(self, load):
        report = load("products", products(1_200))

        assert counts(report) == (0, 0, 0, 1_200)
        assert len(report.rejects) == 1_000


class TestRejectsFile:
    def test_mended_is_imported_as_it_is(self, load, make, tmp_path, session):
        make.suppliers()
        rows = 'sku;name;supplier;price\r\nA;"x;y";SUP1;1\r\nB;"q""q\n";SUP1;1,5\r\nC;c;X;y\r\n'
        file = tmp_path / "rejects.csv"

        report = load("products", rows, skip_refused=True, rejects_file=file)

        written = file.read_bytes().decode("utf-8-sig")
        assert written.startswith('sku;name;supplier;price;line;reason\r\nB;"q""q\n";SUP1;1,5;3;')
        assert len(report.rejects) == 3
        again = load("products", written.replace("1,5", "1.5").replace("c;X;y", "c;SUP1;2"))
        assert counts(again) == (2, 0, 0, 0)
        assert again.ignored == ("line", "reason")


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


class TestCommand:
    def test_takes_standard_input_and_prints_one_object(self, manage, make):
        make.suppliers()

        ran = manage("products", "-", "--json", stdin=products(3))

        assert (ran.returncode, ran.stderr) == (0, "")
        told = json.loads(ran.stdout)
        assert list(told) == (
            ["kind", "file", "run", "rows"]
            + ["inserted", "updated", "unchanged", "rejected", "seconds"]
        )
        assert (told["kind"], told["rows"], told["inserted"]) == ("products", 3, 3)

    def test_exits_1_for_a_refused_row_and_2_for_wrong_usage(self, manage, tmp_path, unchanged):
        file = tmp_path / "june.csv"
        file.write_text(HEADER + "A,A,NORDX,1,1\n")

        with unchanged():
            refused = manage("products", file)
            missing = manage("suppliers", file)
            malformed = manage("products", file, "--map", "price")
            unknown = manage("products", file, "--map", "Their price=prize")
            itself = manage("products", file, "--rejects", file)

        assert refused.returncode == 1
        assert "june.csv line 2, column supplier: 'NORDX' is no known" in refused.stderr
        assert refused.stdout.startswith("june.csv: nothing imported, 1 row")
        assert missing.returncode == 1
        assert "june.csv line 1: column code is missing" in missing.stderr
        assert missing.stdout == ""
        assert {malformed.returncode, unknown.returncode, itself.returncode} == {2}
        assert "products have no field 'prize'" in unknown.stderr
        assert "would be overwritten" in itself.stderr

    def test_maps_a_column_and_exits_1_when_good_rows_only_were_taken(self, manage, tmp_path):
        file = tmp_path / "june.csv"
        file.write_text("Code;name;Town\nA;A;Oslo\nB;;Rome\n")

        ran = manage("suppliers", file, "--map", "Town=city", "--on-error", "skip")

        assert ran.returncode == 1
        assert ran.stdout.startswith("june.csv: done, 2 rows: 1 inserted, 0 updated, 0 unchanged")

    def test_shows_its_help_without_a_database(self):
        ran = subprocess.run(
            [sys.executable, ROOT / "manage.py", "import", "products", "--help"],
            env={"DATABASE_URL": "nonsense://", "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )

        assert ran.returncode == 0
        assert "A new product needs: supplier, sku, name, price" in ran.stdout
