"""Quotes that make no sense: each row with one is told, none below it is lost."""

import csv

import pytest

from backoffice.imports.records import Records

LIMIT = csv.field_size_limit()


def read(text, width=3, final=True):
    records = Records(text.splitlines(keepends=True), ",", width, final)
    used = records.read()
    faults = [(records.starts[at] + 1, column, reason) for at, column, reason in records.faults]
    return records.rows, faults, used


class TestRecords:
    @pytest.mark.parametrize(
        ("text", "lines"),
        [
            ('1,"open,3\n4,5,6\n', [(1, 1)]),
            ('1,"open,3\n4,"x, y",6\n7,8,9\n', [(1, 1)]),
            ('1,2,"open\n"4","5","6"\n7,8,9\n', [(1, 2)]),
            ('1,"open,3\n4,5,6\n7,nails 6",9\n', [(1, 1), (3, 1)]),
            ('1,"open,3\n4,"open,6\n7,8,9\n', [(1, 1), (2, 1)]),
            ('1,"open,3\n4,5\n"",8,9\n', [(1, 1)]),
            ('1,"open,3\n4,"two\nlines",6\n', [(1, 1)]),
            ('1,"open,3\n4,5,6', [(1, 1)]),
        ],
    )
    def test_below_an_unclosed_quote_are_all_read(self, text, lines):
        rows, faults, used = read(text)

        assert [(line, column) for line, column, _ in faults] == lines
        assert all("opens a quote that nothing closes" in reason for *_, reason in faults[:1])
        assert len(rows) == len(text.splitlines()) - text.count("two\n")
        assert used == len(text.splitlines())

    @pytest.mark.parametrize(
        "line",
        [
            '1,5" nails,3',
            '1,"5" nails",3',
            '1,"5" ,3',
            '1, "5",3',
            '1,a "b" c,3',
            '1,"""5"" x"y,3',
        ],
    )
    def test_with_a_stray_quote_are_told_by_column(self, line):
        rows, faults, _ = read(f"0,0,0\n{line}\n4,5,6\n")

        assert rows == [["0", "0", "0"], line.split(","), ["4", "5", "6"]]
        assert [(at, column) for at, column, _ in faults] == [(2, 1)]
        assert "holds a quote that is not written twice" in faults[0][2]

    @pytest.mark.parametrize(
        "text",
        [
            'a,"two\nlines",c\n',
            'a,"x, y\n1, 2",c\n',
            'a,"","6"" nails"\n',
            '"a\n\n\nb","c,d","e\nf"\n',
            '"","",""\n',
        ],
    )
    def test_in_order_are_taken(self, text):
        rows, faults, _ = read(text)

        assert rows == list(csv.reader([*text.splitlines(keepends=True)], strict=True))
        assert faults == []

    def test_of_two_columns_may_hold_a_text_with_a_comma_in_each_line(self):
        assert read('Tools,"Hammers\nDrills, bits"\n', 2)[1] == []
        assert [f[:2] for f in read('A,"5\nB,nails 6"\n', 2)[1]] == [(1, 1), (2, 1)]

    @pytest.mark.parametrize(
        ("between", "read_on"),
        [
            ("P2,b,S1,1,2\n", ["P2"]),
            ("\nP2,b,S1,1,2\n\n", ["P2"]),
            ("P2,b,S1,1\n", ["P2"]),
            ("P2,b\nP3,c,S1,1,2\n", ["P2", "P3"]),
            ("P2,x 3,5 mm,S1,1,2\n", ["P2"]),
            ("P2,big, long, 3,5 mm,S1,1,2\n", ["P2"]),
            ("", []),
        ],
    )
    def test_that_hold_rows_blank_or_ragged_ones_among_them_are_broken(self, between, read_on):
        text = f'P1,"a,S1,1,1\n{between}P4,c",S1,1,3\nP5,d,S1,1,4\n'

        rows, faults, _ = read(text, 5)

        assert [row[0] for row in rows] == ["P1", *read_on, "P4", "P5"]
        assert [fault[:2] for fault in faults[:1]] == [(1, 1)]
        assert "lines that look like rows" in faults[0][2]

    @pytest.mark.parametrize(
        "text",
        [
            "Sizes:\nS,M,L,XL,XXL",
            "Colours: red,green\nor blue",
            "Length 3,5\nWidth 2,5\nHeight 1,5",
            "Pack of 1,000\n\nor 2,000",
            "12 High Street\nLondon, EC1, England, Europe, Earth",
            "For nails, screws, bolts, and pins\nsteel, zinc, brass, and tin\n",
        ],
    )
    @pytest.mark.parametrize("width", [4, 5, 6])
    def test_that_hold_texts_with_commas_are_taken(self, text, width):
        record = ["A1", "Nails", text, "1.50", "7", "yes"][:width]
        line = ",".join(f'"{cell}"' if cell == text else cell for cell in record)

        assert read(line + "\n", width)[:2] == ([record], [])

    def test_with_quotes_around_every_cell_may_hold_any_text(self):
        rows, faults, _ = read('"a","1,2,3\n4,5,6",""\n"b,c,d\n","e","f"\n')

        assert faults == []
        assert rows == [["a", "1,2,3\n4,5,6", ""], ["b,c,d\n", "e", "f"]]
        assert read('1,"a,3\n4,b",6\n')[1][0][2].endswith("quotes around every cell of the row")

    def test_of_several_lines_with_a_stray_quote_are_one_fault(self):
        rows, faults, _ = read('a,"two\nlines 6" nail",c\nd,e,f\n')

        assert [fault[:2] for fault in faults] == [(1, 1)]
        assert rows[1:] == [["d", "e", "f"]]

    def test_with_too_long_a_cell_are_told_and_the_next_are_read(self):
        rows, faults, _ = read(f"1,2,{'x' * (LIMIT + 1)}\n4,5,6\n")

        assert faults == [(1, 2, "is longer than 131,072 characters: shorten it")]
        assert rows[1:] == [["4", "5", "6"]]

    def test_with_an_unclosed_quote_do_not_swallow_a_long_file(self):
        text = '1,"open,3\n' + "4,5,6\n" * (LIMIT // 6 + 10)

        rows, faults, _ = read(text)

        assert [fault[:2] for fault in faults] == [(1, 1)]
        assert len(rows) == LIMIT // 6 + 11

    def test_that_need_more_lines_are_left(self):
        assert read('1,2,3\n4,"5\n6', final=False)[2] == 1
