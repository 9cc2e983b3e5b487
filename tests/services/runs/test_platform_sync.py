"""Seeing what the platform's own programs do to runs beside this server."""
from __future__ import annotations

from sqlalchemy import delete

from api.domain.runs.run import Phase, Requester, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.services.results.verdicts import judge_run
from api.services.runs import runs
from api.services.runs.platform_sync import catch_up, judge_pending, sync_overlooked, sync_run
from api.storage.database import session, transaction
from api.storage.runs.platform_changes import count_pending, list_overlooked_runs
from api.storage.tables.results import VerdictRow
from api.storage.tables.runs import RunRow
from tests.builders import (
    NOW,
    add_event,
    add_finished_run,
    add_passed_result,
    add_regression_test,
    add_run,
    add_user,
    minutes,
)
from tests.databases import Database
from tests.platform_writes import (
    delete_events,
    delete_last_event,
    delete_results,
    delete_run,
    restart_run,
)
from tests.services.acting import count_rows, create, execute, expected_tests, listed, status_of, tell


def test_a_run_that_the_platform_made_is_seen(database: Database) -> None:
    user = add_user("ada")
    run_id = add_run(branch="topic", pull_request=3, requester_id=user)

    catch_up(NOW)

    found = runs.load_run(run_id)
    assert (found.status, found.branch, found.pull_request) == (RunStatus.QUEUED, "topic", 3)
    assert (found.created_at, found.requester) == (NOW, Requester(user, "ada"))


def test_a_queued_run_without_a_word_is_as_old_as_the_run_before_it(database: Database) -> None:
    first, second, third = add_run(), add_run(), add_run()
    add_event(first, Phase.PREPARATION, at=minutes(-30))
    add_event(third, Phase.PREPARATION, at=minutes(-10))

    catch_up(NOW)
    fourth = add_run()
    catch_up(minutes(1))

    assert [runs.load_run(each).created_at for each in (first, second, third, fourth)] == [
        minutes(-30), minutes(-30), minutes(-10), minutes(-10)]


def test_a_run_moves_on_with_the_platforms_events(database: Database) -> None:
    test = add_regression_test()
    run_id = add_run()
    catch_up(NOW)
    seen = [status_of(run_id)]

    for phase in (Phase.PREPARATION, Phase.TESTING, Phase.COMPLETED):
        if phase is Phase.COMPLETED:
            add_passed_result(run_id, test)
        add_event(run_id, phase, at=minutes(1))
        catch_up(minutes(2))
        seen.append(status_of(run_id))

    assert seen == [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.RUNNING, RunStatus.PASS]


def test_a_run_that_the_platform_restarts_begins_anew(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    execute(run_id, test)
    before = status_of(run_id)
    restart_run(run_id)

    catch_up(minutes(1))
    restarted = runs.load_run(run_id)
    verdicts = count_rows(VerdictRow)
    execute(run_id, test, at=minutes(5))

    assert (before, restarted.status, restarted.started_at, restarted.completed_at) == (
        RunStatus.PASS, RunStatus.QUEUED, None, None)
    assert verdicts == 0
    assert runs.load_run(run_id).completed_at == minutes(5)


def test_a_run_restarted_and_started_again_between_two_looks_is_running(database: Database) -> None:
    test = add_regression_test()
    run_id = add_finished_run(test)
    catch_up(NOW)
    delete_events(run_id)
    delete_results(run_id)
    add_event(run_id, Phase.PREPARATION, at=minutes(2))

    catch_up(minutes(3))

    assert status_of(run_id) is RunStatus.RUNNING
    assert judge_run(runs.load_run(run_id)).summary.pending_count == 1


def test_a_run_whose_last_event_alone_is_deleted_goes_back_one_step(database: Database) -> None:
    run_id = add_finished_run(add_regression_test())
    catch_up(NOW)
    delete_last_event(run_id)

    catch_up(minutes(1))

    assert status_of(run_id) is RunStatus.RUNNING


def test_an_event_after_the_end_counts_when_the_platform_wrote_it(database: Database) -> None:
    run_id = add_finished_run(add_regression_test())
    catch_up(NOW)
    add_event(run_id, Phase.CANCELED, "Canceled by ada")

    catch_up(minutes(1))

    assert status_of(run_id) is RunStatus.CANCELED


def test_deleted_runs_are_gone_with_all_that_hung_on_them(database: Database) -> None:
    test = add_regression_test()
    kept, run_id = create(test), create(test)
    execute(run_id, test)
    delete_run(run_id)

    catch_up(minutes(1))

    assert listed() == [kept]
    assert count_rows(VerdictRow) == 0


def test_a_run_whose_transaction_ended_late_is_found_by_the_sweep(database: Database) -> None:
    newest = max(add_run(), add_run())
    catch_up(NOW)
    with transaction():
        session().execute(delete(RunRow).where(RunRow.run_id < newest))
    late = list_overlooked_runs()

    catch_up(NOW)
    still = list_overlooked_runs()
    sync_overlooked(NOW)

    assert still == late
    assert list_overlooked_runs() == []
    assert len(listed()) == 2


def test_events_that_became_visible_out_of_order_are_not_lost(database: Database) -> None:
    first, second = add_run(), add_run()
    add_event(second, Phase.PREPARATION, event_id=1000)
    catch_up(NOW)
    add_event(first, Phase.PREPARATION, event_id=990)

    catch_up(minutes(1))

    assert status_of(first) is RunStatus.RUNNING


def test_a_phase_that_no_worker_knows_changes_nothing(database: Database) -> None:
    run_id = add_run()
    add_event(run_id, "building")

    catch_up(NOW)
    add_event(run_id, "building")
    catch_up(NOW)

    assert status_of(run_id) is RunStatus.QUEUED


def test_many_finished_runs_are_judged_a_few_at_a_time(database: Database) -> None:
    test = add_regression_test()
    made = [add_finished_run(test) for _ in range(13)]

    catch_up(NOW)
    left = count_pending()
    judged = judge_pending(100)

    assert (left, judged, count_pending()) == (3, 3, 0)
    assert listed(RunFilter(status=RunStatus.PASS)) == made


def test_looking_again_where_nothing_happened_writes_nothing(database: Database) -> None:
    add_finished_run(add_regression_test())
    add_run()
    catch_up(NOW)
    session().rollback()

    with database.counted() as statements:
        catch_up(NOW)

    assert len(statements) <= 3
    assert all(statement.lstrip().startswith("SELECT") for statement in statements)


def test_many_threads_may_look_at_once(database: Database) -> None:
    test = add_regression_test()
    made = [add_finished_run(test) for _ in range(6)] + [add_run() for _ in range(6)]

    database.together(*[lambda: catch_up(NOW)] * 6)

    found = runs.list_runs(RunFilter(), RunSort.RUN_ID, limit=100)
    assert [run.run_id for run in found.items] == made
    assert [run.status for run in found.items] == [RunStatus.PASS] * 6 + [RunStatus.QUEUED] * 6


def test_a_run_that_another_process_registers_at_this_moment_is_registered_once(database: Database) -> None:
    run_id = add_run()

    with transaction():
        sync_run(run_id, NOW)
        other = database.started(lambda: catch_up(NOW), until="INSERT INTO ci_run")

    assert other.result() is False
    assert listed() == [run_id]


def test_a_worker_may_report_of_a_run_that_was_never_seen(database: Database) -> None:
    test = add_regression_test()
    run_id = add_run()

    tell(run_id, Phase.TESTING, at=minutes(1))

    assert status_of(run_id) is RunStatus.RUNNING
    assert expected_tests(run_id) == (test.regression_id,)
