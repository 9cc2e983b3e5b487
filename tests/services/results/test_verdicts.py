"""What a run comes to: stored verdicts and counts, and whether they agree with everything else."""
from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from api.domain.errors import Unavailable
from api.domain.runs.infrastructure_code import InfrastructureType
from api.domain.runs.run import Phase, RunStatus
from api.domain.runs.run_list import RunFilter
from api.services.results.verdicts import judge_run, load_summary
from api.services.runs import runs
from api.services.runs.platform_sync import catch_up, judge_late_results
from api.storage.database import session, transaction
from api.storage.tables.results import VerdictRow
from api.storage.tables.runs import RunRow
from tests.builders import (
    BASELINE,
    NOW,
    BuiltTest,
    Output,
    add_acceptable_hash,
    add_event,
    add_finished_run,
    add_output,
    add_passed_result,
    add_regression_test,
    add_result,
    add_run,
    digest_of,
    minutes,
)
from tests.databases import Database
from tests.platform_writes import change_exit_codes, delete_last_event, delete_regression_test, restart_run
from tests.services.acting import cancel, create, equal, execute, finish, listed, status_of, tell, upload

OTHER, VARIANT = digest_of("other"), digest_of("variant")


def verdicts(run_id: int) -> dict[int, tuple[str, str | None]]:
    rows = session().execute(
        select(VerdictRow.regression_id, VerdictRow.verdict, VerdictRow.signature).where(VerdictRow.run_id == run_id))
    return {row[0]: (row[1], row[2]) for row in rows}


def test_every_kind_of_verdict_is_stored_and_counted(database: Database) -> None:
    tests = [add_regression_test(outputs=(Output(acceptable=(VARIANT,)),)) for _ in range(6)]
    matching, variant, differing, crashed, missing, silent = tests
    run_id = create(*tests)
    tell(run_id, Phase.TESTING)
    equal(run_id, matching)
    upload(run_id, variant, VARIANT)
    upload(run_id, differing, OTHER)
    equal(run_id, crashed)
    for test in tests[:5]:
        finish(run_id, test, 139 if test is crashed else 0)

    tell(run_id, Phase.COMPLETED)

    assert verdicts(run_id) == {
        matching.regression_id: ("pass", None), variant.regression_id: ("pass", None),
        differing.regression_id: ("fail", f"OUTPUT_DIFF:{differing.regression_id}:{differing.output_id}"),
        crashed.regression_id: ("fail", f"SEGFAULT:{crashed.regression_id}:0"),
        missing.regression_id: ("missing_output", f"MISSING_OUTPUT:{missing.regression_id}:{missing.output_id}"),
        silent.regression_id: ("skipped", None)}
    found = runs.load_run(run_id)
    summary = load_summary(found)
    assert found.status is RunStatus.INCOMPLETE
    assert (summary.pass_count, summary.fail_count, summary.missing_output_count, summary.skipped_count) == (2, 2, 1, 1)
    assert (summary.total_samples, summary.pending_count, summary.error_count) == (6, 0, 3)
    assert summary == judge_run(found).summary


def test_a_run_that_is_not_over_is_counted_as_it_stands(database: Database) -> None:
    done, going, waiting = (add_regression_test() for _ in range(3))
    run_id = create(done, going, waiting)
    tell(run_id, Phase.TESTING)
    equal(run_id, done)
    finish(run_id, done)
    equal(run_id, going)

    found = runs.load_run(run_id)
    summary = load_summary(found)

    assert (summary.pass_count, summary.pending_count, summary.total_samples) == (1, 2, 3)
    assert verdicts(run_id) == {}


def test_an_ignored_output_may_be_absent(database: Database) -> None:
    test = add_regression_test(outputs=(Output(), Output(extension=".log", ignored=True)))
    run_id = create(test)
    tell(run_id, Phase.TESTING)
    equal(run_id, test)
    finish(run_id, test)

    tell(run_id, Phase.COMPLETED)

    assert status_of(run_id) is RunStatus.PASS


