"""Other people's collections of odd files: read as they say, or refused in clear lines."""

import json
import re

import pytest
from sqlalchemy import select

from backoffice.imports.read import FileRefused, open_source, rows
from backoffice.models import Product
from tests.conftest import SHARED
from tests.imports.conftest import counts, reasons

SPECTRUM = sorted(SHARED.glob("csv_spectrum/csvs/*.csv"))
TEST_DATA = sorted(SHARED.glob("csv_test_data/csv/*.csv"))
FIXTURES = SHARED / "django_import_export_fixtures"
MAPS = ("id=sku", "author_email=supplier")


def expected(file):
    return json.loads((file.parents[1] / "json" / f"{file.stem}.json").read_bytes())


def stem(file):
    return file.stem


class TestCsvSpectrum:
    @pytest.mark.parametrize("file", SPECTRUM, ids=stem)
    def test_is_read_as_expected(self, file):
        source = open_source(file, name=file.name)
        found = [dict(zip(source.header, cells, strict=True)) for _, cells in rows(source)]

        if file.stem == "location_coordinates":  # its expected figures are of another file
            assert [row["Cities"] for row in found] == ["Modesto"]
        else:  # newlines_crlf.json has LF inside the cell where the file has CRLF
            assert plain(found) == plain(expected(file))


class TestCsvTestData:
    @pytest.mark.parametrize(
        "file", [f for f in TEST_DATA if not f.stem.startswith("bad-")], ids=stem
    )
    def test_that_is_good_is_read_as_expected(self, read, file):
        wanted = expected(file)

        if file.stem.startswith("header-"):
            header, found = read(file.read_bytes())
            found = [dict(zip(header, cells, strict=True)) for _, cells in found]
        else:  # it has no header, so it is lent one
            header = ",".join("h" * len(wanted[0]))
            found = [cells for _, cells in read(header.encode() + b"\n" + file.read_bytes())[1]]

        assert found == wanted

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("header-less-fields", "line 2: has 2 cells where the header has 3"),
            ("header-more-fields", "line 2: has 4 cells where the header has 3"),
            ("header-no-header", "line 1: the file is empty"),
            ("header-wrong-header", "line 1: column 'foo', mapped to sku, is missing"),
            ("missing-quote", "line 2, column bar: '\"I forgot .*' opens a quote that nothing"),
            ("quotes-with-unescaped-quote", "line 2, column bar: '\"Hey' holds a quote that is"),
            ("unescaped-quote", "line 2, column bar: 'This \"quotes\" must .*' holds a quote that"),
        ],
    )
    def test_that_is_bad_is_refused_by_line_and_column(self, load, name, says):
        file = SHARED / "csv_test_data" / "csv" / f"bad-{name}.csv"

        try:
            told = reasons(load("products", file, maps=("foo=sku", "bar=name")))[0]
        except FileRefused as refusal:
            told = str(refusal)

        assert re.match(says, told)


class TestUnivocity:
    def test_is_read_as_its_authors_expect(self):
        file = SHARED / "univocity" / "correctness.csv"
        source = open_source(file, name=file.name)

        assert [source.header, *(tuple(cells) for _, cells in rows(source))] == [
            ("Year", "Make", "Model", "Description", "Price"),
            ("1997", "Ford", "E350", "ac, abs, moon", "3000.00"),
            ("1999", "Chevy", 'Venture "Extended Edition"', "", "4900.00"),
            ("1996", "Jeep", "Grand Cherokee", "MUST SELL!\nair, moon roof, loaded", "4799.00"),
            ("1999", "Chevy", 'Venture "Extended Edition, Very Large"', "", "5000.00"),
            ("", "", 'Venture "Extended Edition"', "", "4900.00"),
        ]


class TestDjangoImportExport:
    @pytest.mark.parametrize(
        ("file", "name", "told"),
        [
            ("books.csv", "Some book", "UTF-8 with commas"),
            ("books-dos.csv", "Some book", "UTF-8 with commas"),
            ("books-mac.csv", "Some book", "UTF-8 with commas"),
            ("books-mac.tsv", "Some book", "UTF-8 with tabs"),
            ("books-unicode.csv", "Some bookš", "UTF-8 with commas"),
            ("books-unicode.tsv", "Some bookš", "UTF-8 with tabs"),
            ("books-ISO-8859-1.csv", "Merci à toi", "Latin-1 with commas"),
        ],
    )
    def test_books_come_in(self, load, session, file, name, told):
        content = (FIXTURES / file).read_bytes()
        priced = re.sub(
            rb"(?<=[a-z])(?=[\r\n])", rb"%b5" % b"\t" if b"\t" in content else b",5", content
        )
        priced = priced.replace(b"email\t5", b"email\tprice").replace(b"email,5", b"email,price")

        report = load("products", priced, maps=MAPS, create_missing=True)

        assert counts(report) == (1, 0, 0, 0)
        assert report.read_as == told
        assert session.scalars(select(Product.name)).all() == [name]

    @pytest.mark.parametrize(
        ("file", "kind", "maps", "says"),
        [
            ("authors.csv", "categories", (), None),
            ("child.csv", "categories", (), None),
            ("books-sample.csv", "categories", (), None),
            ("books-for-delete.csv", "categories", (), "line 2, column name: is blank"),
            ("ebooks.csv", "categories", (), None),
            ("books-no-headers.csv", "products", (), "line 1: column sku is missing.*--skip-lines"),
            (
                "books-invalid-date.csv",
                "orders",
                ("id=number", "published=placed_at"),
                "line 3, column published: '1996x-01-01' is not a date",
            ),
            ("books.json", "products", (), "line 1: column sku is missing"),
            ("books.xls", "products", (), "line 1: this is not text but an old Excel workbook"),
        ],
    )
    def test_others_come_in_or_are_refused_in_a_clear_line(self, load, file, kind, maps, says):
        try:
            report = load(kind, FIXTURES / file, maps=maps)
        except FileRefused as refusal:
            told = str(refusal)
        else:
            told = reasons(report)[0] if report.rejected else None
            assert sum(counts(report)) == report.rows > 0

        assert told is None if says is None else re.match(says, told)


class TestShopify:
    @pytest.mark.parametrize(("file", "products"), [("apparel", 20), ("home-and-garden", 20)])
    def test_continuation_rows_make_no_nameless_products(self, load, session, file, products):
        maps = ("Handle=sku", "Title=name", "Vendor=supplier", "Variant Price=price")

        report = load(
            "products",
            SHARED / "shopify" / f"{file}.csv",
            maps=maps,
            create_missing=True,
            skip_refused=True,
        )

        assert report.inserted == products
        assert report.rejected == report.rows - products > 0
        assert all(
            "already: keep one" in told for told in reasons(report) if "column Handle" in told
        )
        assert "" not in session.scalars(select(Product.name)).all()


def plain(found):
    return [{k: v.replace("\r\n", "\n") for k, v in row.items()} for row in found]
