"""Adopting a database that is full of finished runs: right answers, or none yet, while they are judged."""
from __future__ import annotations

import pytest
from sqlalchemy import insert

from api.background.sweeper import BATCH_SIZE, Sweeper
from api.domain.errors import Unavailable
from api.domain.results.history import HistoryFilter
from api.domain.results.result import Verdict
from api.domain.runs.run import Phase, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.services.results import verdicts
from api.services.runs import runs
from api.services.runs.platform_sync import IN_BULK, catch_up
from api.storage.database import session, transaction
from api.storage.platform_tables import ProgressRow, ResultFileRow, ResultRow, TestRow
from api.storage.results import history
from api.storage.runs.platform_changes import count_pending
from api.storage.tables.runs import ExpectedTestsRow
from tests.builders import BASELINE, NOW, BuiltTest, add_fork, add_regression_test, digest_of, minutes, save
from tests.databases import Database

RUNS = IN_BULK + 20


def fill() -> BuiltTest:
    """Finished runs of one test, every fourth of which failed; the newest were judged by another baseline."""
    test, fork = add_regression_test(), add_fork()
    numbers = range(1, RUNS + 1)
    with transaction() as current:
        current.execute(insert(TestRow), [
            {"id": number, "platform": "linux", "test_type": "commit", "token": digest_of(f"secret {number}"), "fork_id": fork,
             "branch": "master", "commit": digest_of(f"commit {number}")[:40], "pr_nr": 0} for number in numbers])
        current.execute(insert(ProgressRow), [
            {"test_id": number, "status": phase.value, "timestamp": minutes(number), "message": ""}
            for number in numbers for phase in (Phase.TESTING, Phase.COMPLETED)])
        current.execute(insert(ResultRow), [
            {"test_id": number, "regression_test_id": test.regression_id, "runtime": 1, "exit_code": int(number % 4 == 0),
             "expected_rc": 0} for number in numbers])
        current.execute(insert(ResultFileRow), [
            {"test_id": number, "regression_test_id": test.regression_id, "regression_test_output_id": test.output_id,
             "expected": digest_of("newer") if number > RUNS - 10 else BASELINE, "got": None} for number in numbers])
    return test


def sweeper(database: Database) -> Sweeper:
    return Sweeper(database.app, lambda: NOW)


def test_requests_leave_the_judging_of_many_runs_to_the_sweeper(database: Database) -> None:
    fill()

    catch_up(NOW)
    before = count_pending()
    sweeper(database).sweep()
    session().rollback()

    assert (before, count_pending()) == (RUNS, 0)


def test_many_runs_are_judged_a_few_at_a_time_so_that_a_server_can_stop_in_between(database: Database) -> None:
    fill()
    catch_up(NOW)
    sweeping = sweeper(database)

    assert [sweeping.judge() for _ in range(4)] == [BATCH_SIZE, BATCH_SIZE, RUNS - 2 * BATCH_SIZE, None]


def test_meanwhile_a_page_is_right_and_what_depends_on_all_runs_has_to_wait(database: Database) -> None:
    fill()
    catch_up(NOW)

    page = runs.list_runs(RunFilter(), RunSort.RUN_ID_DESC, limit=5)
    one = runs.show_run(4, NOW)
    with pytest.raises(Unavailable):
        runs.list_runs(RunFilter(status=RunStatus.FAIL), RunSort.RUN_ID, limit=5)
    with pytest.raises(Unavailable):
        runs.ShownRuns(lambda: NOW).counted()

    assert (page.total, [run.status for run in page.items]) == (RUNS, [
        RunStatus.FAIL if run.run_id % 4 == 0 else RunStatus.PASS for run in page.items])
    assert one.status is RunStatus.FAIL


def test_afterwards_everything_is_as_if_it_had_been_seen_all_along(database: Database) -> None:
    test = fill()

    sweeper(database).sweep()

    failed = runs.list_runs(RunFilter(status=RunStatus.FAIL), RunSort.RUN_ID, limit=100)
    entries = history.list_history([test.regression_id], HistoryFilter(verdict=Verdict.FAIL), limit=100, offset=0)
    assert [run.run_id for run in failed.items] == list(range(4, RUNS + 1, 4))
    assert [entry.run_id for entry in entries.items] == list(range(RUNS // 4 * 4, 0, -4))
    assert session().query(ExpectedTestsRow).count() == 2
    assert verdicts.judge_run(runs.load_run(RUNS)).tests[0].test.outputs[0].baseline == digest_of("newer")


def test_several_servers_may_sweep_at_once(database: Database) -> None:
    fill()

    database.together(*[sweeper(database).sweep] * 3)

    found = runs.list_runs(RunFilter(status=RunStatus.PASS), RunSort.RUN_ID, limit=1)
    assert found.total == RUNS - RUNS // 4


def test_judging_many_runs_takes_few_statements(database: Database) -> None:
    fill()
    catch_up(NOW)
    session().rollback()

    with database.counted() as statements:
        sweeper(database).sweep()

    assert len(statements) < RUNS


def test_a_run_of_a_test_that_nobody_knows_any_more_is_judged_by_what_is_left(database: Database) -> None:
    save(TestRow(
        id=7, platform="linux", test_type="commit", token="t" * 64, fork_id=add_fork(), branch="master", commit="c" * 40, pr_nr=0))
    save(ProgressRow(test_id=7, status="completed", timestamp=NOW, message=""))

    catch_up(NOW)

    assert runs.show_run(7, NOW).status is RunStatus.ERROR
