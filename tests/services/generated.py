"""Generated databases: runs as the platform's programs, workers and people may have left them, orderly or not."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st

from api.services.runs.platform_sync import catch_up
from api.storage.database import transaction
from api.storage.platform_tables import CustomizedTestRow, ProgressRow, ResultFileRow, ResultRow, TestRow
from tests.builders import BASELINE, NOW, BuiltTest, Output, add_fork, add_regression_test, digest_of

VARIANT, OTHER = digest_of("variant"), digest_of("other")
REPOSITORIES = ("CCExtractor/ccextractor", "ada/CCExtractor", "Grace/fork")
BRANCHES = ("master", "Master", "master ", "topic/ö", "🎬", "")
COMMITS = ("a" * 40, "A" * 39 + "b", "c0ffee", "not a hash")
PULL_REQUESTS = (0, 7, 12, -1)
PHASES = ("preparation", "testing", "completed", "canceled", "building")


@dataclass(frozen=True)
class Told:
    """What is reported of one regression test: its exit code (None: it never ended), and per output what was got."""

    ended: bool
    exit_code: int | None
    expected_code: int | None
    outputs: tuple[str | None, ...]


MATCH = "match"
GOTS: st.SearchStrategy[str | None] = st.sampled_from([None, MATCH, MATCH, MATCH, VARIANT, VARIANT.upper(), OTHER, BASELINE, "error"])
TOLD = st.builds(
    Told, st.sampled_from([True, True, True, False]), st.sampled_from([0, 0, 0, 0, 10, 139, None]), st.sampled_from([0, 0, None, 10]),
    st.tuples(GOTS, GOTS))


@dataclass(frozen=True)
class History:
    """A run: what it is of, the tests it was restricted to, its events in two parts, and what was reported of each test."""

    platform: str
    repository: str
    branch: str
    commit: str
    pull_request: int
    restricted_to: tuple[int, ...]
    early: tuple[tuple[str, int], ...]
    late: tuple[tuple[str, int], ...]
    told: tuple[Told, ...]

    @property
    def was_over_early(self) -> bool:
        """Whether the first part of its events had an end in it."""
        return any(phase in ("completed", "canceled") for phase, _ in self.early)


EVENTS = st.lists(st.tuples(st.sampled_from(PHASES), st.integers(-3, 3)), max_size=3).map(tuple)
ORDERLY = st.sampled_from([(), ("preparation",), ("preparation", "testing", "completed"), ("testing", "completed"), ("canceled",)]).map(
    lambda phases: tuple((phase, minute) for minute, phase in enumerate(phases)))
HISTORIES = st.builds(
    History, st.sampled_from(["linux", "windows"]), st.sampled_from(REPOSITORIES), st.sampled_from(BRANCHES), st.sampled_from(COMMITS),
    st.sampled_from(PULL_REQUESTS), st.one_of(st.just(()), st.lists(st.integers(0, 2), unique=True, max_size=3).map(tuple)),
    st.one_of(st.just(()), ORDERLY, EVENTS), st.one_of(ORDERLY, EVENTS), st.tuples(TOLD, TOLD, TOLD))


def define_tests() -> list[BuiltTest]:
    """One test with variants, one with an ignored output, and one that is inactive."""
    return [
        add_regression_test(outputs=(Output(acceptable=(VARIANT,)),)),
        add_regression_test(outputs=(Output(), Output(extension=".log", ignored=True))),
        add_regression_test(outputs=(Output(), Output()), active=False)]


def fill(histories: Sequence[History], *, looked_between: bool) -> list[int]:
    """Make the runs, looking at the database between the two parts of their events or not; their ids."""
    tests = define_tests()
    forks = {name: add_fork(f"https://github.com/{name}.git") for name in REPOSITORIES}
    with transaction() as current:
        rows = [
            TestRow(
                platform=each.platform, test_type="commit", token=digest_of(f"secret {number}"), fork_id=forks[each.repository],
                branch=each.branch, commit=each.commit, pr_nr=each.pull_request)
            for number, each in enumerate(histories)]
        current.add_all(rows)
        current.flush()
        run_ids = [row.id for row in rows]
        current.add_all(
            CustomizedTestRow(test_id=run_id, regression_id=tests[index].regression_id)
            for run_id, each in zip(run_ids, histories, strict=True) for index in each.restricted_to)
    _add_events([(run_id, event) for run_id, each in zip(run_ids, histories, strict=True) for event in each.early])
    # Nothing is reported of a run after its end, unless an event follows that makes everything be looked at anew.
    over = {run_id for run_id, each in zip(run_ids, histories, strict=True) if each.was_over_early}
    for run_id, each in zip(run_ids, histories, strict=True):
        if run_id in over:
            _report(run_id, tests, each.told)
    if looked_between:
        catch_up(NOW)
    for run_id, each in zip(run_ids, histories, strict=True):
        if run_id not in over:
            _report(run_id, tests, each.told)
    _add_events([(run_id, event) for run_id, each in zip(run_ids, histories, strict=True) for event in each.late])
    return run_ids


def _add_events(events: Sequence[tuple[int, tuple[str, int]]]) -> None:
    with transaction() as current:
        for run_id, (phase, minute) in events:
            current.add(ProgressRow(test_id=run_id, status=phase, timestamp=_at(minute), message=""))
            current.flush()


def _at(minute: int) -> datetime:
    return NOW + timedelta(minutes=minute)


def _report(run_id: int, tests: Sequence[BuiltTest], told: Sequence[Told]) -> None:
    with transaction() as current:
        for test, each in zip(tests, told, strict=True):
            if each.ended:
                current.add(ResultRow(
                    test_id=run_id, regression_test_id=test.regression_id, runtime=9, exit_code=each.exit_code,
                    expected_rc=each.expected_code))
            current.add_all(
                ResultFileRow(
                    test_id=run_id, regression_test_id=test.regression_id, regression_test_output_id=output_id, expected=BASELINE,
                    got=None if got == MATCH else got)
                for output_id, got in zip(test.output_ids, each.outputs, strict=False) if got is not None)
