"""XLSX: one sheet of it, cells by their type, and what a made-up workbook may not do."""

import zipfile
from datetime import UTC, date, datetime, time

import pytest
import xlsxwriter
from sqlalchemy import select

from backoffice.imports import workbook
from backoffice.imports.read import FileRefused, Limits
from backoffice.models import Order, Product
from tests.conftest import SHARED
from tests.grid.sections import TABLES
from tests.imports.conftest import counts, reasons

FIXTURES = SHARED / "django_import_export_fixtures"
HEADER = ["sku", "name", "supplier", "price"]


@pytest.fixture
def sheets(tmp_path):
    """Writes a workbook of the named sheets, each a table, and returns its path."""

    def sheets(**tables):
        path = tmp_path / "book.xlsx"
        with xlsxwriter.Workbook(path, {"remove_timezone": True}) as book:
            formats = {
                date: book.add_format({"num_format": "dd/mm/yyyy"}),
                datetime: book.add_format({"num_format": "dd/mm/yyyy hh:mm"}),
                time: book.add_format({"num_format": "hh:mm"}),
            }
            for name, rows in tables.items():
                sheet = book.add_worksheet(name)
                for n, cells in enumerate(rows):
                    for column, cell in enumerate(cells):
                        if type(cell) in formats:
                            sheet.write_datetime(n, column, cell, formats[type(cell)])
                        elif isinstance(cell, str) and cell.startswith("=NA"):
                            sheet.write_formula(n, column, cell, None, "#N/A")
                        elif isinstance(cell, str):
                            sheet.write_string(n, column, cell)
                        elif cell is not None:
                            sheet.write(n, column, cell)
        return path

    return sheets


class TestSheet:
    @pytest.mark.parametrize(
        ("file", "header", "found"),
        [
            (
                "books.xlsx",
                ("id", "name", "author_email", "price"),
                [(2, ["1", "Some book", "test@example.com", "4"])],
            ),
            (
                "books-empty-author-email.xlsx",
                ("id", "name", "author_email"),
                [(2, ["1", "Some book", "author@example.com"]), (3, ["2", "book2", ""])],
            ),
        ],
    )
    def test_of_the_collection_is_read(self, read, file, header, found):
        assert read((FIXTURES / file).read_bytes()) == (header, found)

    def test_gives_its_cells_by_their_type(self, read, sheets):
        cells = [
            0.1 + 0.2,
            12.0,
            -0.5,
            1e14,
            True,
            date(2026, 1, 31),
            datetime(2026, 1, 31, 8, 30, tzinfo=UTC),
        ]
        path = sheets(One=[["h"] * 9, [*cells, " 00'1\nx ", "=1"]])

        _, ((line, found),) = read(path.read_bytes())

        assert line == 2
        assert found == [
            *("0.3", "12", "-0.5", "100000000000000", "yes", "2026-01-31", "2026-01-31 08:30:00"),
            *(" 00'1\nx ", "=1"),
        ]

    def test_counts_its_own_rows_past_empty_ones_and_columns(self, read, sheets):
        path = sheets(One=[[], [None, "a", "b"], [], [None, 1], [None, None, 2]])

        assert read(path.read_bytes()) == (("", "a", "b"), [(4, ["", "1", ""]), (5, ["", "", "2"])])

    def test_is_the_first_or_the_named_one(self, read, sheets):
        content = sheets(One=[["a"], ["1"]], Two=[["b"], ["2"]]).read_bytes()

        assert read(content)[0] == ("a",)
        assert read(content, sheet="Two") == (("b",), [(2, ["2"])])
        with pytest.raises(FileRefused, match=r"^line 1: there is no sheet 'Three': .*One, Two"):
            read(content, sheet="Three")

    def test_without_rows_is_refused(self, read, sheets):
        content = sheets(One=[["Title"]]).read_bytes()

        with pytest.raises(FileRefused, match=r"^line 1: nothing stands in sheet 'One'"):
            read(content, skip_lines=1)


