"""Making a run, and loading it."""
from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from api.domain.errors import NotFound
from api.domain.runs.run import Phase, Platform, Requester, RunStatus
from api.domain.runs.trigger import RunRequest
from api.services.runs import runs
from api.storage.database import session, transact, transaction
from api.storage.platform_tables import CustomizedTestRow, ForkRow, ProgressRow, TestForkRow, TestRow
from api.storage.runs.new_runs import create_run
from api.storage.runs.runs import load_states
from api.storage.tables.runs import RunRow
from tests.builders import MAIN_REPOSITORY, NOW, add_event, add_finished_run, add_fork, add_regression_test, add_run, add_user, minutes
from tests.databases import Database
from tests.services.acting import cancel, count_rows, create, execute, tell
from tests.storage.runs.requests import new_run

COMMIT = "0632BFF4e382d5f86eff9073b9ddd37f03f9778c"


def test_a_run_is_kept_with_all_that_was_asked(database: Database) -> None:
    test, source = add_regression_test(), create(add_regression_test())
    user = add_user("ada")
    asked = RunRequest(
        "Ada/CCExtractor", COMMIT, Platform.WINDOWS, "fix/ö", 17, environment_id="windows-latest", parent_sha="a" * 40,
        merge_base_sha="b" * 40)

    run_id = transact(lambda: create_run(new_run(
        [test.regression_id], requester_id=user, request=asked, created_at=minutes(0.001), source_run_id=source)))

    found = runs.load_run(run_id)
    assert (found.status, found.platform, found.repository) == (RunStatus.QUEUED, Platform.WINDOWS, "Ada/CCExtractor")
    assert (found.branch, found.commit, found.pull_request) == ("fix/ö", COMMIT.lower(), 17)
    assert (found.created_at, found.requester) == (minutes(0.001), Requester(user, "ada"))
    assert (found.source_run_id, found.parent_sha, found.merge_base_sha) == (source, "a" * 40, "b" * 40)
    assert (found.started_at, found.completed_at, found.infrastructure_error_count) == (None, None, None)


def test_the_platform_finds_its_own_rows_of_a_new_run(database: Database) -> None:
    test, user = add_regression_test(), add_user()
    asked = RunRequest("ada/ccextractor", COMMIT, Platform.LINUX, "master", 17)

    run_id = transact(lambda: create_run(new_run(
        [test.regression_id], requester_id=user, request=asked, restricted=True, is_fork=True)))

    row = session().get_one(TestRow, run_id)
    fork = session().get_one(ForkRow, row.fork_id)
    chosen = session().execute(select(CustomizedTestRow.regression_id).where(CustomizedTestRow.test_id == run_id)).scalars().all()
    triggered = session().execute(select(TestForkRow.user_id).where(TestForkRow.test_id == run_id)).scalars().all()
    assert (row.test_type, row.pr_nr, len(row.token)) == ("pr", 17, 64)
    assert fork.github == "https://github.com/ada/ccextractor.git"
    assert (chosen, triggered) == ([test.regression_id], [user])


def test_a_run_of_all_tests_leaves_the_choice_to_the_platform(database: Database) -> None:
    create(add_regression_test())

    assert count_rows(CustomizedTestRow) == 0
    assert count_rows(TestForkRow) == 0


def test_a_repository_in_other_letters_is_the_same_fork(database: Database) -> None:
    known = add_fork("https://github.com/CCExtractor/ccextractor.git")
    requester = add_user()

    run_id = transact(lambda: create_run(new_run(
        [], requester_id=requester, request=RunRequest("ccextractor/CCExtractor", COMMIT, Platform.LINUX))))

    assert session().get_one(TestRow, run_id).fork_id == known


def test_runs_of_a_new_fork_made_at_once_share_its_row(database: Database) -> None:
    user = add_user()
    asked = RunRequest("ada/new", COMMIT, Platform.LINUX)

    made = database.together(*[
        lambda: transact(lambda: create_run(new_run([], requester_id=user, request=asked)))] * 6)

    forks = session().execute(select(TestRow.fork_id).where(TestRow.id.in_(made)).distinct()).scalars().all()
    assert len(set(made)) == 6
    assert len(forks) == 1


def test_nothing_is_kept_of_a_run_whose_transaction_fails(database: Database) -> None:
    user = add_user()

    def fail() -> None:
        create_run(new_run([], requester_id=user))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        transact(fail)

    assert count_rows(TestRow) == 0


def test_an_unknown_run_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        runs.load_run(4711)


def test_a_finished_run_that_was_never_judged_is_judged_when_it_is_asked_for(database: Database) -> None:
    run_id = add_finished_run(add_regression_test())
    with transaction():
        session().add(RunRow(
            run_id=run_id, platform="linux", repository=MAIN_REPOSITORY.lower(), commit_sha="a", created_at=NOW, status="completed",
            last_progress_id=session().execute(select(func.max(ProgressRow.id))).scalar_one()))

    found = runs.show_run(run_id, NOW).status
    with transaction():
        locked = runs.load_run(run_id, locked=True)

    assert found is locked.status is RunStatus.PASS


def test_the_state_text_changes_with_every_event(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    seen = [load_states([run_id, 4711])]

    for act in (lambda: tell(run_id, Phase.PREPARATION), lambda: tell(run_id, Phase.TESTING), lambda: cancel(run_id)):
        session().rollback()
        act()
        seen.append(load_states([run_id, 4711]))

    assert [list(state) for state in seen] == [[run_id]] * 4
    assert len({state[run_id] for state in seen}) == 4


def test_times_come_from_the_events(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    tell(run_id, Phase.PREPARATION, at=minutes(1))
    tell(run_id, Phase.TESTING, at=minutes(2))
    tell(run_id, Phase.COMPLETED, at=minutes(4))

    found = runs.load_run(run_id)

    assert (found.created_at, found.started_at, found.completed_at) == (NOW, minutes(2), minutes(4))
    assert found.duration_ms == 120_000


def test_the_average_duration_is_that_of_the_last_runs_that_ran_to_an_end(database: Database) -> None:
    test = add_regression_test()
    for took in (100, 10, 20):
        run_id = create(test)
        tell(run_id, Phase.TESTING)
        tell(run_id, Phase.COMPLETED, at=minutes(took))
    canceled = create(test)
    tell(canceled, Phase.TESTING)
    tell(canceled, Phase.CANCELED, "disk full", at=minutes(500))
    execute(create(test), test)

    assert runs.average_duration(Platform.LINUX, runs=3) == timedelta(minutes=10)
    assert runs.average_duration(Platform.WINDOWS) is None


def test_a_run_that_ended_without_testing_has_no_part_in_the_average(database: Database) -> None:
    add_event(add_run(), Phase.COMPLETED)

    assert runs.average_duration(Platform.LINUX) is None
