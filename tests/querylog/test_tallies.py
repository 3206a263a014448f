"""What a page's foot hands on of its statements is read back."""

from backoffice.querylog.record import Asked
from backoffice.querylog.tallies import MOST, Tally, listed, tallies


class TestTallies:
    def test_are_read_as_they_were_listed_most_time_first(self):
        asked = [Asked(f"{n:016x}", "x.py:1", "SELECT 1", n, n / 1000, n) for n in range(MOST + 9)]

        read = tallies(listed(asked))

        assert len(read) == MOST
        assert read[0] == Tally(f"{MOST + 8:016x}", MOST + 8, 1000 * (MOST + 8), MOST + 8)
