"""Lists of runs: every filter, every order, exact totals, and pages that miss nothing."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.domain.errors import Invalid, Unavailable
from api.domain.page import Position
from api.domain.runs.run import Phase, Platform, Run, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.services.runs import runs
from api.services.runs.platform_sync import catch_up, judge_pending
from api.storage.database import read, session
from api.storage.runs.run_rows import RUNS, run_of
from api.storage.tables.runs import RunRow
from tests.builders import NOW, add_event, add_finished_run, add_regression_test, add_run, minutes
from tests.databases import Database
from tests.services.acting import EVERYTHING, create, listed, tell

SHA = "c0ffee" + "0" * 34


def pages(sort: RunSort, limit: int, wanted: RunFilter = EVERYTHING) -> list[Run]:
    """All runs of a list, page by page with the cursor that each page names."""
    seen: list[Run] = []
    page = runs.list_runs(wanted, sort, limit=limit)
    while True:
        seen += page.items
        if page.next_cursor is None:
            return seen
        page = runs.list_runs(wanted, sort, limit=limit, cursor=page.next_cursor)


@pytest.mark.parametrize(("wanted", "expected"), [
    (RunFilter(), [0, 1, 2]),
    (RunFilter(branch="master"), [0, 2]),
    (RunFilter(branch="Master"), []),
    (RunFilter(branch="master "), []),
    (RunFilter(branch="mastér"), []),
    (RunFilter(branch="🎬"), []),
    (RunFilter(commit_sha=SHA.upper()), [1]),
    (RunFilter(repository="ADA/fork"), [2]),
    (RunFilter(repository="ada/%"), []),
    (RunFilter(platform=Platform.WINDOWS), [1]),
    (RunFilter(pull_request=12), [1]),
    (RunFilter(pull_request=12, platform=Platform.LINUX), []),
    (RunFilter(status=RunStatus.QUEUED), [0, 1]),
    (RunFilter(status=RunStatus.RUNNING, branch="master"), [2]),
    (RunFilter(status=RunStatus.PASS), []),
    (RunFilter(created_after=minutes(-60), created_before=minutes(60)), [0, 1, 2]),
    (RunFilter(created_after=datetime.min.replace(tzinfo=UTC), created_before=datetime.max.replace(tzinfo=UTC)), [0, 1, 2]),
    (RunFilter(created_after=NOW), []),
    (RunFilter(created_before=NOW), []),
])
def test_a_list_shows_what_it_was_narrowed_to(database: Database, wanted: RunFilter, expected: list[int]) -> None:
    made = [
        add_run(), add_run(branch="topic", commit=SHA, platform="windows", pull_request=12), add_run(repository="ada/Fork")]
    add_event(made[2], Phase.PREPARATION)
    catch_up(NOW)

    page = runs.list_runs(wanted, RunSort.RUN_ID, limit=10)

    assert [made.index(run.run_id) for run in page.items] == expected
    assert page.total == len(expected)


@pytest.mark.parametrize(("sort", "expected"), [
    (RunSort.RUN_ID, [0, 1, 2, 3]), (RunSort.RUN_ID_DESC, [3, 2, 1, 0]),
    (RunSort.CREATED_AT, [1, 2, 0, 3]), (RunSort.CREATED_AT_DESC, [3, 0, 2, 1]),
    (RunSort.STARTED_AT, [0, 3, 2, 1]), (RunSort.STARTED_AT_DESC, [1, 2, 3, 0]),
])
@pytest.mark.parametrize("limit", [1, 2, 4, 5])
def test_runs_come_in_the_order_asked_for(database: Database, sort: RunSort, expected: list[int], limit: int) -> None:
    test = add_regression_test()
    made = [create(test, at=minutes(after)) for after in (2, 0, 1, 2)]
    tell(made[1], Phase.TESTING, at=minutes(9))
    tell(made[2], Phase.TESTING, at=minutes(8))
    session().rollback()

    by_cursor = pages(sort, limit)
    by_offset = [
        run for offset in range(0, 4, limit) for run in runs.list_runs(RunFilter(), sort, limit=limit, offset=offset).items]

    assert [made.index(run.run_id) for run in by_cursor] == expected
    assert by_offset == by_cursor


def test_created_bounds_leave_out_the_instants_they_name(database: Database) -> None:
    test = add_regression_test()
    made = [create(test, at=NOW + timedelta(microseconds=number)) for number in range(4)]

    found = listed(RunFilter(created_after=NOW, created_before=NOW + timedelta(microseconds=3)))

    assert found == made[1:3]


def test_a_new_run_does_not_shift_the_pages_behind_a_cursor(database: Database) -> None:
    test = add_regression_test()
    made = [create(test, at=minutes(number)) for number in range(4)]
    first = runs.list_runs(RunFilter(), RunSort.CREATED_AT_DESC, limit=2)
    session().rollback()
    create(test, at=minutes(10))

    second = runs.list_runs(RunFilter(), RunSort.CREATED_AT_DESC, limit=2, cursor=first.next_cursor)

    assert [run.run_id for run in (*first.items, *second.items)] == made[::-1]
    assert (second.total, second.next_cursor) == (5, None)


def test_a_cursor_of_another_order_is_refused(database: Database) -> None:
    create(add_regression_test())
    create(add_regression_test())
    cursor = runs.list_runs(RunFilter(), RunSort.CREATED_AT, limit=1).next_cursor

    with pytest.raises(Invalid):
        runs.list_runs(RunFilter(), RunSort.STARTED_AT, limit=1, cursor=cursor)


def test_a_cursor_whose_key_is_no_instant_is_refused(database: Database) -> None:
    forged = Position(RunSort.CREATED_AT.value, "yesterday", 1).cursor()

    with pytest.raises(Invalid):
        runs.list_runs(RunFilter(), RunSort.CREATED_AT, limit=1, cursor=forged)


@pytest.mark.parametrize("sort", RunSort)
def test_a_page_beyond_the_end_is_empty_and_knows_the_total(database: Database, sort: RunSort) -> None:
    create(add_regression_test())

    page = runs.list_runs(RunFilter(), sort, limit=10, offset=2**31 - 1)

    assert (list(page.items), page.total, page.next_offset, page.next_cursor) == ([], 1, None, None)


def test_the_number_of_statements_depends_neither_on_rows_nor_on_the_page(database: Database) -> None:
    test = add_regression_test()
    counts = set()
    for number in (1, 4, 20):
        for index in range(number):
            add_finished_run(test, at=minutes(index), branch=f"b{index}")
        catch_up(NOW)
        while judge_pending(50):
            pass
        for limit in (1, 5, 100):
            for wanted in (RunFilter(), RunFilter(status=RunStatus.QUEUED), RunFilter(branch="b0")):
                session().rollback()
                with database.counted() as statements:
                    catch_up(NOW)
                    runs.list_runs(wanted, RunSort.CREATED_AT_DESC, limit=limit)
                counts.add(len(statements))

    assert len(counts) == 1
    assert counts.pop() <= 6


def test_a_list_judges_the_finished_runs_that_it_shows(database: Database) -> None:
    test = add_regression_test()
    made = [add_finished_run(test) for _ in range(25)]
    catch_up(NOW)

    page = runs.list_runs(RunFilter(), RunSort.RUN_ID, limit=100)

    assert [(run.run_id, run.status) for run in page.items] == [(run_id, RunStatus.PASS) for run_id in made]


@pytest.mark.parametrize("status", [status for status in RunStatus if status.is_finished])
def test_a_list_by_outcome_waits_until_every_finished_run_is_judged(database: Database, status: RunStatus) -> None:
    test = add_regression_test()
    for _ in range(12):
        add_finished_run(test)
    catch_up(NOW)

    with pytest.raises(Unavailable):
        runs.list_runs(RunFilter(status=status), RunSort.RUN_ID, limit=1)
    assert runs.list_runs(RunFilter(status=RunStatus.QUEUED), RunSort.RUN_ID, limit=1).total == 0

    session().rollback()
    while judge_pending(100):
        pass
    assert runs.list_runs(RunFilter(status=status), RunSort.RUN_ID, limit=1).total == (12 if status is RunStatus.PASS else 0)


def test_a_list_shows_the_same_run_as_loading_it(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    tell(run_id, Phase.TESTING)

    shown = runs.list_runs(RunFilter(), RunSort.RUN_ID, limit=1).items[0]

    assert shown == runs.load_run(run_id)


def test_a_page_has_the_values_that_its_statement_gives_by_the_types_of_its_columns(database: Database) -> None:
    add_regression_test()
    for platform in ("linux", "windows"):
        add_finished_run(platform=platform)
    add_run(pull_request=12)
    catch_up(NOW)
    judge_pending(9)

    listed = runs.list_runs(EVERYTHING, RunSort.RUN_ID, limit=9).items

    assert listed == [run_of(row) for row in read(RUNS.order_by(RunRow.run_id))]
    assert {type(each.created_at) for each in listed} == {datetime}
