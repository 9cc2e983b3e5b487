"""What a run is compared with takes the same few statements, however many tests it has and however many fail."""
from __future__ import annotations

from sqlalchemy import insert

from api.domain.runs.run import Phase
from api.services.results import verdicts
from api.services.results.comparisons import compare_runtimes, find_basis, find_history
from api.services.runs import runs
from api.services.runs.platform_sync import catch_up, judge_pending
from api.storage.database import session, transaction
from api.storage.platform_tables import ProgressRow, RegressionOutputRow, RegressionTestRow, ResultFileRow, ResultRow, TestRow
from tests.builders import BASELINE, MAIN_REPOSITORY, NOW, add_fork, add_sample, digest_of
from tests.databases import Database


def fill(tests: int, failing: int, past: int) -> int:
    """A run in which so many tests fail, after others in which half of those did; its id."""
    sample, fork = add_sample(), add_fork()
    ids, run_ids = range(1, tests + 1), range(1, past + 2)
    with transaction() as current:
        current.execute(insert(RegressionTestRow), [
            {"id": each, "sample_id": sample, "command": "-out=srt", "input_type": "file", "output_type": "file", "expected_rc": 0,
             "active": True} for each in ids])
        current.execute(insert(RegressionOutputRow), [
            {"id": each, "regression_id": each, "correct": BASELINE, "correct_extension": ".srt", "expected_filename": "", "ignore": False}
            for each in ids])
        current.execute(insert(TestRow), [
            {"id": run_id, "platform": "linux", "test_type": "commit", "token": digest_of(f"secret {run_id}"), "fork_id": fork,
             "branch": "master", "commit": digest_of(f"commit {run_id}")[:40], "pr_nr": 0} for run_id in run_ids])
        current.execute(insert(ResultRow), [
            {"test_id": run_id, "regression_test_id": each, "runtime": 1000, "exit_code": 0, "expected_rc": 0}
            for run_id in run_ids for each in ids])
        current.execute(insert(ResultFileRow), [
            {"test_id": run_id, "regression_test_id": each, "regression_test_output_id": each, "expected": BASELINE,
             "got": digest_of("bad") if each <= (failing if run_id == past + 1 else failing // 2) else None}
            for run_id in run_ids for each in ids])
        current.execute(insert(ProgressRow), [
            {"test_id": run_id, "status": phase.value, "timestamp": NOW, "message": ""}
            for run_id in run_ids for phase in (Phase.TESTING, Phase.COMPLETED)])
    while catch_up(NOW) or judge_pending(500):
        pass
    return past + 1


def count(database: Database, run_id: int) -> tuple[int, int]:
    """The statements that a comparison takes, and those that triage does."""
    session().rollback()
    run = runs.load_run(run_id)
    tests = verdicts.judge_run(run).tests
    with database.counted() as compared:
        compare_runtimes(run, find_basis(run, tests, None, MAIN_REPOSITORY, NOW), tests)
    with database.counted() as triaged:
        find_history(run, find_basis(run, tests, None, MAIN_REPOSITORY, NOW), tests)
    return len(compared), len(triaged)


def test_a_run_of_300_tests_with_45_failures_takes_as_many_statements_as_a_small_one(database: Database) -> None:
    few = count(database, fill(5, 2, 3))
    database.empty()
    many = count(database, fill(300, 45, 30))

    assert few == many
    assert max(many) <= 8
