"""What the database answers for a list of runs is what the pure functions say of the rows in its tables."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from api.domain.results.result import OutputReport, Report, TestReports, judge
from api.domain.runs.progress import timeline
from api.domain.runs.run import Phase, Platform, ProgressEvent, Run, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.domain.runs.status import run_status
from api.services.runs import runs
from api.services.runs.platform_sync import catch_up, judge_pending
from api.storage.database import session
from api.storage.platform_tables import ProgressRow, ResultFileRow, ResultRow
from api.storage.runs.expected_tests import load_expected_tests
from tests.builders import NOW, minutes
from tests.databases import Database
from tests.examples import examples
from tests.services.generated import BRANCHES, COMMITS, HISTORIES, REPOSITORIES, History, fill

FILTERS = st.builds(
    RunFilter, status=st.sampled_from([None, None, *RunStatus]), branch=st.sampled_from([None, None, None, *BRANCHES]),
    commit_sha=st.sampled_from([None, None, None, *COMMITS, "A" * 40]),
    repository=st.sampled_from([None, None, *REPOSITORIES, REPOSITORIES[0].upper(), "nobody/nothing"]),
    platform=st.sampled_from([None, None, *Platform]), pull_request=st.sampled_from([None, None, 7, 12]),
    created_after=st.sampled_from([None, None, *(minutes(number) for number in (-3, -1, 0, 2))]),
    created_before=st.sampled_from([None, None, *(minutes(number) for number in (-2, 0, 1, 3))]))
DATABASES = st.lists(HISTORIES, max_size=7)


def as_told(run: Run) -> Run:
    """The run with the status that the pure functions give it, from the rows of the platform's tables."""
    events = tuple(
        ProgressEvent(row.id, Phase(row.status), row.timestamp, row.message)
        for row in session().execute(select(ProgressRow).where(ProgressRow.test_id == run.run_id).order_by(ProgressRow.id)).scalars()
        if row.status in set(Phase))
    times = timeline(events)
    tests = judge(load_expected_tests(run.expected_tests_id), _reports(run.run_id), times.phase)
    status = run_status(times.phase, [test.verdict for test in tests])
    return run._replace(status=status, started_at=times.started_at, completed_at=times.completed_at)


def _reports(run_id: int) -> dict[int, TestReports]:
    outputs: defaultdict[int, dict[int, OutputReport]] = defaultdict(dict)
    for row in session().execute(select(ResultFileRow).where(ResultFileRow.test_id == run_id)).scalars():
        outputs[row.regression_test_id][row.regression_test_output_id] = OutputReport(
            row.regression_test_id, row.regression_test_output_id, row.got, row.expected)
    ended = {
        row.regression_test_id: Report(row.regression_test_id, row.exit_code, row.runtime, row.expected_rc)
        for row in session().execute(select(ResultRow).where(ResultRow.test_id == run_id)).scalars()}
    return {each: TestReports(ended.get(each), outputs[each]) for each in ended.keys() | set(outputs)}


def in_order(found: Sequence[Run], sort: RunSort) -> list[Run]:
    """The runs in an order of the contract: a run that never started is older than all that did."""
    def key(run: Run) -> tuple[bool, object, int]:
        value = getattr(run, sort.field)
        return (value is not None, value or 0, run.run_id)

    return sorted(found, key=key, reverse=sort.descends)


def visited(wanted: RunFilter, sort: RunSort, limit: int) -> tuple[list[Run], list[Run], set[int]]:
    """All runs of a list by cursor, all by offset, and the totals that the pages told."""
    by_cursor: list[Run] = []
    by_offset: list[Run] = []
    totals: set[int] = set()
    cursor, offset = None, 0
    for into in (by_cursor, by_offset):
        while True:
            page = runs.list_runs(wanted, sort, limit=limit, cursor=cursor, offset=offset if into is by_offset else 0)
            into += page.items
            totals.add(page.total)
            if into is by_cursor and (cursor := page.next_cursor) is None:
                break
            if into is by_offset:
                if page.next_offset is None:
                    break
                offset = page.next_offset
    return by_cursor, by_offset, totals


def check(
    database: Database, histories: Sequence[History], looked_between: bool, filters: Sequence[RunFilter], sort: RunSort, limit: int,
) -> None:
    """Hold every list against the pure functions."""
    database.empty()
    run_ids = fill(histories, looked_between=looked_between)
    catch_up(NOW)
    while judge_pending(100):
        pass
    expected = [as_told(runs.load_run(run_id)) for run_id in run_ids]
    by_status = [RunFilter(status=status) for status in RunStatus]

    for wanted in (RunFilter(), *by_status, *filters):
        matching = in_order([run for run in expected if wanted.matches(run)], sort)
        by_cursor, by_offset, totals = visited(wanted, sort, limit)
        assert by_cursor == by_offset == matching
        assert totals == {len(matching)}


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(DATABASES, st.booleans(), st.lists(FILTERS, min_size=3, max_size=6), st.sampled_from(RunSort), st.integers(1, 4))
def test_lists_on_sqlite_are_what_the_rows_say(
    sqlite_database: Database, histories: list[History], looked_between: bool, filters: list[RunFilter], sort: RunSort, limit: int,
) -> None:
    check(sqlite_database, histories, looked_between, filters, sort, limit)


@pytest.mark.mariadb
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(DATABASES, st.booleans(), st.lists(FILTERS, min_size=3, max_size=6), st.sampled_from(RunSort), st.integers(1, 4))
def test_lists_on_mariadb_are_what_the_rows_say(
    mariadb_database: Database, histories: list[History], looked_between: bool, filters: list[RunFilter], sort: RunSort, limit: int,
) -> None:
    check(mariadb_database, histories, looked_between, filters, sort, limit)
