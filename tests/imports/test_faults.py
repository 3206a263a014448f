"""Faults planted in a large file: all are found where they are, and nothing beside them."""

import csv
import random
from collections import Counter

import pytest

from backoffice.imports.rejects import line_of
from tests.imports.conftest import counts

HEADER = "sku;name;description;supplier;price;stock;active"
SKU, NAME, DESCRIPTION, SUPPLIER, PRICE, STOCK, ACTIVE = range(7)
COLUMNS = HEADER.split(";")
OTHERS = (
    "",
    "plain",
    "half; quoted",
    '6"" nails ""galvanised""'.replace('""', '"'),
    "two\nlines",
    "x; y\r\n1; 2\n\nthird",
    "naïve ½ Ω",
    "comma, pipe | tab\t'",
)


def row(n):
    """A good row, written as a person or a program might."""
    name = ("Bolt", 'Nut "M8"', "Écrou; long", "Screw\nthread")[n % 4] + f" {n}"
    return [
        f"P{n:06}",
        name,
        OTHERS[n % len(OTHERS)],
        "SUP1",
        f"{n % 900}.{n % 100:02}",
        str(n % 50),
        "yes",
    ]


def _set(column, value):
    """A fault by a value: the row's text, the column told, and a part of the reason."""

    def fault(says):
        def plant(cells):
            cells = [*cells]
            cells[column] = value
            return line_of(cells, ";"), COLUMNS[column], says

        return plant

    return fault


def _raw(column, written, says, told=True):
    """A fault in how a cell is written."""

    def plant(cells):
        parts = [line_of([cell, ""], ";")[:-1] for cell in cells]
        parts[DESCRIPTION] = "plain"
        parts[NAME] = "plain"
        parts[column] = written
        return ";".join(parts), COLUMNS[column] if told else "", says

    return plant


KINDS = {
    "unclosed quote": _raw(NAME, '"open', "opens a quote that nothing closes"),
    "unclosed last quote": _raw(ACTIVE, '"yes', "opens a quote that nothing closes"),
    "closing quote only": _raw(NAME, 'open"', "holds a quote that is not written twice"),
    "stray quote": _raw(NAME, '6" nails', "holds a quote that is not written twice"),
    "quote within quotes": _raw(NAME, '"6" nails"', "holds a quote that is not written twice"),
    "wrong byte": _raw(NAME, "caf\udce9", "holds a byte that is not UTF-8 (0xE9)"),
    "missing cell": _raw(STOCK, "1;yes", "has 8 cells where the header has 7", told=False),
    "cell too many": _raw(NAME, "half; more", "has 8 cells where the header has 7", told=False),
    "NUL": _set(NAME, "a\0b")("holds a NUL character"),
    "over-long cell": _set(DESCRIPTION, "x" * 131_073)("is longer than 131,072 characters"),
    "too long": _set(NAME, "x" * 201)("has 201 characters: shorten it to 200"),
    "decimal comma": _set(PRICE, "1,50")("is not a number"),
    "letters": _set(PRICE, "l.50")("is not a number"),
    "five decimals": _set(PRICE, "1.23456")("is not a number"),
    "too dear": _set(PRICE, "1234567890.00")("is too large"),
    "below zero": _set(STOCK, "-1")("must not be below 0"),
    "half a piece": _set(STOCK, "1.5")("is not a whole number"),
    "too many pieces": _set(STOCK, "2147483648")("is too large"),
    "neither": _set(ACTIVE, "maybe")("is not yes or no"),
    "no key": _set(SKU, "")("is blank and says which product is meant"),
    "no name": _set(NAME, " ")("is missing: a new product needs name"),
    "unknown supplier": _set(SUPPLIER, "SUP2")("is no known supplier"),
    "repeated key": _set(SKU, "P000000")("stands on line 2 already"),
}


def plant(total, faults, seed):
    """The file's bytes, and by line the good row, the column and a part of the reason."""
    choice = random.Random(seed)
    kinds = [*KINDS.values()]
    # The first stays good, for others to repeat; clusters, because faults seldom come alone.
    places = sorted(choice.sample(range(1, total), faults // 2))
    wanted = set(places)
    for n in choice.sample(range(1, total), total - 1):
        if len(wanted) == faults:
            break
        if n - 1 in wanted or n + 1 in wanted:
            wanted.add(n)
    lines, line, expected = [HEADER], 2, {}
    for n in range(total):
        text = line_of(row(n), ";")
        if n in wanted:
            text, column, says = kinds[len(expected) % len(kinds)](row(n))
            expected[line] = (row(n), column, says)
        lines.append(text)
        line += 1 + len(text.replace("\r\n", "\n").split("\n")) - 1
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape"), expected


class TestPlantedFaults:
    @pytest.mark.parametrize(
        ("total", "faults", "seed"),
        [
            *((3_000, 300, seed) for seed in range(2)),
            pytest.param(100_000, 1_000, 7, marks=pytest.mark.slow),
        ],
    )
    def test_are_all_found_and_mended_are_all_taken(
        self, load, make, tmp_path, total, faults, seed
    ):
        make.suppliers()
        content, expected = plant(total, faults, seed)
        file = tmp_path / "rejects.csv"

        report = load("products", content, skip_refused=True, rejects_file=file)

        found = {reject.line: (reject.column, reject.reason) for reject in report.rejects}
        assert Counter(r.line for r in report.rejects) == Counter(list(expected))
        for line, (_, column, says) in expected.items():
            assert found[line][0] == column, (line, says, found[line])
            assert says in found[line][1]
        assert counts(report) == (total - faults, 0, 0, faults)

        limit = csv.field_size_limit(200_000)
        with file.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
            header, *refused = csv.reader(text, delimiter=";", strict=True)
        csv.field_size_limit(limit)
        assert header == [*COLUMNS, "line", "reason"]
        mended = [[*expected[int(cells[-2])][0], *cells[-2:]] for cells in refused]
        rows = [line_of(cells, ";") for cells in (header, *mended)]
        again = load("products", "\n".join([*rows, ""]).encode("utf-8", "backslashreplace"))
        assert counts(again) == (faults, 0, 0, 0)