def test_a_verdict_stays_when_baselines_change_later(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    tell(run_id, Phase.TESTING)
    upload(run_id, test, OTHER)
    finish(run_id, test)
    tell(run_id, Phase.COMPLETED)

    add_acceptable_hash(test.output_id, OTHER)
    catch_up(minutes(1))

    assert status_of(run_id) is RunStatus.FAIL
    assert judge_run(runs.load_run(run_id)).status is RunStatus.FAIL


def test_stored_verdicts_go_with_the_event_that_they_were_made_from(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    execute(run_id, test)
    delete_last_event(run_id)

    catch_up(minutes(1))
    reopened, kept = status_of(run_id), verdicts(run_id)
    add_event(run_id, Phase.CANCELED, "Build failed", at=minutes(2))
    catch_up(minutes(3))

    assert (reopened, kept) == (RunStatus.RUNNING, {})
    assert status_of(run_id) is RunStatus.CANCELED
    assert verdicts(run_id) == {test.regression_id: ("pass", None)}


@pytest.mark.parametrize(("words", "expected"), [
    ("Build failed: make error 2", [InfrastructureType.BUILD]), ("[checkout] no such commit", [InfrastructureType.CHECKOUT]),
])
def test_a_worker_that_gives_up_leaves_an_infrastructure_error(
    database: Database, words: str, expected: list[InfrastructureType],
) -> None:
    run_id = create(add_regression_test())
    tell(run_id, Phase.CANCELED, words)

    found = runs.load_run(run_id)

    assert [error.type for error in judge_run(found).infrastructure] == expected
    assert (found.status, found.infrastructure_error_count) == (RunStatus.CANCELED, 1)


def test_a_persons_cancel_is_no_infrastructure_error(database: Database) -> None:
    ours, platforms = create(add_regression_test()), add_run()
    cancel(ours)
    add_event(platforms, Phase.CANCELED, "Canceled by ada")
    catch_up(minutes(1))

    assert [runs.load_run(each).infrastructure_error_count for each in (ours, platforms)] == [0, 0]


def test_a_limit_that_a_test_hit_is_counted_while_the_run_goes_on_and_once_at_its_end(database: Database) -> None:
    test = add_regression_test(outputs=())
    run_id = create(test)
    tell(run_id, Phase.TESTING)

    finish(run_id, test, -1, 600_000)
    finish(run_id, test, -1, 600_000)
    during = runs.load_run(run_id).infrastructure_error_count
    tell(run_id, Phase.COMPLETED)

    assert (during, runs.load_run(run_id).infrastructure_error_count) == (1, 1)


def test_a_run_for_which_nothing_was_expected_is_an_error(database: Database) -> None:
    run_id = add_run()
    add_event(run_id, Phase.COMPLETED)
    catch_up(NOW)

    found = runs.load_run(run_id)

    assert found.status is RunStatus.ERROR
    assert load_summary(found).total_samples == 0
    assert judge_run(found).tests == ()


def test_a_report_outside_the_set_is_kept_and_ignored(database: Database) -> None:
    inside, outside = add_regression_test(), add_regression_test()
    run_id = create(inside)
    tell(run_id, Phase.TESTING)

    answer = finish(run_id, outside, 1)
    finish(run_id, inside)
    equal(run_id, inside)
    tell(run_id, Phase.COMPLETED)

    assert answer == "OK"
    assert list(verdicts(run_id)) == [inside.regression_id]
    assert status_of(run_id) is RunStatus.PASS


def test_the_baseline_of_a_report_is_the_frozen_one(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    tell(run_id, Phase.TESTING)
    equal(run_id, test)
    upload(run_id, test, OTHER)

    reported = judge_run(runs.load_run(run_id)).tests[0].reports.outputs[test.output_id]

    assert (reported.got, reported.expected) == (None, BASELINE)


def test_the_counts_of_a_finished_run_are_those_of_its_verdicts(database: Database) -> None:
    tests = [add_regression_test() for _ in range(3)]
    run_id = add_finished_run(*tests)
    catch_up(NOW)

    found = runs.load_run(run_id)
    summary = load_summary(found)

    assert replace(summary, pass_count=0, total_samples=0) == replace(
        judge_run(found).summary, pass_count=0, total_samples=0)
    assert (summary.pass_count, len(verdicts(run_id))) == (3, 3)


def over_with_a_silent_test() -> tuple[int, BuiltTest]:
    """A run of two tests that is over, and the one of them that has not reported."""
    told, silent = add_regression_test(), add_regression_test()
    run_id = create(told, silent)
    tell(run_id, Phase.TESTING)
    equal(run_id, told)
    finish(run_id, told)
    tell(run_id, Phase.COMPLETED)
    assert status_of(run_id) is RunStatus.INCOMPLETE
    return run_id, silent


def test_results_that_the_platform_writes_after_a_runs_end_count_as_soon_as_somebody_looks(database: Database) -> None:
    run_id, silent = over_with_a_silent_test()
    add_result(run_id, silent.regression_id)

    half = runs.show_run(run_id, NOW).status
    add_output(run_id, silent.regression_id, silent.output_id)

    assert (half, runs.show_run(run_id, NOW).status) == (RunStatus.FAIL, RunStatus.PASS)
    assert verdicts(run_id)[silent.regression_id] == ("pass", None)


def told(run_id: int) -> tuple[object, ...]:
    """All that is told of a run that is over."""
    found = runs.show_run(run_id, NOW)
    judged = judge_run(found)
    summary = load_summary(found)
    assert judged.summary == summary
    return found.status, judged.tests, summary, verdicts(run_id)


def test_the_verdicts_of_a_run_stay_when_a_regression_test_is_deleted(database: Database) -> None:
    kept, deleted = add_regression_test(), add_regression_test()
    run_id = add_finished_run(kept, deleted)
    catch_up(NOW)
    before = told(run_id)

    delete_regression_test(deleted)

    assert told(run_id) == before
    assert judge_late_results(NOW) == 0
    assert deleted.output_id in judge_run(runs.load_run(run_id)).evidence.reports[deleted.regression_id].outputs


def test_the_verdicts_of_a_run_stay_when_a_result_is_changed(database: Database) -> None:
    run_id = add_finished_run(add_regression_test(), add_regression_test())
    catch_up(NOW)
    before = told(run_id)

    change_exit_codes(run_id, 139)

    assert told(run_id) == before


def test_what_a_run_was_judged_by_counts_no_more_when_the_platform_restarts_it(database: Database) -> None:
    test = add_regression_test()
    run_id = add_finished_run(test)
    catch_up(NOW)
    runs.show_run(run_id, NOW)
    restart_run(run_id)
    add_event(run_id, Phase.TESTING)
    add_result(run_id, test.regression_id, exit_code=1)
    add_event(run_id, Phase.COMPLETED)
    catch_up(NOW)

    assert verdicts(run_id) == {test.regression_id: (
        "missing_output", f"EXIT_CODE_MISMATCH:{test.regression_id}:0")}
    assert told(run_id)[0] is RunStatus.FAIL


def test_a_sweep_finds_late_results_of_the_last_day_that_nobody_looked_at(database: Database) -> None:
    run_id, silent = over_with_a_silent_test()
    add_passed_result(run_id, silent)

    found = [judge_late_results(minutes(at)) for at in (24 * 60 + 1, 60, 61)]

    assert found == [0, 1, 0]
    assert listed(RunFilter(status=RunStatus.PASS)) == [run_id]


def test_a_run_that_was_judged_before_its_reports_were_counted_is_judged_anew_once(database: Database) -> None:
    run_id = add_finished_run(add_regression_test())
    catch_up(NOW)
    runs.show_run(run_id, NOW)
    with transaction():
        session().execute(update(RunRow).where(RunRow.run_id == run_id).values(report_count=None))

    assert runs.show_run(run_id, NOW).status is RunStatus.PASS
    assert session().execute(select(RunRow.report_count).where(RunRow.run_id == run_id)).scalar_one() == 2


def test_what_a_run_came_to_before_is_never_told_as_what_it_comes_to_now(database: Database) -> None:
    run_id, silent = over_with_a_silent_test()
    before = runs.show_run(run_id, NOW)
    told_before = judge_run(before)
    add_passed_result(run_id, silent)
    after = runs.show_run(run_id, NOW)
    forgotten = before._replace(evidence="f" * 32)

    for ask in (judge_run, load_summary):
        with pytest.raises(Unavailable):
            ask(forgotten)

    assert (told_before.status, judge_run(after).status) == (RunStatus.INCOMPLETE, RunStatus.PASS)
