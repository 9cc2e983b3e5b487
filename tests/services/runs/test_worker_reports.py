"""Workers' messages: repeated, late, concurrent, cut off by a cancel, outside the run's set."""
from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial

import pytest

from api.domain.results.result import OutputReport, Report
from api.domain.runs.run import Phase, RunStatus
from api.domain.runs.worker_message import Answer, EqualityMessage, FinishMessage, UploadMessage
from api.services.runs import runs, worker_reports
from api.services.runs.worker_access import is_worker_token, lock_worker_run
from api.storage.database import session, transact
from api.storage.platform_tables import ResultFileRow, ResultRow
from api.storage.results.results import load_reports, load_result_times
from api.storage.runs.progress import list_events
from api.storage.runs.worker_secrets import find_platform
from api.storage.tables.runs import RunRow
from tests.builders import BASELINE, NOW, BuiltTest, Output, add_event, add_finished_run, add_regression_test, add_run, digest_of, minutes
from tests.databases import Database
from tests.services.acting import cancel, count_rows, create, equal, execute, finish, status_of, tell, upload

HOUR = timedelta(hours=1)
ONE, OTHER = digest_of("one"), digest_of("other")


def reported(run_id: int, test: BuiltTest) -> tuple[Report | None, dict[int, OutputReport]]:
    """What is kept of a regression test in a run."""
    session().rollback()
    found = load_reports(run_id).get(test.regression_id)
    return (None, {}) if found is None else (found.report, dict(found.outputs))


def test_a_worker_leaves_the_platforms_own_rows(database: Database) -> None:
    test = add_regression_test(outputs=(Output(), Output("b" * 64)), expected_exit_code=3)
    run_id = create(test)
    tell(run_id, Phase.TESTING, "on machine 7", at=minutes(1))

    answers = [equal(run_id, test), upload(run_id, test, ONE, 1), finish(run_id, test, 3, 1234)]

    assert answers == [Answer.OK] * 3
    report, outputs = reported(run_id, test)
    assert report == Report(test.regression_id, 3, 1234, 3)
    assert outputs == {
        test.output_ids[0]: OutputReport(test.regression_id, test.output_ids[0], None, BASELINE),
        test.output_ids[1]: OutputReport(test.regression_id, test.output_ids[1], ONE, "b" * 64)}
    assert [(event.phase, event.message, event.at) for event in list_events(run_id)] == [
        (Phase.TESTING, "on machine 7", minutes(1))]
    assert load_result_times(run_id) == {test.regression_id: NOW}


@pytest.mark.parametrize("phase", Phase)
def test_the_same_phase_with_the_same_words_is_kept_once(database: Database, phase: Phase) -> None:
    run_id = create(add_regression_test())

    answers = [tell(run_id, phase, "words"), tell(run_id, phase, "words", at=minutes(9))]

    assert answers == [Answer.OK] * 2
    assert [event.at for event in list_events(run_id)] == [NOW]


def test_a_phase_in_other_words_is_kept_too_while_the_run_goes_on(database: Database) -> None:
    run_id = create(add_regression_test())

    answers = [tell(run_id, Phase.PREPARATION, words) for words in ("a", "b", "a")]

    assert answers == [Answer.OK] * 3
    assert [event.message for event in list_events(run_id)] == ["a", "b"]


@pytest.mark.parametrize("end", [Phase.COMPLETED, Phase.CANCELED])
@pytest.mark.parametrize("late", Phase)
def test_nothing_follows_the_end_of_a_run(database: Database, end: Phase, late: Phase) -> None:
    test = add_regression_test()
    run_id = create(test)
    tell(run_id, Phase.TESTING)
    tell(run_id, end, "the end")
    before = status_of(run_id)

    answers = [tell(run_id, late, "late"), equal(run_id, test), upload(run_id, test, ONE), finish(run_id, test)]

    assert answers == [Answer.FAIL] * 4
    assert status_of(run_id) is before
    assert reported(run_id, test) == (None, {})
    assert len(list_events(run_id)) == 2


def test_a_phase_that_lies_behind_is_refused(database: Database) -> None:
    run_id = create(add_regression_test())
    tell(run_id, Phase.TESTING)

    assert tell(run_id, Phase.PREPARATION) is Answer.FAIL
    assert [event.phase for event in list_events(run_id)] == [Phase.TESTING]