class TestImport:
    def test_takes_numbers_and_dates_whatever_the_formats_of_texts(self, load, sheets, session):
        rows = [
            ["number", "placed_at", "shipped_at"],
            [17, date(2026, 1, 31), datetime(2026, 2, 1, 8, 30, tzinfo=UTC)],
            ["18", "31.01.2026", "01.02.2026 8:30"],
        ]

        report = load("orders", sheets(One=rows), dates="dmy")

        assert counts(report) == (2, 0, 0, 0)
        assert report.read_as == "sheet 'One' of a workbook"
        orders = session.scalars(select(Order).order_by(Order.number)).all()
        assert [order.number for order in orders] == ["17", "18"]
        assert {order.placed_at for order in orders} == {datetime(2026, 1, 31, tzinfo=UTC)}
        assert {order.shipped_at for order in orders} == {datetime(2026, 2, 1, 8, 30, tzinfo=UTC)}

    def test_takes_numbers_for_numbers_and_leaves_them_in_texts_where_texts_have_a_comma(
        self, load, make, sheets, session, tmp_path
    ):
        make.suppliers()
        rows = [
            [*HEADER, "stock"],
            [12.5, 0.5, "SUP1", 1.234, 1],
            ["A", "1.5", "SUP1", "1.234,5", "?"],
            [13.5, "2,5", "SUP1", 2.5, "?"],
        ]
        how = {"decimal": ",", "thousands": "point"}
        rejects = tmp_path / "rejects.csv"

        report = load("products", sheets(One=rows), skip_refused=True, rejects_file=rejects, **how)
        mended = rejects.read_bytes().replace(b"?,", b"1,")
        again = load("products", mended, **how)

        assert (counts(report), counts(again)) == ((1, 0, 0, 2), (2, 0, 0, 0))
        found = session.execute(select(Product.sku, Product.name, Product.price).order_by("sku"))
        assert [(sku, name, str(price)) for sku, name, price in found] == [
            ("12.5", "0.5", "1.2340"),
            ("13.5", "2,5", "2.5000"),
            ("A", "1.5", "1234.5000"),
        ]

    def test_refuses_rows_by_row_and_column_of_the_sheet(self, load, make, sheets):
        make.suppliers()
        rows = [
            ["Prices"],
            HEADER,
            ["A", "a", "SUP1", 1],
            ["B", "b", "SUP1", "=NA()"],
            ["C", "c", "SUP1", "x"],
            ["D", "d", "SUP1", 1, None, "note"],
        ]

        report = load("products", sheets(One=rows, Two=[]), skip_lines=1, skip_refused=True)

        assert counts(report) == (1, 0, 0, 3)
        assert report.read_as == "sheet 'One' (one of 2) of a workbook, header in row 2"
        number = "write digits, a point and at most four decimals, as in 1234.50"
        assert reasons(report) == [
            "line 4, column price: '#N/A' is an error of the sheet's own: mend its formula",
            f"line 5, column price: 'x' is not a number: {number}",
            (
                "line 6: has a value in column F, which the header does not name: "
                "name it, or empty it"
            ),
        ]

    def test_gives_its_rejects_as_csv_that_is_taken_with_the_same_options(
        self, load, make, sheets, tmp_path, session
    ):
        make.suppliers()
        rows = [["Prices"], HEADER, ["-1.5", "=x", "SUP1", "?"], ["B", "'=y", "SUP1", "?"]]
        how = {"skip_lines": 1, "sheet": "One", "decimal": ","}
        rejects = tmp_path / "rejects.csv"

        load("products", sheets(One=rows), rejects_file=rejects, **how)
        mended = rejects.read_bytes().replace(b",?,", b',"2,5",')
        again = load("products", mended, **how)

        assert mended.startswith(b"\xef\xbb\xbfPrices\r\nsku,name,supplier,price,line,reason\r\n")
        assert b"-1.5,'=x," in mended
        assert counts(again) == (2, 0, 0, 0)
        assert session.execute(select(Product.sku, Product.name).order_by("sku")).all() == [
            ("-1.5", "=x"),
            ("B", "'=y"),
        ]


class TestRoundTrip:
    @pytest.mark.parametrize("table", TABLES)
    def test_of_every_list_changes_nothing(self, client, load, make, unchanged, table):
        make.orders(3, lines=2)
        with client.get(f"/admin/{table}/export/?format=xlsx") as response:
            content = response.data

        with unchanged():
            report = load(table, content)

        assert counts(report)[2] == report.rows
        assert report.rows > 0 or table == "categories"


class TestHostile:
    def test_bomb_is_refused_by_what_it_says_of_itself(self, sheets, read):
        path = sheets(One=[["a"]])
        with (
            zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
            archive.open("xl/media/bomb.xml", "w", force_zip64=True) as part,
        ):
            for _ in range(1100):
                part.write(bytes(1 << 20))

        with pytest.raises(FileRefused, match=r"unpacks to more than 1,024 MiB: split it"):
            read(path.read_bytes())

    def test_sheet_that_needs_more_memory_than_it_may_take_is_refused(
        self, sheets, read, monkeypatch
    ):
        monkeypatch.setattr(workbook, "USUAL", Limits(memory=200 << 20))
        path = sheets(One=[["a"]])
        far = b'<c r="XFD1048576"><v>1</v></c></row>'
        _rewrite(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"</row>", far))

        with pytest.raises(FileRefused, match=r"needs more than 200 MiB of memory to be read"):
            read(path.read_bytes())

    def test_workbook_that_takes_too_long_is_refused(self, sheets, read, monkeypatch):
        monkeypatch.setattr(workbook, "USUAL", Limits(seconds=0.001))

        with pytest.raises(FileRefused, match=r"needs more than 0.001 s to be read"):
            read(sheets(One=[["a"]]).read_bytes())

    @pytest.mark.parametrize(
        ("part", "change"),
        [
            ("xl/workbook.xml", lambda xml: xml[:200]),
            ("xl/worksheets/sheet1.xml", lambda xml: b"<oops"),
            ("xl/_rels/workbook.xml.rels", lambda xml: b""),
        ],
    )
    def test_broken_workbook_is_refused_in_a_line(self, sheets, read, part, change):
        path = sheets(One=[["a"], ["1"]])
        _rewrite(path, part, change)

        with pytest.raises(FileRefused, match=r"^line 1: the workbook cannot be read: [^\n]+$"):
            read(path.read_bytes())

    def test_entities_do_not_grow_without_bound(self, sheets, read):
        path = sheets(One=[["a"], ["1"]])
        more = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
        bomb = f'<!DOCTYPE x [<!ENTITY e0 "ha">{more}]>'.encode()

        def change(xml):
            start, tag, rest = xml.partition(b"<workbook")
            return start + bomb + tag + rest.replace(b"</sheets>", b"</sheets>&e9;")

        _rewrite(path, "xl/workbook.xml", change)

        with pytest.raises(FileRefused, match=r"^line 1: the workbook"):
            read(path.read_bytes())

    def test_other_archives_are_told_from_workbooks(self, read, tmp_path):
        path = tmp_path / "other.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", "a,b\n")

        with pytest.raises(FileRefused, match="this is a zip archive, but no XLSX workbook"):
            read(path.read_bytes())


def _rewrite(path, part, change):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
