"""When an index pays."""

import pytest

from backoffice.indexes.advice.measure import Read, duration
from backoffice.indexes.advice.verdict import Rules, why_not
from backoffice.indexes.advice.workload import Question


def read(before, after, calls=1_000):
    question = Question("f", "SELECT ?", "SELECT 1", (), calls, frozenset({"orders"}))
    return Read(question, before, after, stopped=False, plan_before="scan", plan_after="search")


class TestDuration:
    @pytest.mark.parametrize(
        ("seconds", "says"),
        [
            (12_345.6, "12,346 s"),
            (1.234, "1.23 s"),
            (0.0456, "45.6 ms"),
            (3.37e-6, "3.37 µs"),
            (2.3e-7, "0.23 µs"),
            (-0.5, "-500 ms"),
            (0, "0 µs"),
        ],
    )
    def test_has_the_unit_that_needs_no_zeros(self, seconds, says):
        assert duration(seconds) == says


class TestWhyNot:
    @pytest.mark.parametrize(
        ("before", "after", "cost", "says"),
        [
            (40, 0.4, 0.5, ""),
            (40, 38, 0, "gains only 2 s of 40 s"),
            (0.09, 0.01, 0, "spares no statement 0.1 ms"),
            (4, 1, 1.6, "readers gain 3 s, which is less than 2 times the 1.6 s"),
            (1, 4, 0, "gains only -3 s of 1 s"),
        ],
    )
    def test_goes_by_gain_and_cost(self, before, after, cost, says):
        one = read(before, after)

        found = why_not([one], one.gain, cost, Rules())

        assert found.startswith(says)
        assert bool(found) == bool(says)

    def test_goes_by_all_statements_together(self):
        reads = [read(40, 1), read(1, 30)]

        assert why_not(reads, sum(one.gain for one in reads), 0, Rules()) == ""
