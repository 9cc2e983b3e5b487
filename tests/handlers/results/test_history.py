"""How the regression tests of a sample fared from run to run."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from contract.client import ValidatingClient
from tests.builders import (
    NOW,
    BuiltTest,
    add_event,
    add_finished_run,
    add_passed_result,
    add_regression_test,
    add_result,
    add_result_with_output,
    add_run,
    add_sample,
    digest_of,
    minutes,
)
from tests.handlers.site import Site

COMMIT = "0632bff4e382d5f86eff9073b9ddd37f03f9778c"


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client of somebody who may only look."""
    return site.as_role(Role.USER)


def history(client: ValidatingClient, sample_id: int, **query: Any) -> list[dict[str, Any]]:
    """The whole history of a sample."""
    answer = client.get(f"/api/v1/samples/{sample_id}/history", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["pagination"]["total"] == len(answer.json()["data"])
    return list(answer.json()["data"])


def run_ids(client: ValidatingClient, sample_id: int, **query: Any) -> list[int]:
    return [entry["run_id"] for entry in history(client, sample_id, **query)]


def add_failed_run(test: BuiltTest, at: int = 0, *, exit_code: int = 0, got: str | None = None, **options: str) -> int:
    """A run in which the test ended with this exit code and this output."""
    run_id = add_run(**options)  # type: ignore[arg-type]
    add_event(run_id, Phase.TESTING, at=minutes(at))
    add_result_with_output(run_id, test, got=got, exit_code=exit_code, runtime_ms=1840)
    add_event(run_id, Phase.COMPLETED, at=minutes(at + 1))
    return run_id


def test_the_newest_run_comes_first_with_verdict_and_signature(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test()
    passed = add_finished_run(test, at=minutes(-60))
    failed = add_failed_run(test, got=digest_of("got"), commit=COMMIT, branch="topic", platform="windows")

    found = history(client, test.sample_id)

    assert found[0] == {
        "run_id": failed, "sample_id": test.sample_id, "regression_id": test.regression_id, "run_created_at": "2026-11-21T12:00:00Z",
        "run_status": "fail", "commit_sha": COMMIT, "branch": "topic", "platform": "windows", "status": "fail", "runtime_ms": 1840,
        "failure_signature": f"OUTPUT_DIFF:{test.regression_id}:{test.output_id}"}
    assert [(entry["run_id"], entry["status"], entry["failure_signature"]) for entry in found[1:]] == [(passed, "pass", None)]


def test_the_age_of_a_run_decides_and_then_its_number(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test()
    made = [add_finished_run(test, at=minutes(at)) for at in (5, 0, 9, 5)]

    assert run_ids(client, test.sample_id) == [made[2], made[3], made[0], made[1]]


def test_a_signature_is_the_same_in_every_run_that_fails_in_this_way(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test()
    for at, got in enumerate(["one", "two"]):
        add_failed_run(test, at, got=digest_of(got))
    add_failed_run(test, 2, exit_code=139)

    signatures = [entry["failure_signature"] for entry in history(client, test.sample_id)]

    assert signatures == [
        f"SEGFAULT:{test.regression_id}:0", *[f"OUTPUT_DIFF:{test.regression_id}:{test.output_id}"] * 2]


def test_what_was_skipped_is_there_and_what_has_no_verdict_yet_is_not(site: Site, client: ValidatingClient) -> None:
    test, other = add_regression_test(), add_regression_test()
    add_run()
    testing = add_run()
    add_event(testing, Phase.TESTING)
    incomplete = add_finished_run(other, tests=[test.regression_id, other.regression_id])  # type: ignore[arg-type]

    found = history(client, test.sample_id)

    assert [(entry["run_id"], entry["status"], entry["run_status"], entry["runtime_ms"]) for entry in found] == [
        (incomplete, "skipped", "incomplete", None)]


def test_filters_leave_what_they_say_and_combine(site: Site, client: ValidatingClient) -> None:
    sample = add_sample()
    first, second = add_regression_test(sample_id=sample), add_regression_test(sample_id=sample)
    old = add_run(branch="topic")
    for phase, at in ((Phase.TESTING, -50), (Phase.COMPLETED, -40)):
        add_event(old, phase, at=minutes(at))
    add_passed_result(old, first)
    new = add_run(platform="windows", tests=[first.regression_id, second.regression_id])
    add_event(new, Phase.TESTING, at=NOW)
    add_passed_result(new, first)
    add_result(new, second.regression_id, exit_code=1)
    add_event(new, Phase.COMPLETED, at=NOW)

    def found(**query: Any) -> list[tuple[int, int]]:
        return [(entry["run_id"], entry["regression_id"]) for entry in history(client, sample, **query)]

    everything = [(new, first.regression_id), (new, second.regression_id), (old, first.regression_id)]
    assert found() == everything
    assert found(status="pass") == found(branch="topic") == found(platform="linux") == everything[2:]
    assert found(status="fail") == found(platform="windows") == found(created_after="2026-11-21T11:30:00Z") == everything[:2]
    assert found(created_before="2026-11-21T12:00:00Z") == everything[2:]
    assert found(result_status="missing_output") == found(regression_id=second.regression_id) == everything[1:2]
    assert found(result_status="pass") == [everything[0], everything[2]]
    assert found(branch="Topic") == found(branch="top") == found(status="queued") == found(regression_id=2**31 - 1) == []
    assert found(status="fail", result_status="pass", platform="windows", branch="master") == everything[:1]


def test_pages_are_those_of_the_whole_list_from_whichever_end_they_are_read(site: Site, client: ValidatingClient) -> None:
    sample = add_sample()
    tests = [add_regression_test(sample_id=sample) for _ in range(3)]
    for at in range(5):
        add_finished_run(*tests, at=minutes(at // 2))
    whole = [(entry["run_id"], entry["regression_id"]) for entry in history(client, sample)]

    for limit in (1, 4, 15):
        pages = [
            client.get(f"/api/v1/samples/{sample}/history", params={"limit": limit, "offset": offset}).json()
            for offset in range(17)]
        for offset, page in enumerate(pages):
            assert [(entry["run_id"], entry["regression_id"]) for entry in page["data"]] == whole[offset:offset + limit]
            assert page["pagination"]["total"] == 15
            assert page["pagination"]["next_offset"] == (offset + limit if offset + limit < 15 else None)


def test_a_sample_without_a_regression_test_has_no_history(site: Site, client: ValidatingClient) -> None:
    add_finished_run(add_regression_test())

    assert history(client, add_sample()) == []


def test_old_commits_and_long_branches_are_shown_as_far_as_they_fit(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test()
    add_finished_run(test, commit="abc123", branch="b" * 200)

    entry = history(client, test.sample_id)[0]

    assert sorted(entry["altered_fields"]) == ["branch", "commit_sha"]
    assert (entry["commit_sha"], len(entry["branch"])) == ("abc123" + "0" * 34, 100)


def test_a_history_takes_the_same_number_of_statements_however_long_it_is(site: Site, client: ValidatingClient) -> None:
    sample = add_sample()
    tests = [add_regression_test(sample_id=sample) for _ in range(2)]
    counts = []
    for number in (1, 9):
        for _ in range(number):
            add_finished_run(*tests)
        history(client, sample)
        with site.database.counted() as statements:
            client.get(f"/api/v1/samples/{sample}/history", params={"result_status": "pass", "branch": "master"})
        counts.append(len(statements))

    assert counts[0] == counts[1] <= 10


def test_runtimes_are_shown_as_a_series_with_their_median(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test()
    runs = [add_failed_run(test, at) for at in range(3)]

    shown = client.get(f"/api/v1/samples/{test.sample_id}/history").json()

    assert shown["runtimes"] == [{
        "regression_id": test.regression_id, "platform": "linux", "environment_id": None, "run_ids": runs,
        "runtimes_ms": [1840] * 3, "median_ms": 1840, "deviation_ms": 0}]
