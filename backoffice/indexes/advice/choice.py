"""The choice among candidates: what gains most beside those chosen so far is measured next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backoffice.indexes.advice.candidates import Candidate, as_found, candidates, covered_by
from backoffice.indexes.advice.copied import Scratch
from backoffice.indexes.advice.measure import compare, duration, times, users
from backoffice.indexes.advice.verdict import Advice, Rules, why_not
from backoffice.indexes.advice.workload import Question, Workload
from backoffice.indexes.advice.writes import concerned_by, measure_writes
from backoffice.indexes.found import Found

ALIKE = 0.9
"""Of two candidates that gain nearly the same, the smaller is better."""

NEGLIGIBLE = 0.001
"""Share of the workload's time: less of it suggests no index, and is not worth one."""


@dataclass
class _Tried:
    """A candidate as last measured; ``beside`` is how many were chosen by then."""

    candidate: Candidate
    gain: float
    alone: float
    bytes: int
    beside: int
    questions: list[Question]


class Choice:
    """One choice on one copy; ``advice`` has the verdicts."""

    def __init__(
        self,
        copy: Scratch,
        workload: Workload,
        rules: Rules,
        there: list[Found],
        progress: Callable[[str], None],
    ) -> None:
        self.copy, self.workload, self.rules = copy, workload, rules
        self.there, self.progress = there, progress
        self.brief = max(1, rules.rounds // 2)  # rounds, until the last verdict
        self.advice: list[Advice] = []
        self.chosen: list[Advice] = []
        self.tried: list[_Tried] = []
        progress("asking each statement")
        self.first = self._ask(workload.questions)
        self.now = dict(self.first)  # seconds of one call, beside those chosen
        self.whole = sum(one.calls * self.first[one.fingerprint] for one in workload.questions)

    def take(self, offered: list[Candidate]) -> None:
        """Try the candidates once each; drop at once what needs no trial."""
        dear = [
            need
            for one in self.workload.questions
            if one.calls * self.first[one.fingerprint] > NEGLIGIBLE * self.whole
            for need in one.needs
        ]
        # As given, in the place of the equal one that was found.
        every = list({one: one for one in (*candidates(dear), *offered)}.values())
        for number, candidate in enumerate(every, 1):
            self.progress(f"{number} of {len(every)}: {candidate.name}")
            why = covered_by(candidate, self.there, self.copy.dialect)
            if not why and self.copy.rows[candidate.table] < self.rules.smallest:
                why = f"{candidate.table} has only {self.copy.rows[candidate.table]:,} rows"
            if why:
                self._refuse(candidate, why)
            else:
                self._keep(self._try(candidate))

    def choose(self) -> None:
        while best := self._best():
            self.tried.remove(best)
            self._measure(best)
        for wide in list(self.chosen):
            any(self._is_replaced(wide, narrow) for narrow in self._beginnings(wide.candidate))
        for least in sorted(self.chosen, key=lambda one: one.gain):
            self._measure_beside_all(least)

    def _beginnings(self, wide: Candidate) -> list[Candidate]:
        """The candidates that ``wide`` begins with, shortest first."""
        there = [as_found(wide)]
        tried = [one.candidate for one in self.advice if one.candidate != wide]
        found = [one for one in tried if covered_by(one, there, self.copy.dialect)]
        return sorted(found, key=lambda one: len(one.columns))

    def _is_replaced(self, wide: Advice, narrow: Candidate) -> bool:
        """Whether ``narrow`` took the place of ``wide``, which does no more beside the others.

        What was chosen early may owe its gain to statements that another serves by now.
        """
        questions = [read.question for read in wide.reads]
        before = sum(one.calls * self.now[one.fingerprint] for one in questions)
        self.progress(f"instead of {wide.candidate.name}: {narrow.name}")
        self.copy.drop(wide.candidate.name)
        tried = self._try(narrow)
        after = before - tried.gain
        unserved = [one for one in questions if one not in tried.questions]
        after += sum(
            one.calls * (seconds - self.now[one.fingerprint])
            for one in unserved
            for seconds in self._ask([one]).values()
        )
        if tried.questions and ALIKE * after <= before:
            self.advice = [one for one in self.advice if one.candidate != narrow]
            self.chosen.remove(wide)
            if self._measure(tried).pays:
                wide.pays, wide.reason = False, f"{narrow.name} does as much beside the others"
                self.now |= self._ask(questions)
                return True
            self.chosen.append(wide)
        self.copy.make(wide.candidate.statement, wide.candidate.table)
        return False

    def _ask(self, questions: list[Question]) -> dict[str, float]:
        """Fingerprint -> seconds of one call as things are: of a few, the quickest.

        It is only a first look, and what else the machine does would decide it.
        """
        seconds = self.rules.seconds
        found = {}
        with self.copy.transaction(seconds=seconds):
            for one in questions:
                found[one.fingerprint] = min(times(self.copy, one, seconds))
        return found

    def _about(self, table: str) -> list[Question]:
        return [one for one in self.workload.questions if table in one.tables]

    def _try(self, candidate: Candidate, alone: float | None = None) -> _Tried:
        _, size = self.copy.make(candidate.statement, candidate.table)
        try:
            questions = users(self.copy, self._about(candidate.table), candidate.name)
            after = self._ask(questions)
        finally:
            self.copy.drop(candidate.name)
        gain = sum(
            one.calls * (self.now[one.fingerprint] - after[one.fingerprint]) for one in questions
        )
        first = gain if alone is None else alone
        return _Tried(candidate, gain, first, size, len(self.chosen), questions)

    def _keep(self, tried: _Tried) -> None:
        """Go on with it, or refuse it with the reason that fits."""
        before = sum(one.calls * self.first[one.fingerprint] for one in tried.questions)
        enough = self.rules.least * before
        if not tried.candidate.offered:
            enough = max(enough, NEGLIGIBLE * self.whole)
        if tried.questions and tried.gain >= enough:
            self.tried.append(tried)
        elif self.chosen and tried.alone > tried.gain:
            self._refuse(tried.candidate, f"{self._serving(tried)} serves the same statements")
        elif not tried.questions:
            self._refuse(tried.candidate, "not used by the planner in any statement")
        else:
            self._refuse(
                tried.candidate, f"gains only {duration(tried.gain)} of {duration(before)}"
            )

    def _serving(self, tried: _Tried) -> str:
        """Which of the chosen took its place: the one of most use to the same table."""
        same = [one for one in self.chosen if one.candidate.table == tried.candidate.table]
        asked = {one.fingerprint for one in tried.questions}
        shared = [one for one in same if asked & {read.fingerprint for read in one.reads}]
        return (shared or same or self.chosen)[0].candidate.name

    def _refuse(self, candidate: Candidate, why: str) -> None:
        self.advice.append(Advice(candidate, pays=False, reason=why))

    def _best(self) -> _Tried | None:
        """The one that gains most now; the smallest of those that gain nearly as much."""
        while self.tried:
            self.tried.sort(key=lambda one: -one.gain)
            # What was measured beside fewer can only gain less now.
            close = [one for one in self.tried if one.gain >= ALIKE * self.tried[0].gain]
            stale = [one for one in close if one.beside < len(self.chosen)]
            if not stale:
                return min(close, key=lambda one: one.bytes)
            for one in stale:
                self.progress(f"again: {one.candidate.name}")
                self.tried.remove(one)
                chosen = [as_found(each.candidate) for each in self.chosen]
                if why := covered_by(one.candidate, chosen, self.copy.dialect):
                    self._refuse(one.candidate, why)
                else:
                    self._keep(self._try(one.candidate, one.alone))
        return None

    def _measure(self, tried: _Tried) -> Advice:
        """The first verdict: whether it is chosen, beside those chosen so far."""
        candidate = tried.candidate
        self.progress(f"measuring {candidate.name}")
        seconds, size = self.copy.make(candidate.statement, candidate.table)
        found = Advice(candidate, pays=True, reason="")
        found.bytes, found.build_seconds = size, seconds
        self._weigh(found, tried.questions, self.brief)
        self._note(found)
        self.advice.append(found)
        if not found.pays:
            self.copy.drop(candidate.name)
            return found
        self.chosen.append(found)
        self.now |= self._ask(tried.questions)
        self._retire(found)
        return found

    def _measure_beside_all(self, chosen: Advice) -> None:
        """The last verdict, and the figures told, as things will be once all are built.

        Those chosen later may serve what an early one served; without it statements take other
        plans than they did without any, and writers have more pages to keep in memory.
        """
        name, table = chosen.candidate.name, chosen.candidate.table
        self.progress(f"beside the others: {name}")
        questions = users(self.copy, self._about(table), name)
        if questions:
            self._weigh(chosen, questions, self.rules.rounds)
        else:
            chosen.pays, chosen.reason = False, "the others serve its statements"
        if not chosen.pays:
            self.chosen.remove(chosen)
            self.copy.drop(name)

    def _weigh(self, one: Advice, questions: list[Question], rounds: int) -> None:
        """Reads and writes in turn, with it and without, and what follows from them."""
        candidate = one.candidate
        one.reads = compare(self.copy, candidate.name, questions, self.rules.seconds, rounds)
        one.writes = measure_writes(self.copy, candidate, rounds=rounds)
        writes = self.workload.writes_to(candidate.table, self.rules.reads_per_write)
        one.gain = sum(read.gain for read in one.reads)
        one.cost = one.writes.of(writes, frozenset(concerned_by(candidate)))
        one.reason = why_not(one.reads, one.gain, one.cost, self.rules)
        one.pays = not one.reason

    def _note(self, found: Advice) -> None:
        table = found.candidate.table
        if share := self.copy.sampled.get(table):
            found.notes.append(f"measured on {share:.0%} of {table}, chosen by chance")
        if self.workload.writes_to(table, self.rules.reads_per_write).assumed:
            found.notes.append(
                f"no write of {table} is recorded: one row for "
                f"{self.rules.reads_per_write:g} reads is assumed"
            )
        wide = as_found(found.candidate)
        for index in self.there:
            narrow = Candidate(index.table, index.keys, index.condition)
            if not index.unique and covered_by(narrow, [wide], self.copy.dialect):
                found.notes.append(f"{index.name} is not needed beside it")

    def _retire(self, wide: Advice) -> None:
        """Take back a chosen one that the new one begins with: its statements use the new one."""
        new = as_found(wide.candidate)
        for one in [one for one in self.chosen if one is not wide]:
            if covered_by(one.candidate, [new], self.copy.dialect):
                self.chosen.remove(one)
                self.copy.drop(one.candidate.name)
                one.pays, one.reason = False, f"covered by {wide.candidate.name}"
                questions = users(self.copy, self._about(new.table), new.name)
                wide.reads = compare(self.copy, new.name, questions, self.rules.seconds, self.brief)
                wide.gain = sum(read.gain for read in wide.reads)
