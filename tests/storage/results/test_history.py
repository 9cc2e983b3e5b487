"""Histories: the database leaves exactly what the filter means, in one order, page by page."""
from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.domain.results.history import HistoryEntry, HistoryFilter
from api.domain.results.result import Verdict
from api.domain.runs.run import Phase, Platform, RunStatus
from api.services.runs.platform_sync import catch_up
from api.storage.database import session
from api.storage.results.history import MAX_MERGED, list_history, list_newest
from api.storage.tables.results import VerdictRow
from tests.builders import (
    NOW,
    BuiltTest,
    add_event,
    add_finished_run,
    add_regression_test,
    add_result_with_output,
    add_run,
    add_sample,
    digest_of,
    minutes,
)
from tests.databases import Database
from tests.examples import examples
from tests.platform_writes import delete_events, delete_run

BRANCHES = ("master", "Master", "master ", "mäster", "🎬")
filters = st.builds(
    HistoryFilter,
    run_status=st.none() | st.sampled_from(RunStatus), verdict=st.none() | st.sampled_from(Verdict),
    regression_id=st.none() | st.integers(0, 1), branch=st.none() | st.sampled_from(BRANCHES),
    platform=st.none() | st.sampled_from(Platform), created_after=st.none() | st.sampled_from([minutes(at) for at in (-1, 0, 3)]),
    created_before=st.none() | st.sampled_from([minutes(at) for at in (0, 2, 9)]))


def fill() -> list[BuiltTest]:
    """Runs of two tests of one sample, of many kinds."""
    sample = add_sample()
    tests = [add_regression_test(sample_id=sample) for _ in range(2)]
    for number, branch in enumerate(BRANCHES * 3):
        run_id = add_run(branch=branch, platform=("linux", "windows")[number % 2])
        add_event(run_id, Phase.TESTING, at=minutes(number // 3))
        for test in tests[:1 + number % 2]:
            add_result_with_output(run_id, test, got=digest_of("got") if number % 4 == 0 else None, exit_code=139 if number % 5 == 0 else 0)
        if number % 7:
            add_event(run_id, Phase.CANCELED if number % 6 == 0 else Phase.COMPLETED, at=minutes(99))
    catch_up(NOW)
    catch_up(NOW)
    return tests


def whole(tests: list[BuiltTest]) -> list[HistoryEntry]:
    return list(list_history([test.regression_id for test in tests], HistoryFilter(), limit=1000, offset=0).items)


@pytest.mark.parametrize("others", [0, MAX_MERGED])
def test_the_newest_entries_are_those_of_each_test_and_platform(database: Database, others: int) -> None:
    tests = fill()
    ids = [test.regression_id for test in tests]
    known = {
        regression_id: [
            next(each for each in whole(tests) if (each.regression_id, each.platform) == (regression_id, platform))
            for platform in Platform
            if any((each.regression_id, each.platform) == (regression_id, platform) for each in whole(tests))]
        for regression_id in ids}
    unknown = range(ids[-1] + 1, ids[-1] + 1 + others)

    found = list_newest([ids[0], *unknown, ids[1]])

    assert found == known | dict.fromkeys(unknown, [])
    assert all(known.values())


@pytest.mark.hypothesis
@pytest.mark.parametrize("others", [0, MAX_MERGED - 2, MAX_MERGED - 1, 2000])
def test_what_the_database_leaves_is_what_the_filter_means(database: Database, others: int) -> None:
    tests = fill()
    everything = whole(tests)
    ids = [test.regression_id for test in tests]
    all_ids = [*ids, *range(ids[-1] + 1, ids[-1] + 1 + others)]

    @settings(deadline=None, max_examples=examples(20 if others else 80), suppress_health_check=list(HealthCheck))
    @given(filters, st.integers(1, 8), st.integers(0, 30))
    def check(wanted: HistoryFilter, limit: int, offset: int) -> None:
        chosen = HistoryFilter(
            wanted.run_status, wanted.verdict, None if wanted.regression_id is None else ids[wanted.regression_id], wanted.branch,
            wanted.platform, wanted.created_after, wanted.created_before)

        page = list_history(all_ids, chosen, limit=limit, offset=offset)

        expected = [entry for entry in everything if chosen.matches(entry)]
        assert (page.total, list(page.items)) == (len(expected), expected[offset:offset + limit])

    check()


def test_the_order_is_total(database: Database) -> None:
    entries = whole(fill())

    assert len(entries) > 15
    assert entries == sorted(entries, key=lambda entry: (
        NOW - entry.run_created_at, -entry.run_id, entry.regression_id))


def test_a_run_that_the_platform_restarts_leaves_the_history_until_it_is_over_again(database: Database) -> None:
    test = add_regression_test()
    run_id = add_finished_run(test)
    catch_up(NOW)
    before = whole([test])
    delete_events(run_id)

    catch_up(NOW)
    meanwhile = whole([test])
    add_event(run_id, Phase.COMPLETED, at=NOW + timedelta(hours=1))
    catch_up(NOW)

    assert (len(before), meanwhile, len(whole([test]))) == (1, [], 1)


def test_a_deleted_run_takes_its_verdicts_along(database: Database) -> None:
    test = add_regression_test()
    run_id = add_finished_run(test)
    catch_up(NOW)
    delete_run(run_id)

    assert session().query(VerdictRow).count() == 0
