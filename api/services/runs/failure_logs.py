"""Compares the log of a test with logs of tests that passed, so that what only a failure says is seen."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice

from api.domain.errors import LogNotFound
from api.domain.results.result import JudgedTest, Verdict
from api.domain.runs.run import Run
from api.domain.text.log_difference import PASSING_LOGS, ComparedBy
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.results.passing import list_passing_runs, list_passing_tests
from api.storage.text.log_comparison import LogDifference, compare_logs
from api.storage.text.log_sections import find_section
from api.storage.text.log_windows import Readable

# So many places where a test passed are looked at for a log, and so many runs for passing tests of the same category.
LOOKED_AT = 20
PAST_RUNS = 10
# In so many logs of runs a test's section is looked for.
SEARCHED_LOGS = 6

TestLog = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FailureLog:
    """What only the log of a test says. `compared` are the passing logs, as pairs of run id and regression id."""

    by: ComparedBy
    compared: tuple[TestLog, ...]
    difference: LogDifference


def find_failure_log(run: Run, test: JudgedTest, tests: Sequence[JudgedTest], archive: Archive, limit: int) -> FailureLog:
    """Compare the log of a test with its last passing ones on the same platform, else with those of tests of its category.

    Up to `limit` lines are found. `tests` are those of the run. A log of the test's own is compared with such logs, a part of a
    run's log with such parts. Where nothing passed there are no lines. Raises LogNotFound.
    """
    with ExitStack() as opened:
        logs = _Logs(archive, opened, run.run_id, test.test.regression_id)
        found = logs.open_log(run.run_id, test.test.regression_id)
        if found is None:
            raise LogNotFound(run.run_id, archive.stores)
        by = ComparedBy.REGRESSION_TEST
        passing = logs.open_passing([(run_id, test.test.regression_id) for run_id in _runs(run, test)])
        if not passing:
            by, passing = ComparedBy.CATEGORY, logs.open_passing(list(_of_category(run, test, tests)))
        if not passing:
            return FailureLog(ComparedBy.NOTHING, (), LogDifference((), 0, is_complete=True))
        return FailureLog(by, tuple(passing), compare_logs(found, passing.values(), limit))


def _runs(run: Run, test: JudgedTest) -> Sequence[int]:
    return list_passing_runs(run, test.test.regression_id, limit=LOOKED_AT)


def _of_category(run: Run, test: JudgedTest, tests: Sequence[JudgedTest]) -> Iterator[TestLog]:
    """Where tests of its category passed: in this run, then in the last ones before."""
    categories = set(test.test.categories)
    alike = [
        each for each in tests if each.test.regression_id != test.test.regression_id and categories.intersection(each.test.categories)]
    passed = [(run.run_id, each.test.regression_id) for each in alike if each.verdict is Verdict.PASS]
    yield from passed[:LOOKED_AT]
    if alike and not passed:
        yield from list_passing_tests(run, [each.test.regression_id for each in alike], runs=PAST_RUNS, limit=LOOKED_AT)


class _Logs:
    """Opens logs of tests of one kind: each test's own log, or its part of the run's log, as the failing test has it."""

    def __init__(self, archive: Archive, opened: ExitStack, run_id: int, regression_id: int) -> None:
        self._archive, self._opened = archive, opened
        own = paths.test_log_name(run_id, regression_id)
        self._is_own = bool(archive.look([own])[own].where)

    def open_log(self, run_id: int, regression_id: int) -> Readable | None:
        """Open the log of a test. Returns None where there is none."""
        source = self._opened.enter_context(self._archive.hold(self._name(run_id, regression_id)))
        return source if source is None or self._is_own else find_section(source, regression_id)

    def open_passing(self, candidates: Sequence[TestLog]) -> dict[TestLog, Readable]:
        """Open the first logs of these that are there, as many as are compared."""
        names = {each: self._name(*each) for each in candidates}
        places = self._archive.look(names.values()) if names else {}
        present = [each for each, name in names.items() if places[name].where][:SEARCHED_LOGS]
        found = ((each, self.open_log(*each)) for each in present)
        return dict(islice(((each, log) for each, log in found if log is not None), PASSING_LOGS))

    def _name(self, run_id: int, regression_id: int) -> str:
        return paths.test_log_name(run_id, regression_id) if self._is_own else paths.log_name(run_id)
