"""Triggering several runs alike at once."""
from __future__ import annotations

import pytest
from sqlalchemy import select

from api.domain.auth.access import Role
from api.storage.platform_tables import CustomizedTestRow, TestRow
from contract.client import ValidatingClient
from tests.builders import MAIN_REPOSITORY, BuiltTest, add_regression_test
from tests.handlers.runs.test_create_run import COMMIT, RUNS, trigger
from tests.handlers.site import Site


@pytest.fixture
def test(site: Site) -> BuiltTest:
    """The regression test that is run several times."""
    add_regression_test()
    return add_regression_test()


@pytest.fixture
def tester(site: Site) -> ValidatingClient:
    """A client of the tester's account."""
    return site.as_role(Role.TESTER)


def test_as_many_runs_are_made_as_were_asked_for_of_the_same_commit_and_tests(
        site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    answer = trigger(tester, repeat=5, regression_test_ids=[test.regression_id])

    run_ids = answer.json()["run_ids"]
    rows = site.rows(select(TestRow.id, TestRow.commit, TestRow.token).order_by(TestRow.id))
    assert (answer.status_code, answer.json()["run_id"]) == (202, run_ids[0])
    assert [(row.id, row.commit) for row in rows] == [(run_id, COMMIT) for run_id in run_ids] and len(run_ids) == 5
    assert len({row.token for row in rows}) == 5
    assert site.rows(select(CustomizedTestRow.test_id, CustomizedTestRow.regression_id)) == [
        (run_id, test.regression_id) for run_id in run_ids]


def test_a_repeat_says_which_run_it_repeats(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    first, *repeats = trigger(tester, repeat=3).json()["run_ids"]

    shown = [tester.get(f"{RUNS}/{run_id}").json() for run_id in (first, *repeats)]
    assert [run["source_run_id"] for run in shown] == [None, first, first]
    assert [run["reason"] for run in shown] == [None, f"Repeats run {first}, 2 of 3.", f"Repeats run {first}, 3 of 3."]


def test_a_request_with_repeats_is_answered_with_the_same_runs_when_it_is_sent_again(
        site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    first = trigger(tester, key="k1", repeat=3).json()["run_ids"]

    again = trigger(tester, key="k1", repeat=3)

    assert again.json()["run_ids"] == first
    assert len(site.rows(select(TestRow.id))) == 3


def test_a_request_with_repeats_that_is_sent_many_times_at_once_makes_its_runs_once(
        site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    answers = site.together(*[lambda: trigger(tester, key="k1", repeat=3)] * 4)

    assert {answer.status_code for answer in answers} == {202}
    assert len({tuple(answer.json()["run_ids"]) for answer in answers}) == 1
    assert len(site.rows(select(TestRow.id))) == 3


def test_another_number_of_repeats_is_another_request(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    trigger(tester, key="k1", repeat=2)

    answer = trigger(tester, key="k1", repeat=3)

    assert answer.status_code == 422
    assert len(site.rows(select(TestRow.id))) == 2


def test_of_a_request_that_is_refused_no_run_is_made(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    refused = [
        trigger(tester, repeat=5, regression_test_ids=[test.regression_id + 1]), trigger(tester, repeat=5, environment_id="none"),
        trigger(site.as_role(Role.USER), repeat=5)]

    assert [answer.status_code for answer in refused] == [422, 422, 403]
    assert site.rows(select(TestRow.id)) == []


def test_repeats_count_as_one_request_against_the_limit(site: Site, tester: ValidatingClient, test: BuiltTest) -> None:
    body = {"repository": MAIN_REPOSITORY, "commit_sha": COMMIT, "platform": "linux"}
    before = int(tester.post(RUNS, json=body).headers["X-RateLimit-Remaining"])

    after = int(tester.post(RUNS, json=body | {"repeat": 5}).headers["X-RateLimit-Remaining"])

    assert after == before - 1
