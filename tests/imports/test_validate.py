"""Rows to values by columns: wrong cells named, the rest of the batch as good as without them."""

import pytest

from backoffice.imports.cells import Formats
from backoffice.imports.kinds import KINDS
from backoffice.imports.mapping import FieldMap, match
from backoffice.imports.read import batches, open_source
from backoffice.imports.validate import validate
from tests.imports.conftest import reading_of


@pytest.fixture
def values(tmp_path):
    """The values and the complaints of a file of products."""

    def values(content, mapping=None, **chosen):
        path = tmp_path / "file.csv"
        path.write_text(content)
        kind, complaints = KINDS["products"], []
        source = open_source(path, name=path.name, reading=reading_of(chosen))
        layout = match(kind, mapping or FieldMap({}, {}, {}), source.header)
        found = list(validate(layout, batches(source), complaints, "sqlite", source))
        return found, [(c.line, c.header, c.reason.split(":")[0]) for c in complaints]

    return values


class TestValidate:
    def test_gives_line_and_values_in_the_order_of_the_fields(self, values):
        found, complaints = values("price,sku,stock\n1.5,A,\n,B,7\n")

        assert found == [(2, False, "A", 15_000, None), (3, False, "B", None, 7)]
        assert complaints == []

    def test_leaves_wrong_cells_blank_and_names_each(self, values):
        found, complaints = values("sku,price,stock\nA,x,y\nB,1,1\n,2,2\n")

        assert found == [
            (2, True, "A", None, None),
            (3, False, "B", 10_000, 1),
            (4, True, None, 20_000, 2),
        ]
        assert sorted(complaints) == [
            (2, "price", "is not a number"),
            (2, "stock", "is not a whole number"),
            (4, "sku", "is blank and says which product is meant"),
        ]

    def test_leaves_rows_blank_that_it_cannot_parse(self, values):
        found, complaints = values('sku,price\nA\nB,1\nC,1,2\n"D,1\n')

        assert found == [
            (2, True, None, None),
            (3, False, "B", 10_000),
            (4, True, None, None),
            (5, True, None, None),
        ]
        assert sorted(complaints) == [
            (2, "", "has 1 cell where the header has 2"),
            (4, "", "has 3 cells where the header has 2"),
            (5, "sku", "opens a quote that nothing closes"),
        ]

    def test_maps_values_and_adds_constants_in_our_own_formats(self, values):
        mapping = FieldMap({"price": "Preis"}, {"price": {"frei": "0.5"}}, {"stock": "1000"})

        found, complaints = values(
            "sku;Preis\nA;1,5\nB;frei\nC;0.5\n", mapping, decimal=",", thousands="point"
        )

        assert [row[2:] for row in found] == [
            ("A", 15_000, 1000),
            ("B", 5_000, 1000),
            ("C", None, 1000),
        ]
        assert complaints == [(4, "Preis", "is not a number")]

    def test_tells_a_constant_that_is_wrong_in_every_row(self, values):
        mapping = FieldMap({}, {}, {"stock": "many"})

        _, complaints = values("sku\nA\nB\n", mapping)

        assert complaints == [
            (2, "stock", "is not a whole number"),
            (3, "stock", "is not a whole number"),
        ]

    def test_takes_the_formats_of_the_source(self, values):
        formats = Formats(",", "space")

        found, _ = values(
            "sku;price\nA;1 234,5\n", decimal=formats.decimal, thousands=formats.thousands
        )

        assert found == [(2, False, "A", 12_345_000)]
