"""Retrying: what a new run takes over from its source, and that it leaves that alone."""
from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.storage.platform_tables import ProgressRow, ResultFileRow, ResultRow, TestRow
from api.storage.tables.runs import RunRow
from contract.client import ValidatingClient
from tests.builders import (
    BuiltTest,
    add_event,
    add_finished_run,
    add_fork,
    add_passed_result,
    add_regression_test,
    add_result,
    add_result_with_output,
    add_run,
    digest_of,
    minutes,
)
from tests.handlers.runs.actions import RUNS, act, status
from tests.handlers.site import Site
from tests.platform_writes import change_run, deactivate, set_baseline


def add_mixed_run(*, requester_id: int | None = None) -> tuple[int, dict[str, BuiltTest]]:
    """A run that is over with one test of each verdict."""
    tests = {verdict: add_regression_test() for verdict in ("pass", "fail", "missing_output", "skipped")}
    run_id = add_run(tests=[test.regression_id for test in tests.values()], requester_id=requester_id, pull_request=7,
        branch="feature")
    add_event(run_id, Phase.TESTING, at=minutes(1))
    add_passed_result(run_id, tests["pass"])
    add_result_with_output(run_id, tests["fail"], got=digest_of("other"))
    add_result(run_id, tests["missing_output"].regression_id)
    add_event(run_id, Phase.COMPLETED, at=minutes(9))
    return run_id, tests


def test_a_retry_is_a_new_run_like_the_first(site: Site, tester: ValidatingClient) -> None:
    source, tests = add_mixed_run()
    site.clock.advance(hours=2)

    answer = act(tester, source, "retry", reason="flaky")

    made = answer.json()["new_run_id"]
    old, new = tester.get(f"{RUNS}/{source}").json(), tester.get(f"{RUNS}/{made}").json()
    assert (answer.status_code, answer.json()["run_id"], answer.json()["status"]) == (202, source, "accepted")
    assert {name: new[name] for name in ("repository", "branch", "commit_sha", "pull_request", "platform")} == {
        name: old[name] for name in ("repository", "branch", "commit_sha", "pull_request", "platform")}
    assert (new["status"], new["source_run_id"], new["reason"], new["triggered_by"]) == ("queued", source, "flaky", "tester")
    assert new["created_at"] == "2026-11-21T14:00:00Z"
    assert tester.get(f"{RUNS}/{made}/config").json()["regression_test_ids"] == sorted(test.regression_id for test in tests.values())


@pytest.mark.parametrize(("column", "odd", "field"), [
    ("commit", "", "commit_sha"), ("commit", "é" * 64, "commit_sha"), ("github", "https://github.com/tester/" + "x" * 227, "repository")],
    ids=["no commit", "no hash", "a long name"])
def test_a_run_of_which_nobody_can_tell_what_it_executed_is_not_retried(site: Site, column: str, odd: str, field: str) -> None:
    tester = site.as_user(site.account(Role.TESTER, "tess", github_login="tester"))
    source, _ = add_mixed_run()
    change_run(source, **({"fork_id": add_fork(odd)} if column == "github" else {"commit": odd}))

    answer = act(tester, source, "retry", failed_only=False)

    assert (answer.status_code, answer.json()["details"]["altered_fields"]) == (422, [field])


def test_a_retry_has_a_secret_of_its_own(site: Site, tester: ValidatingClient) -> None:
    source, _ = add_mixed_run()

    made = act(tester, source, "retry").json()["new_run_id"]

    tokens = dict(tuple(row) for row in site.rows(select(TestRow.id, TestRow.token)))
    assert tokens[source] != tokens[made]


def test_a_retry_of_what_failed_takes_all_that_did_not_pass(site: Site, tester: ValidatingClient) -> None:
    source, tests = add_mixed_run()

    made = act(tester, source, "retry", failed_only=True).json()["new_run_id"]

    wanted = sorted(test.regression_id for verdict, test in tests.items() if verdict != "pass")
    assert tester.get(f"{RUNS}/{made}/config").json()["regression_test_ids"] == wanted


