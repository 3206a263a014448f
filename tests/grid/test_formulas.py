"""Text in CSV files: nothing that a spreadsheet runs, and every text comes back."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice.grid.formulas import STARTS, guarded, unguarded
from backoffice.imports.validate import parser
from backoffice.models import Product
from tests.conftest import shared

DESCRIPTION = Product.__table__.c.description.type
HARD = st.text(st.sampled_from("'" + STARTS + 'ab ,;"')) | st.text()


class TestGuarded:
    @given(HARD)
    def test_never_begins_like_a_formula_and_comes_back(self, text):
        cell = guarded(text)

        assert not cell or cell[0] not in STARTS
        assert unguarded(cell) == text
        assert cell in (text, f"'{text}")

    @given(HARD.map(str.strip))
    def test_comes_back_through_a_file_and_the_import(self, text):
        file = io.StringIO(newline="")
        csv.writer(file).writerow([guarded(text), "end"])
        file.seek(0)
        (cells,) = csv.reader(file, strict=True)

        if "\0" not in text:
            assert (parser(DESCRIPTION, "sqlite")(cells[0]) or "") == text

    def test_holds_for_known_payloads(self):
        payloads = shared("csv_injection", "csv-payload.txt").read_text().splitlines()

        cells = [guarded(payload) for payload in payloads]

        assert payloads
        assert [cell for cell in cells if cell[:1] in set(STARTS)] == []
        assert [unguarded(cell) for cell in cells] == payloads

    @pytest.mark.parametrize("text", ["'s-Gravenhage", "'", "''", "", "O'Hara", "5-4"])
    def test_leaves_alone_what_is_no_formula(self, text):
        assert guarded(text) == unguarded(text) == text

    @pytest.mark.parametrize("text", ["=1+1", "+47 22", "-3", "@a", "'=1", "\tx", "\rx", "＝1"])
    def test_marks_what_is_one_or_was_marked_before(self, text):
        assert guarded(text) == f"'{text}"
