"""What is expected of runs that the platform's own programs make beside this server."""
from __future__ import annotations

from api.domain.runs.run import Phase, Requester, RunStatus
from api.services.results.verdicts import judge_run
from api.services.runs import runs
from api.services.runs.platform_sync import catch_up, sync_overlooked
from api.storage.runs.expected_tests import load_expected_tests
from api.storage.runs.restrictions import list_overtaken_runs
from tests.builders import (
    NOW,
    add_event,
    add_finished_run,
    add_output,
    add_passed_result,
    add_regression_test,
    add_result,
    add_result_with_output,
    add_run,
    add_user,
    digest_of,
    minutes,
)
from tests.databases import Database
from tests.platform_writes import (
    deactivate,
    restrict_run,
    set_baseline,
)
from tests.services.acting import expected_tests, status_of


def test_a_run_that_is_restricted_expects_its_tests_alone(database: Database) -> None:
    active, inactive = add_regression_test(), add_regression_test(active=False)
    everything, restricted = add_run(), add_run(tests=[inactive.regression_id])

    catch_up(NOW)

    assert expected_tests(everything) == (active.regression_id,)
    assert expected_tests(restricted) == (inactive.regression_id,)


def test_a_run_that_is_restricted_after_it_was_seen_expects_its_tests_once_it_begins(database: Database) -> None:
    chosen, other = add_regression_test(), add_regression_test()
    user = add_user("ada")
    run_id = add_run()
    catch_up(NOW)
    restrict_run(run_id, chosen.regression_id, requester_id=user)
    add_event(run_id, Phase.TESTING)

    catch_up(NOW)

    found = runs.load_run(run_id)
    assert other.regression_id not in expected_tests(run_id) == (chosen.regression_id,)
    assert found.requester == Requester(user, "ada")


def test_a_run_that_was_seen_while_it_was_restricted_is_judged_by_all_of_its_tests(database: Database) -> None:
    tests = [add_regression_test() for _ in range(3)]
    run_id = add_run(tests=[tests[0].regression_id])
    catch_up(NOW)
    restrict_run(run_id, *(test.regression_id for test in tests[1:]))
    for test in tests:
        add_result_with_output(run_id, test, got=digest_of("other"))
    add_event(run_id, Phase.COMPLETED)

    catch_up(NOW)

    assert judge_run(runs.load_run(run_id)).summary.fail_count == 3


def test_a_queued_run_that_is_restricted_after_it_was_seen_is_shown_with_its_tests_soon(database: Database) -> None:
    chosen, _, later = add_regression_test(), add_regression_test(), add_regression_test(active=False)
    user = add_user("ada")
    run_id, asked = add_run(), add_run()
    catch_up(NOW)
    restrict_run(run_id, chosen.regression_id, later.regression_id)
    restrict_run(asked, requester_id=user)
    overtaken = list_overtaken_runs()

    sync_overlooked(NOW)

    assert (overtaken, list_overtaken_runs()) == ([run_id, asked], [])
    assert expected_tests(run_id) == (chosen.regression_id, later.regression_id)
    assert runs.load_run(asked).requester == Requester(user, "ada")
    assert status_of(run_id) is RunStatus.QUEUED


def test_a_run_that_is_restricted_later_keeps_what_was_frozen_of_its_tests(database: Database) -> None:
    chosen, _ = add_regression_test(), add_regression_test()
    run_id = add_run()
    catch_up(NOW)
    frozen = load_expected_tests(runs.load_run(run_id).expected_tests_id).by_id[chosen.regression_id]
    set_baseline(chosen.output_id, digest_of("another baseline"))
    restrict_run(run_id, chosen.regression_id)

    sync_overlooked(NOW)

    assert load_expected_tests(runs.load_run(run_id).expected_tests_id).tests == (frozen,)


def test_a_run_that_has_begun_expects_what_it_began_with(database: Database) -> None:
    test, other = add_regression_test(), add_regression_test()
    run_id = add_run()
    add_event(run_id, Phase.PREPARATION)
    catch_up(NOW)
    restrict_run(run_id, test.regression_id)
    add_event(run_id, Phase.TESTING)

    catch_up(NOW)
    sync_overlooked(NOW)

    assert expected_tests(run_id) == (test.regression_id, other.regression_id)


def test_a_run_expects_what_was_active_when_it_was_first_seen(database: Database) -> None:
    first = add_regression_test()
    run_id = add_run()
    catch_up(NOW)
    deactivate(first)
    add_regression_test()

    catch_up(minutes(1))

    assert expected_tests(run_id) == (first.regression_id,)


def test_a_run_that_was_over_at_first_sight_expects_what_reported(database: Database) -> None:
    reported, silent, inactive = add_regression_test(), add_regression_test(), add_regression_test(active=False)
    run_id = add_finished_run(reported, inactive)

    catch_up(NOW)

    assert status_of(run_id) is RunStatus.PASS
    assert expected_tests(run_id) == (reported.regression_id, inactive.regression_id)
    assert silent.regression_id not in expected_tests(run_id)


def test_a_restricted_run_that_was_over_at_first_sight_lacks_what_did_not_report(database: Database) -> None:
    reported, silent = add_regression_test(), add_regression_test()
    run_id = add_run(tests=[reported.regression_id, silent.regression_id])
    add_passed_result(run_id, reported)
    add_event(run_id, Phase.COMPLETED)

    catch_up(NOW)

    assert status_of(run_id) is RunStatus.INCOMPLETE


def test_a_run_that_was_over_at_first_sight_is_judged_by_the_baselines_it_recorded(database: Database) -> None:
    test = add_regression_test()
    run_id = add_run()
    then = digest_of("the baseline of that time")
    add_result(run_id, test.regression_id)
    add_output(run_id, test.regression_id, test.output_id, expected=then, got=then)
    add_event(run_id, Phase.COMPLETED)

    catch_up(NOW)

    assert status_of(run_id) is RunStatus.PASS
