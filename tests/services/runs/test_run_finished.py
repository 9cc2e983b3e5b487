"""What the end of a run leaves in the platform's own tables."""
from __future__ import annotations

import pytest
from sqlalchemy import select

from api.domain.runs.run import Phase, Platform
from api.domain.runs.trigger import RunRequest
from api.storage.database import session, transact
from api.storage.platform_tables import GeneralDataRow, InstanceRow, RegressionTestRow
from api.storage.runs.new_runs import create_run
from tests.builders import MAIN_REPOSITORY, add_machine, add_regression_test, add_user, minutes, save
from tests.databases import Database
from tests.services.acting import cancel, create, equal, execute, finish, tell
from tests.storage.runs.requests import new_run


def average(platform: str = "linux") -> str | None:
    session().rollback()
    return session().execute(
        select(GeneralDataRow.value).where(GeneralDataRow.key == f"average_time_{platform}")).scalar_one_or_none()


def run_for(seconds: int) -> None:
    test = add_regression_test()
    run_id = create(test)
    tell(run_id, Phase.TESTING)
    finish(run_id, test)
    tell(run_id, Phase.COMPLETED, at=minutes(seconds / 60))


@pytest.mark.parametrize("end", [Phase.COMPLETED, Phase.CANCELED])
def test_a_runs_machine_is_free_after_its_end(database: Database, end: Phase) -> None:
    run_id, other = create(add_regression_test()), create(add_regression_test())
    add_machine(run_id)
    add_machine(other)

    tell(run_id, end)

    assert session().execute(select(InstanceRow.test_id)).scalars().all() == [other]


def test_the_platforms_average_is_the_mean_over_its_runs(database: Database) -> None:
    seen = []
    for seconds in (100, 200, 300):
        run_for(seconds)
        seen.append(average())

    assert seen == ["100", "150", "200"]
    assert average("windows") is None


@pytest.mark.parametrize("kept", ["", "soon", "1500.5", "²"])
def test_an_average_that_is_no_number_is_begun_anew(database: Database, kept: str) -> None:
    save(GeneralDataRow(key="average_time_linux", value=kept))

    run_for(120)

    assert average() == "120"


def test_runs_that_did_not_run_to_an_end_leave_the_average_alone(database: Database) -> None:
    test = add_regression_test()
    canceled, silent, untested = (create(test) for _ in range(3))
    tell(canceled, Phase.TESTING)
    cancel(canceled)
    tell(silent, Phase.TESTING)
    tell(silent, Phase.COMPLETED)
    finish(untested, test)
    tell(untested, Phase.COMPLETED)

    assert average() is None


def test_runs_that_end_at_once_all_count(database: Database) -> None:
    tests = [add_regression_test() for _ in range(5)]
    made = [create(test) for test in tests]
    for run_id, test in zip(made, tests, strict=True):
        tell(run_id, Phase.TESTING)
        finish(run_id, test)

    answers = database.together(*[
        lambda run_id=run_id: tell(run_id, Phase.COMPLETED, at=minutes(1)) for run_id in made])

    assert answers == ["OK"] * 5
    assert average() == "60"


@pytest.mark.mariadb
def test_a_platforms_first_average_is_begun_once(mariadb_database: Database) -> None:
    tests = [add_regression_test() for _ in range(2)]
    made = [create(test) for test in tests]
    for run_id, test in zip(made, tests, strict=True):
        tell(run_id, Phase.TESTING)
        finish(run_id, test)

    with mariadb_database.overtaken(lambda: tell(made[1], Phase.COMPLETED, at=minutes(3)), before="INSERT INTO general_data"):
        answer = tell(made[0], Phase.COMPLETED, at=minutes(1))

    assert answer == "OK"
    assert average() == "120"


def test_a_test_that_passed_on_the_main_repository_remembers_the_run(database: Database) -> None:
    passed, failed = add_regression_test(), add_regression_test()
    run_id = create(passed, failed)
    tell(run_id, Phase.TESTING)
    for test in (passed, failed):
        equal(run_id, test)
        finish(run_id, test, 1 if test is failed else 0)

    tell(run_id, Phase.COMPLETED)

    rows = session().execute(
        select(RegressionTestRow.id, RegressionTestRow.last_passed_on_linux, RegressionTestRow.last_passed_on_windows)).all()
    assert [tuple(row) for row in rows] == [(passed.regression_id, run_id, None), (failed.regression_id, None, None)]


@pytest.mark.parametrize("request_of", [
    RunRequest("ada/ccextractor", "a" * 40, Platform.LINUX), RunRequest(MAIN_REPOSITORY, "a" * 40, Platform.LINUX, pull_request=3)])
def test_forks_and_pull_requests_are_not_remembered(database: Database, request_of: RunRequest) -> None:
    test, requester = add_regression_test(), add_user()
    run_id = transact(lambda: create_run(new_run([test.regression_id], requester_id=requester, request=request_of)))

    execute(run_id, test)

    assert session().execute(select(RegressionTestRow.last_passed_on_linux)).scalar_one() is None


def test_the_platform_of_the_run_is_the_one_that_is_remembered(database: Database) -> None:
    test, requester = add_regression_test(), add_user()
    asked = RunRequest(MAIN_REPOSITORY.upper(), "a" * 40, Platform.WINDOWS)
    run_id = transact(lambda: create_run(new_run([test.regression_id], requester_id=requester, request=asked)))

    execute(run_id, test)

    assert session().execute(select(RegressionTestRow.last_passed_on_windows)).scalar_one() == run_id