def test_the_first_report_stands(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    tell(run_id, Phase.TESTING)
    upload(run_id, test, ONE)
    finish(run_id, test, 5, 10)

    answers = [equal(run_id, test), upload(run_id, test, OTHER), finish(run_id, test, 0, 99)]

    assert answers == [Answer.OK] * 3
    report, outputs = reported(run_id, test)
    assert report == Report(test.regression_id, 5, 10, 0)
    assert outputs[test.output_id].got == ONE


def test_what_lies_outside_the_run_is_passed_over_with_a_warning(
    database: Database, caplog: pytest.LogCaptureFixture,
) -> None:
    inside, outside = add_regression_test(), add_regression_test()
    run_id = create(inside)
    tell(run_id, Phase.TESTING)
    foreign = (
        EqualityMessage(inside.regression_id, -1), EqualityMessage(inside.regression_id, outside.output_id),
        EqualityMessage(outside.regression_id, outside.output_id), EqualityMessage(2**31 + 5, 2**62))

    with caplog.at_level(logging.WARNING):
        answers = [transact(partial(worker_reports.store_equality, run_id, message, now=NOW)) for message in foreign]
        answers.append(transact(partial(worker_reports.store_finish, run_id, FinishMessage(2**40, 0, 0), now=NOW)))
        answers.append(finish(run_id, outside))

    assert answers == [Answer.OK] * 6
    assert len(caplog.records) == 6
    assert (count_rows(ResultRow), count_rows(ResultFileRow)) == (0, 0)


def test_a_file_outside_the_run_is_never_placed(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    tell(run_id, Phase.TESTING)
    message = UploadMessage(test.regression_id, -1)

    answer = transact(lambda: worker_reports.store_upload(run_id, message, now=NOW, place=lambda _: pytest.fail("placed")))

    assert answer is Answer.OK


def test_nothing_is_kept_where_the_file_cannot_be_placed(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    tell(run_id, Phase.TESTING)
    message = UploadMessage(test.regression_id, test.output_id)

    def fail(_: object) -> str:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        transact(lambda: worker_reports.store_upload(run_id, message, now=NOW, place=fail))

    assert reported(run_id, test) == (None, {})


def test_two_workers_that_report_the_same_at_once_leave_one_report(database: Database) -> None:
    tests = [add_regression_test() for _ in range(4)]
    run_id = create(*tests)
    tell(run_id, Phase.TESTING)

    def worker(digest: str, exit_code: int) -> list[Answer]:
        return [answer for test in tests for answer in (upload(run_id, test, digest), finish(run_id, test, exit_code))]

    answers = database.together(partial(worker, ONE, 1), partial(worker, OTHER, 2), partial(worker, ONE, 3))

    assert answers == [[Answer.OK] * 8] * 3
    assert (count_rows(ResultRow), count_rows(ResultFileRow)) == (4, 4)
    for test in tests:
        report, outputs = reported(run_id, test)
        assert report is not None
        assert report.exit_code in (1, 2, 3)
        assert outputs[test.output_id].got in (ONE, OTHER)


def test_a_run_ends_once_whoever_ends_it(database: Database) -> None:
    test = add_regression_test()
    for _ in range(4):
        run_id = create(test)
        tell(run_id, Phase.TESTING)

        ends = database.together(
            lambda run_id=run_id: cancel(run_id),  # type: ignore[misc]
            lambda run_id=run_id: tell(run_id, Phase.COMPLETED, "done") is Answer.OK,  # type: ignore[misc]
            lambda run_id=run_id: tell(run_id, Phase.CANCELED, "disk full") is Answer.OK)  # type: ignore[misc]

        session().rollback()
        assert sum(ends) == 1
        assert [event.phase.is_finished for event in list_events(run_id)] == [False, True]


def test_ten_workers_on_ten_runs_lose_nothing(database: Database) -> None:
    tests = [add_regression_test() for _ in range(3)]
    made = [create(*tests) for _ in range(10)]

    database.together(*[partial(execute, run_id, *tests) for run_id in made])

    assert {run_id: status_of(run_id) for run_id in made} == dict.fromkeys(made, RunStatus.PASS)
    assert (count_rows(ResultRow), count_rows(ResultFileRow)) == (30, 30)


def test_a_cancel_in_between_stops_the_worker_and_keeps_what_it_reported(database: Database) -> None:
    first, second = add_regression_test(), add_regression_test()
    run_id = create(first, second)
    tell(run_id, Phase.TESTING)
    equal(run_id, first)
    finish(run_id, first)

    canceled = cancel(run_id)
    answers = [equal(run_id, second), finish(run_id, second), tell(run_id, Phase.COMPLETED)]

    assert canceled
    assert answers == [Answer.FAIL] * 3
    assert status_of(run_id) is RunStatus.CANCELED
    assert reported(run_id, first)[0] is not None


def test_a_workers_token_is_known_until_some_time_after_the_end(database: Database) -> None:
    test = add_regression_test()
    open_run, over = add_run(token="A" * 64), add_run(token="B" * 64)
    lock = transact(lambda: lock_worker_run(over, NOW))
    execute(over, test, at=minutes(1))

    assert lock.status is RunStatus.QUEUED
    assert is_worker_token(open_run, "A" * 64, minutes(10**6), HOUR)
    assert is_worker_token(over, "B" * 64, minutes(61), HOUR)
    assert not is_worker_token(over, "B" * 64, minutes(62), HOUR)


@pytest.mark.parametrize("token", ["", "A" * 63, "a" * 64, "A" * 63 + "é", "\ud800" * 64, "B" * 64])
def test_every_other_token_is_unknown(database: Database, token: str) -> None:
    run_id = add_run(token="A" * 64)

    assert not is_worker_token(run_id, token, NOW, HOUR)
    assert not is_worker_token(run_id + 1, "A" * 64, NOW, HOUR)


def test_a_run_that_was_over_at_first_sight_takes_no_reports(database: Database) -> None:
    test = add_regression_test()
    run_id = add_finished_run()

    answers = [tell(run_id, Phase.TESTING), finish(run_id, test)]

    assert answers[0] is Answer.FAIL
    assert session().get_one(RunRow, run_id).run_id == run_id
    assert reported(run_id, test) == (None, {})


def test_a_platforms_run_is_registered_by_its_first_message(database: Database) -> None:
    test = add_regression_test()
    run_id = add_run(platform="windows")
    add_event(run_id, Phase.PREPARATION)

    answers = [tell(run_id, Phase.TESTING), equal(run_id, test), finish(run_id, test, -1073741819)]

    assert answers == [Answer.OK] * 3
    assert find_platform(run_id) == "windows"
    assert runs.load_run(run_id).status is RunStatus.RUNNING
