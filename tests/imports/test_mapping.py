"""Mappings: what a mapping file may say, and how it is told off."""

import pytest
from sqlalchemy import select

from backoffice.imports.kinds import KINDS
from backoffice.imports.mapping import MappingError, load_mapping, match
from backoffice.imports.read import FileRefused
from backoffice.models import Order

ORDERS, PRODUCTS = KINDS["orders"], KINDS["products"]


@pytest.fixture
def mapping_file(tmp_path):
    """Writes a mapping file and returns its path."""

    def mapping_file(content):
        path = tmp_path / "mapping.toml"
        path.write_text(content)
        return path

    return mapping_file


class TestMappingFile:
    def test_gives_one_column_to_two_fields_and_maps_values(self, load, mapping_file, session):
        file = mapping_file(
            '[columns]\n"No" = "number"\n"Sent" = ["shipped_at", "status"]\n'
            '[values.status]\n"" = "placed"\n"*" = "shipped"\n[constants]\nnote = "old"\n'
        )

        load("orders", "no,placed_at,sent\n1,2026-01-01,2026-01-02\n2,2026-01-01,\n", mapping=file)

        orders = session.scalars(select(Order).order_by(Order.number)).all()
        assert [(order.number, order.status, order.note) for order in orders] == [
            ("1", "shipped", "old"),
            ("2", "placed", "old"),
        ]

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("[colums]\n", r"\[colums\] is no section: use columns, values, constants"),
            ('[columns]\n"A" = "prize"\n', "products have no field 'prize'"),
            ('[columns]\n"A" = 5\n', "products have no field 5"),
            ('[columns]\n"A" = "sku"\n"B" = "sku"\n', "two columns for sku"),
            ('[values.prize]\n"1" = "2"\n', "no field 'prize'"),
            ('[values]\nactive = "no"\n', r"\[values.active\] must be a table"),
            ("[values.active]\n1 = 0\n", "0 must be text in quotes"),
            ('[columns]\n"A" = "name"\n[constants]\nname = "x"\n', "both a column and a constant"),
            ("columns = 1\n", "must be a table"),
            ("[columns\n", "mapping.toml: "),
        ],
    )
    def test_is_told_off_by_section_and_name(self, mapping_file, content, says):
        with pytest.raises(MappingError, match=says):
            load_mapping(PRODUCTS, mapping_file(content))

    def test_gives_way_to_the_command_line(self, mapping_file):
        file = mapping_file('[columns]\n"A" = "sku"\n[constants]\nname = "x"\n')

        mapping = load_mapping(PRODUCTS, file, ["Size = L=sku", "B=name"])

        layout = match(PRODUCTS, mapping, ("A", "SIZE = l", "b", ""))
        assert [(c.field.name, c.index) for c in layout.cells] == [("sku", 1), ("name", 2)]
        assert layout.ignored == ("A", "column 4 without a name")


class TestHeader:
    def test_must_not_have_a_used_column_twice(self):
        with pytest.raises(FileRefused, match=r"column 'sku' stands in the header 2 times"):
            match(PRODUCTS, load_mapping(PRODUCTS), ("sku", " SKU "))

    def test_must_have_a_mapped_column_which_is_named_as_typed(self):
        mapping = load_mapping(PRODUCTS, pairs=["Titel=name"])

        with pytest.raises(FileRefused, match=r"column 'Titel', mapped to name, is missing"):
            match(PRODUCTS, mapping, ("sku",))

    def test_that_is_mapped_sets_no_other_field_by_its_name(self):
        header = ("code", "name", "Title")
        suppliers = KINDS["suppliers"]
        mapping = load_mapping(suppliers, pairs=["name=contact_name"])

        assert [(c.field.name, c.index) for c in match(suppliers, mapping, header).cells] == [
            ("code", 0),
            ("contact_name", 1),
        ]
        both = load_mapping(suppliers, pairs=["name=contact_name", "name=name"])
        assert {c.field.name for c in match(suppliers, both, header).cells} == {
            *("code", "name", "contact_name")
        }

    def test_without_a_name_is_left_aside_by_its_place(self):
        layout = match(PRODUCTS, load_mapping(PRODUCTS), ("", "sku", "", "", "x", ""))

        assert layout.ignored == (
            *("x", "column 1 without a name"),
            *("columns 3 to 4 without a name", "column 6 without a name"),
        )
