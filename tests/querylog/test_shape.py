"""Statements without their values, and values as JSON."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from backoffice.querylog.parameters import from_json, kinds_of, to_json
from backoffice.querylog.shape import fingerprint_of, shape_of


class TestShape:
    @pytest.mark.parametrize(
        ("statement", "shape"),
        [
            (
                "SELECT a\n  FROM b WHERE c = 'it''s' AND d = 12.5",
                "SELECT a FROM b WHERE c = ? AND d = ?",
            ),
            (
                "SELECT a FROM b WHERE c = %(c_1)s::VARCHAR LIMIT %(p)s",
                "SELECT a FROM b WHERE c = ? LIMIT ?",
            ),
            ("SELECT a FROM b WHERE c IN (?, ?, ?)", "SELECT a FROM b WHERE c IN (?, …)"),
            ("SELECT a FROM b WHERE c IN (1, 2)", "SELECT a FROM b WHERE c IN (?, …)"),
            ("INSERT INTO b VALUES (?, ?), (?, ?)", "INSERT INTO b VALUES (?, …), …"),
            ("SELECT t1.a2 FROM t1 WHERE x = :x", "SELECT t1.a2 FROM t1 WHERE x = ?"),
        ],
    )
    def test_has_no_values(self, statement, shape):
        assert shape_of(statement) == shape

    def test_is_one_for_lists_of_any_length(self):
        two, five = ("SELECT a FROM b WHERE c IN ({})".format(", ".join("?" * n)) for n in (2, 5))

        assert fingerprint_of(two) == fingerprint_of(five)
        assert fingerprint_of(two) != fingerprint_of("SELECT a FROM b WHERE d IN (?, ?)")


class TestParameters:
    VALUES = (
        None,
        True,
        3,
        1.5,
        "text",
        b"\x00",
        Decimal("1.2300"),
        date(2026, 1, 31),
        datetime(2026, 1, 31, 1, 2, 3, 4, UTC),
        [1, Decimal(2)],
    )

    def test_come_back_as_they_were(self):
        named = {str(place): value for place, value in enumerate(self.VALUES)}

        assert from_json(to_json(self.VALUES)) == self.VALUES
        assert from_json(to_json(named)) == named

    def test_are_told_by_their_kinds_alone(self):
        assert kinds_of(("secret", 12, None, [1])) == ["text of 6", "int", "null", "list of 1"]
