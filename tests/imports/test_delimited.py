"""Text files as they come: delimiters, lines, what stands above the header."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backoffice.imports.delimited import LONGEST_LINE
from backoffice.imports.encoding import BLOCK
from backoffice.imports.read import FileRefused, open_source, rows
from backoffice.imports.rejects import line_of
from tests.imports.conftest import counts

CELLS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\r\n"), max_size=8
)


class TestLines:
    def test_are_physical_past_empty_ones_and_newlines_in_cells(self, read):
        header, found = read('a,b\n\n"x\ny",1\r\n"",2\n3,4')

        assert header == ("a", "b")
        assert found == [(3, ["x\ny", "1"]), (5, ["", "2"]), (6, ["3", "4"])]

    @pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
    def test_end_in_every_kind_of_newline(self, read, newline):
        assert read(newline.join(["a,b", "1,2", "3,4"]))[1] == [(2, ["1", "2"]), (3, ["3", "4"])]

    def test_are_right_wherever_the_file_is_cut_into_blocks(self, read):
        for shift in range(8):
            content = "a,b\r\n" + "x" * shift + ',"1\r\n2"\r\n' * (BLOCK // 8)

            _, found = read(content)

            assert [line for line, _ in found] == [2 + 2 * n for n in range(len(found))]
            assert {cells[1] for _, cells in found} == {"1\r\n2"}

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            ("a\n1\n\n2\n", [(2, ["1"]), (3, [""]), (4, ["2"])]),
            ("a,b,c\n1,2,3\n,,\n,\n\n4,5,6\n,,,,\n", [(2, [*"123"]), (6, [*"456"])]),
            ('a,b\n"1\n",2\n,\n"",""\n', [(2, ["1\n", "2"]), (5, ["", ""])]),
            ("a\tb\n\t\n1\t2\n", [(3, ["1", "2"])]),
        ],
    )
    def test_without_a_value_are_no_rows_of_several_columns(self, read, content, found):
        assert read(content)[1] == found

    @pytest.mark.parametrize("end", ["\x1a", "\n\x1a", "\r\n\x1a\x1a"])
    def test_end_where_a_file_of_dos_does(self, read, end):
        assert read("a,b\n1,\x1a2" + end)[1] == [(2, ["1", "\x1a2"])]

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6),
        st.sampled_from(",;\t|"),
        st.sampled_from(["\n", "\r\n", "\r"]),
        st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    )
    def test_come_back_as_any_writer_wrote_them(
        self, tmp_path_factory, table, delimiter, newline, encoding
    ):
        # Rows in quotes within a row look like what a forgotten quote swallows: see test_records.
        table = [["".join(c.split()) if delimiter in c else c for c in row] for row in table]
        text = newline.join(line_of(row, delimiter) for row in ["abc", *table])
        path = tmp_path_factory.mktemp("any") / "file.csv"
        path.write_bytes(text.encode(encoding))

        found = rows(open_source(path, name=path.name))

        assert [cells for _, cells in found] == list(filter(any, table))


class TestDelimiter:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_is_told_by_the_header(self, read, delimiter):
        assert read(f"a{delimiter}b\n1{delimiter}2\n")[1] == [(2, ["1", "2"])]

    @pytest.mark.parametrize(
        ("content", "header"),
        [
            ('"name, long; wide",price\nx,1\n', ("name, long; wide", "price")),
            ("sku;name, long;price\n1;a;1,5\n", ("sku", "name, long", "price")),
            ("price (net, EUR);sku\n1,5;a\n2;b\n", ("price (net, EUR)", "sku")),
            ("only\na;b\n", ("only",)),
            ("sku;name, long\n1;2\n1;" + "x" * 140_000 + "\n", ("sku", "name, long")),
        ],
    )
    def test_is_none_within_quotes_and_is_what_the_rows_have_too(self, read, content, header):
        assert read(content)[0] == header

    def test_gives_way_to_what_a_person_says(self, read):
        assert read("a;b,c\n1;2,3\n", delimiter=",")[1] == [(2, ["1;2", "3"])]


class TestAbove:
    def test_title_lines_are_left_out_by_number(self, read):
        header, found = read("Prices\n\n'June, \"final\nsku;name\n1;a\n", skip_lines=3)

        assert (header, found) == (("sku", "name"), [(5, ["1", "a"])])

    def test_lines_without_a_value_are_left_out(self, read):
        header, found = read("Prices,,\n,,\n\nsku,name,price\nA,a,1\n", skip_lines=1)

        assert (header, found) == (("sku", "name", "price"), [(5, ["A", "a", "1"])])

    def test_a_sep_line_names_the_delimiter_and_does_not_count(self, read):
        assert read("sep=|\nsku|n;m\n1|a\n") == (("sku", "n;m"), [(3, ["1", "a"])])
        assert read('"sep=;"\r\nTitle\r\nsku;n\r\n1;a\r\n', skip_lines=1)[1] == [(4, ["1", "a"])]

    def test_a_sep_line_names_what_may_be_a_delimiter(self, read):
        assert read('sep="\nsku;n\n')[0] == ('sep="',)

    def test_stands_in_the_rejects_file_which_is_then_read_alike(self, load, make, tmp_path):
        make.suppliers()
        file = tmp_path / "rejects.csv"
        above = 'sep=;\r\nPrices, "June\r\n\r\n'
        rows = above + "sku;name;supplier;price\r\nA;é;SUP1;x\r\nB;b;SUP1;1,5\r\n"
        how = {"skip_lines": 2, "decimal": ",", "encoding": "cp1252"}

        report = load(
            "products", rows.encode("cp1252"), skip_refused=True, rejects_file=file, **how
        )

        assert (counts(report), report.rejects[0].line) == ((1, 0, 0, 1), 5)
        assert report.read_as == "Windows-1252 with semicolons below line 3"
        written = file.read_bytes().decode("cp1252")
        assert written.startswith(above + "sku;name;supplier;price;line;reason\r\n")
        mended = written.replace("é;SUP1;x", "é;SUP1;1,25").encode("cp1252")
        assert counts(load("products", mended, **how)) == (1, 0, 0, 0)

    def test_of_a_mark_is_kept_in_the_rejects_file(self, load, make, tmp_path):
        make.suppliers()
        file = tmp_path / "rejects.csv"
        content = "sku,name,supplier,price\nA,é,SUP1,x\n".encode("utf-16")

        load("products", content, rejects_file=file)

        assert file.read_bytes()[:2] == content[:2]
        again = load("products", file.read_bytes(), rejects_file=file)
        assert counts(again) == (0, 0, 0, 1)
        assert file.read_bytes().decode("utf-16").splitlines()[0].endswith("price,line,reason")


class TestRefusal:
    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "line 1: the file is empty"),
            (b"\n\r\n", "line 2: the file is empty"),
            (b"\xef\xbb\xbf", "line 1: the file is empty"),
            (b"\xff\xfe", "line 1: the file is empty"),
            (b"PK\x03\x04\x00\x00", "line 1: the workbook cannot be read: File is not a zip file"),
            (b"%PDF-1.7\n", "line 1: this is not text but a PDF"),
            (bytes(range(256)), "line 1: this is not text but some binary format"),
            (b"a,b\0,c,d,e,f,g,h,i,j,k,l,m,n,o,p\n1,2\n", "line 1: the header holds a NUL"),
            (b'a,"b\n1,2\n', "line 1: the header cannot be read as CSV"),
            (b"a,b\n1,2\n" + b'"\n' + b'xx","\n' * 400_000, "line 3: the row is longer than 1,000"),
            (b"a,b\n" + b"x" * (LONGEST_LINE + BLOCK), "line 2: the line is longer than 1,000,000"),
        ],
    )
    def test_is_one_line(self, read, content, says):
        with pytest.raises(FileRefused, match=f"^{says}"):
            read(content)

    def test_of_more_title_lines_than_there_are_says_so(self, read):
        with pytest.raises(FileRefused, match=r"^line 2: nothing stands below the 5 lines"):
            read("a,b\n1,2\n", skip_lines=5)
