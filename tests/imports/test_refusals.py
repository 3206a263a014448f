"""What is refused, how it is told, and that nothing of it stays behind."""

import pytest
from sqlalchemy import select

from backoffice.imports.read import FileRefused
from backoffice.models import Product
from backoffice.models.record import rule
from tests.imports.conftest import HEADER, counts, products, reasons


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
        comma = "; or add --decimal , where a comma stands before decimals"
        assert reasons(report) == [
            f"line 3, column price: '1,23' is not a number: {number}{comma}",
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

    def test_takes_a_rule_for_what_it_says_and_no_colon_in_it_for_a_parameter(self, load, make):
        make.suppliers()
        table = Product.__table__
        colon = rule("no_colon", r"name <> 'a\:b'", field="name", says="Must not be a:b.")
        table.append_constraint(colon)

        try:
            report = load("products", HEADER + "A,a:b,SUP1,1,1\nB,a,SUP1,1,1\n")
        finally:
            table.constraints.discard(colon)

        assert reasons(report) == ["line 2, column name: 'a:b' must not be a:b"]

    def test_counts_a_single_cell_in_the_singular(self, load, make):
        report = load("products", HEADER + "A\n")

        assert "has 1 cell where the header has 5" in reasons(report)[0]

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
        header = "sku;name;supplier;price;line;reason\r\n"
        assert written.startswith(header + '"B";"q""q\n";"SUP1";"1,5";"3";')
        assert len(report.rejects) == 3
        again = load("products", written.replace("1,5", "1.5").replace("c;X;y", "c;SUP1;2"))
        assert counts(again) == (2, 0, 0, 0)
        assert again.ignored == ("line", "reason")
