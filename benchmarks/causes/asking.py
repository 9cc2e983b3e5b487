"""What the domain says of the runs of a corpus, asked without a server: each run when it is over, by what is known then."""
from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from api.domain.captions.facts import facts
from api.domain.causes.analysis import Analysis, analyse, pairs_to_compare
from api.domain.causes.came import Came, Facts, Pair, Subject
from api.domain.causes.stability import Sighting, Stability, StabilityState, stability_of
from api.domain.causes.step import walk
from api.domain.results.base_run import Line, PastRun
from api.domain.results.exit_code import normalized
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest
from api.domain.runs.run import Platform
from benchmarks.causes.corpus import Corpus, Run

OUTPUT = 1
START = datetime(2026, 1, 1, tzinfo=UTC)


class Asked:
    """A corpus whose runs are analysed; `spent` has the processor time in seconds that facts took, and that the analyses did."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.known: dict[Pair, Facts] = {}
        self.runs: list[Run] = []
        self.spent = [0.0, 0.0]
        self.longest = 0.0

    def answers(self, *, late: bool) -> Iterator[tuple[Run, Analysis]]:
        """Each run that is not empty, with its analysis, of when it is over, or `late` of when all are."""
        if late:
            self.runs += self.corpus.runs()
        for run in list(self.runs) if late else self.corpus.runs():
            self.runs += [] if late else [run]
            if run.tests:
                yield run, self.analysed(run)

    def analysed(self, run: Run) -> Analysis:
        """The analysis of a run by it and those before it."""
        began = time.process_time()
        line = self.line(run)
        before = {each.run_id: each for each in self.runs}
        walks, stabilities = [], {}
        for number in sorted(run.tests):
            subject = self.subject(run, number)
            if subject.accepts(subject.came):
                continue
            came = {
                past.run_id: self.came(before[past.run_id], number) for past in line.runs if number in before[past.run_id].tests}
            passed = [run_id for run_id in came if self.subject(before[run_id], number).accepts(came[run_id])]
            walks.append(walk(
                _past(run), subject, line, came, passed=passed, elsewhere=self.elsewhere(run, number), beside=self.beside(run, number)))
            stabilities[number] = self.stability(number)
        pairs = pairs_to_compare(walks, stabilities)
        self.spent[1] += time.process_time() - began
        self._compare(pairs)
        began = time.process_time()
        found = analyse(walks, self.known, stabilities)
        self.spent[1] += time.process_time() - began
        self.longest = max(self.longest, time.process_time() - began)
        return found

    def _compare(self, pairs: tuple[Pair, ...]) -> None:
        began = time.process_time()
        for pair in pairs:
            if pair not in self.known:
                contents = self.corpus.contents
                self.known[pair] = facts(contents[pair.expected], contents[pair.actual], pair.code, True, clock=time.process_time)
        self.spent[0] += time.process_time() - began

    def line(self, run: Run) -> Line:
        """The line of a run, as the server finds it: parents are known of commits that were run, and behind these stand older runs."""
        base = self.corpus.history.PRS[run.pull_request][0] if run.pull_request is not None else None
        ancestors = list(self.corpus.ancestors(run.commit))
        left = ancestors.index(base) if base is not None else 0
        own, main = self._known([run.commit, *ancestors[:left]]), self._known(ancestors[left:])
        order = [*own, *main]
        here = [each for each in self.runs if each.platform == run.platform and each.tests]
        past = [each for each in here if each.commit in order and (each.commit != run.commit or each.run_id < run.run_id)]
        past.sort(key=lambda each: (order.index(each.commit), -each.run_id))
        farthest = next((each.commit for each in reversed(past) if each.commit in main), run.commit)
        before = min((each.run_id for each in here if each.commit == farthest), default=run.run_id)
        older = [each for each in reversed(here) if each.pull_request is None and each.run_id < before and each not in past]
        return Line(
            (*(_past(each, is_own=each.commit in own) for each in past), *(_past(each, is_assumed=True) for each in older)),
            tuple(main), base)

    def _known(self, commits: list[str]) -> list[str]:
        """Commits as far as it is known that each is the parent of the one before: by its runs."""
        told = {each.commit for each in self.runs}
        return commits[:next((place + 1 for place, each in enumerate(commits) if each not in told), len(commits))]

    def elsewhere(self, run: Run, number: int) -> dict[str, Came]:
        """What a test came to on other platforms, by commit."""
        return {each.commit: self.came(each, number) for each in self.runs if each.platform != run.platform and number in each.tests}

    def beside(self, run: Run, number: int) -> dict[str, list[Came]]:
        """What a test came to in other pull requests on the platform, by their merge bases, the newest first."""
        found: dict[str, list[Came]] = {}
        for each in reversed(self.runs):
            if each.platform == run.platform and each.pull_request not in (None, run.pull_request) and number in each.tests:
                found.setdefault(self.corpus.history.PRS[each.pull_request][0], []).append(self.came(each, number))
        return found

    def subject(self, run: Run, number: int) -> Subject:
        """A test of a run."""
        test = self.corpus.tests[number]
        output = ExpectedOutput(OUTPUT, run.baselines[number], self.corpus.extension(test), "", ignored=False)
        expected = ExpectedTest(
            number, self.corpus.samples[test["sample"]], "", ".ts", f"--out={test['fmt']}", "file", "file", test["rc"], (test["kind"],),
            (output,))
        return Subject(expected, normalized(test["rc"]), self.came(run, number))

    def came(self, run: Run, number: int) -> Came:
        """What a test came to in a run."""
        came = run.tests[number]
        return Came(normalized(came.exit_code), {OUTPUT: came.digest})

    def stability(self, number: int) -> Stability:
        """What the runs up to now tell of a test's determinism."""
        return stability_of([
            Sighting(
                run.run_id, run.commit, Platform(run.platform), run.baselines[number], self.came(run, number),
                is_main=run.pull_request is None)
            for run in self.runs if number in run.tests])


def _past(run: Run, *, is_own: bool = False, is_assumed: bool = False) -> PastRun:
    return PastRun(run.run_id, run.commit, START + timedelta(hours=run.run_id), is_own=is_own, is_assumed=is_assumed)


def costs_of(corpora: Sequence[Asked]) -> dict[str, str]:
    """Which tests are known to be nondeterministic in the end, and what everything took."""
    tests = [(asked, number) for asked in corpora for number in asked.corpus.tests]
    truly = {(asked, number) for asked in corpora for number in asked.corpus.never_the_same(asked.runs)}
    states = {(asked, number): asked.stability(number).state for asked, number in tests}
    proven, suspected = (
        {each for each, state in states.items() if state is wanted} for wanted in (StabilityState.PROVEN, StabilityState.SUSPECTED))
    facts_ms, analysis_ms = (1000 * sum(asked.spent[place] for asked in corpora) for place in (0, 1))
    pairs, runs = (sum(map(len, each)) for each in ([asked.known for asked in corpora], [asked.runs for asked in corpora]))
    return {
        "nondeterministic tests found": f"{len(proven & truly)} proven and {len(suspected & truly)} suspected of {len(truly)}, "
        f"falsely {len(proven - truly)} and {len(suspected - truly)}",
        "facts": f"{pairs} pairs, {facts_ms / max(1, pairs):.1f} ms each",
        "analysis of a run besides": f"{analysis_ms / max(1, runs):.0f} ms, {1000 * max(each.longest for each in corpora):.0f} ms at most"}