def test_tests_that_are_no_longer_active_are_left_out_and_named(site: Site, tester: ValidatingClient) -> None:
    source, tests = add_mixed_run()
    deactivate(tests["fail"])

    answer = act(tester, source, "retry").json()

    assert f"no longer active: {tests['fail'].regression_id}." in answer["message"]
    assert tests["fail"].regression_id not in tester.get(f"{RUNS}/{answer['new_run_id']}/config").json()["regression_test_ids"]


def test_many_tests_that_are_left_out_still_make_a_message(site: Site, tester: ValidatingClient) -> None:
    kept, *dropped = [add_regression_test() for _ in range(40)]
    source = add_run(tests=[kept.regression_id, *(test.regression_id for test in dropped)])
    for test in dropped:
        deactivate(test)

    answer = act(tester, source, "retry")

    assert (answer.status_code, answer.json()["message"][-12:]) == (202, "and 19 more.")


@pytest.mark.parametrize("failed_only", [True, False])
def test_a_retry_with_nothing_left_is_unprocessable(site: Site, tester: ValidatingClient, failed_only: bool) -> None:
    test = add_regression_test()
    source = add_finished_run(test)
    if not failed_only:
        deactivate(test)

    answer = act(tester, source, "retry", failed_only=failed_only)

    assert (answer.status_code, answer.json()["details"]["failed_only"]) == (422, failed_only)
    assert answer.json()["details"]["inactive_ids"] == ([] if failed_only else [test.regression_id])
    assert len(site.rows(select(TestRow.id))) == 1


def test_a_retry_leaves_its_source_as_it_was(site: Site, tester: ValidatingClient) -> None:
    source, _ = add_mixed_run()
    parts = ("", "/summary", "/progress", "/config")

    def everything() -> list[Any]:
        stored = [site.rows(select(*table.__table__.columns).where(table.test_id == source)) for table in (ProgressRow, ResultRow,
            ResultFileRow)]
        known = site.rows(select(*RunRow.__table__.columns).where(RunRow.run_id == source))
        return [stored, known, [tester.get(f"{RUNS}/{source}{part}").json() for part in parts]]

    tester.get(RUNS)
    before = everything()

    act(tester, source, "retry", failed_only=True)

    assert everything() == before


def test_a_run_that_is_not_over_can_be_retried_whole(site: Site, tester: ValidatingClient) -> None:
    test = add_regression_test()
    source = add_run()

    made = act(tester, source, "retry").json()["new_run_id"]

    assert tester.get(f"{RUNS}/{made}/config").json()["regression_test_ids"] == [test.regression_id]
    assert status(tester, source) == "queued"


def test_a_retry_freezes_todays_baselines(site: Site, tester: ValidatingClient) -> None:
    source, tests = add_mixed_run()
    tester.get(RUNS)
    set_baseline(tests["fail"].output_id, digest_of("other"))

    made = act(tester, source, "retry").json()["new_run_id"]

    sets = dict(tuple(row) for row in site.rows(select(RunRow.run_id, RunRow.expected_tests_id)))
    assert sets[made] != sets[source]


def test_a_repeated_retry_makes_one_run(site: Site, tester: ValidatingClient) -> None:
    source, tests = add_mixed_run()
    first = act(tester, source, "retry", key="k", failed_only=True).json()["new_run_id"]
    for test in tests.values():
        deactivate(test)

    again = act(tester, source, "retry", key="k", failed_only=True)
    other = act(tester, source, "retry", key="k")

    assert (again.status_code, again.json()["new_run_id"]) == (202, first)
    assert other.status_code == 422


def test_a_key_is_worth_nothing_for_another_run_or_another_operation(site: Site, tester: ValidatingClient) -> None:
    first, _ = add_mixed_run()
    second, _ = add_mixed_run()

    made = [act(tester, run_id, "retry", key="k").json()["new_run_id"] for run_id in (first, second)]

    assert len(set(made)) == 2


def test_retries_with_one_key_at_once_make_one_run(site: Site, tester: ValidatingClient) -> None:
    source, _ = add_mixed_run()

    answers = site.together(*[lambda: act(tester, source, "retry", key="k").json()["new_run_id"]] * 6)

    assert len(set(answers)) == 1
    assert len(site.rows(select(TestRow.id))) == 2
