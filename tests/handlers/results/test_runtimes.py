"""Slower tests in comparison and triage, over HTTP."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from tests.builders import BuiltTest, add_event, add_regression_test, add_result_with_output, add_run, minutes
from tests.handlers.site import Client, Site


@pytest.fixture
def agent(site: Site) -> Client:
    return site.as_role(Role.ADMIN)


def timed_run(test: BuiltTest, runtime_ms: int, *, at: int = 0, **options: Any) -> int:
    """A run in which the test passed in so many milliseconds."""
    run_id = add_run(tests=[test.regression_id], **options)
    add_event(run_id, Phase.TESTING, at=minutes(at))
    add_result_with_output(run_id, test, runtime_ms=runtime_ms)
    add_event(run_id, Phase.COMPLETED, at=minutes(at + 1))
    return run_id


def judged(agent: Client, *run_ids: int) -> None:
    """Have runs of the platform's judged, as the background does."""
    for run_id in run_ids:
        assert agent.get(f"/api/v1/runs/{run_id}").status_code == 200


def test_a_test_that_takes_much_longer_than_in_the_runs_before_is_slower(agent: Client, site: Site) -> None:
    test = add_regression_test(categories=["DVB"])
    judged(agent, *[timed_run(test, 1000 + number) for number in range(6)])
    run_id = timed_run(test, 9000)
    expected = {
        "regression_id": test.regression_id, "sample_id": test.sample_id, "category": "DVB", "runtime_ms": 9000, "median_ms": 1002,
        "deviation_ms": 2, "threshold_ms": 4010, "result_count": 6, "since_run_id": None}

    compared = agent.get(f"/api/v1/runs/{run_id}/compare").json()["runtimes"]
    triaged = agent.get(f"/api/v1/runs/{run_id}/triage").json()["runtimes"]

    assert compared == triaged == {
        "run_count": 6, "judged_count": 1, "suite_ratio": None, "suite_is_slower": False, "slower_count": 1, "slower": [expected],
        "faster_count": 0, "faster": []}


def test_a_test_that_becomes_faster_is_listed_in_the_comparison_and_counted_in_triage(agent: Client, site: Site) -> None:
    test = add_regression_test()
    judged(agent, *[timed_run(test, 9000) for _ in range(6)])
    run_id = timed_run(test, 900)

    compared = agent.get(f"/api/v1/runs/{run_id}/compare").json()["runtimes"]
    triaged = agent.get(f"/api/v1/runs/{run_id}/triage").json()["runtimes"]

    assert [each["regression_id"] for each in compared["faster"]] == [test.regression_id]
    assert (triaged["faster_count"], triaged["faster"]) == (1, [])


@pytest.mark.parametrize("options", [{"platform": "windows"}, {"repository": "ada/ccextractor"}, {"pull_request": 7}])
def test_runs_elsewhere_say_nothing_of_how_long_a_test_takes(agent: Client, site: Site, options: dict[str, Any]) -> None:
    test = add_regression_test()
    judged(agent, timed_run(test, 1000), *[timed_run(test, 1000, **options) for _ in range(8)])
    run_id = timed_run(test, 9000)

    assert agent.get(f"/api/v1/runs/{run_id}/compare").json()["runtimes"]["run_count"] == 1


def test_runs_in_another_environment_say_nothing_of_how_long_a_test_takes(agent: Client, site: Site) -> None:
    test = add_regression_test()
    judged(agent, *[timed_run(test, 1000) for _ in range(8)])
    created = agent.post("/api/v1/runs", json={
        "repository": "CCExtractor/ccextractor", "commit_sha": "c" * 40, "platform": "linux", "environment_id": "linux-latest"}).json()

    assert agent.get(f"/api/v1/runs/{created['run_id']}/compare").json()["runtimes"]["run_count"] == 0


def test_no_more_than_twenty_runs_are_looked_at(agent: Client, site: Site) -> None:
    test = add_regression_test()
    judged(agent, *[timed_run(test, 1000) for _ in range(23)])
    run_id = timed_run(test, 9000)
    judged(agent, run_id)

    with site.database.counted() as statements:
        shown = agent.get(f"/api/v1/runs/{run_id}/compare").json()["runtimes"]

    assert (shown["run_count"], shown["slower"][0]["result_count"]) == (20, 20)
    assert sum("FROM ci_evidence" in each and " IN (" in each for each in statements) == 1
