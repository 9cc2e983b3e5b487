"""Why tests of a run were not executed: the lists, the counts and triage agree, whichever worker it was."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role, Scope
from api.domain.runs.run import Phase
from contract.client import ValidatingClient
from tests.builders import BuiltTest, add_event, add_passed_result, add_regression_test, add_run
from tests.handlers.site import Site

LOG = b"[INFO] [worker] begun\n[ERROR] [worker] The machine is out of memory.\n[INFO] [worker] bye\n"
LINE = "[ERROR] [worker] The machine is out of memory."


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    return site.as_role(Role.ADMIN, Scope.RUNS_READ, Scope.RESULTS_READ, Scope.SYSTEM_READ)


@pytest.fixture
def tests(site: Site) -> list[BuiltTest]:
    return [add_regression_test(categories=["DVB"]) for _ in range(4)]


def ask(client: ValidatingClient, run_id: int, what: str) -> Any:
    return client.get(f"/api/v1/runs/{run_id}{what}").json()


def begin(tests: list[BuiltTest], *, executed: int) -> int:
    run_id = add_run(tests=[test.regression_id for test in tests])
    add_event(run_id, Phase.TESTING)
    for test in tests[:executed]:
        add_passed_result(run_id, test)
    return run_id


@pytest.mark.parametrize(("executed", "status"), [(1, "incomplete"), (0, "error")])
def test_a_run_whose_worker_ended_early_says_so_everywhere(
    site: Site, client: ValidatingClient, tests: list[BuiltTest], executed: int, status: str,
) -> None:
    run_id = begin(tests, executed=executed)
    site.send(run_id, LOG, type="logupload")
    site.report(run_id, type="progress", status="completed", message="Ran all tests")

    run, summary, triage = ask(client, run_id, ""), ask(client, run_id, "/summary"), ask(client, run_id, "/triage")
    (error,) = ask(client, run_id, "/infrastructure-errors")["data"]

    assert (run["status"], run["run_errors"]) == (status, "yes")
    assert (error["error_id"], error["type"], error["message"]) == (
        f"{run_id}-unexecuted", "worker", f"The worker ended after {executed} of 4 tests.")
    assert error["details"] == {"tests_executed": executed, "tests_expected": 4, "log_line": LINE}
    assert summary["infrastructure_error_count"] == triage["infrastructure_error_count"] == 1
    assert triage["infrastructure_errors"][0]["message"] == error["message"]
    assert triage["skipped"] == [
        {"regression_id": test.regression_id, "sample_id": test.sample_id, "category": "DVB", "reason": "worker_ended"}
        for test in tests[executed:]]
    assert triage["skipped_count"] == summary["skipped_count"] == triage["counts"]["skipped_count"] == 4 - executed
    assert LINE not in str(triage)


@pytest.mark.parametrize(("message", "reason", "errors"), [
    ("[build] The build failed.", "build_failed", 1), ("[worker] The worker was lost.", "worker_ended", 1),
    ("PR closed", "canceled", 0)])
def test_a_canceled_run_says_how_far_it_came_and_why_no_further(
    site: Site, client: ValidatingClient, tests: list[BuiltTest], message: str, reason: str, errors: int,
) -> None:
    run_id = begin(tests, executed=2)
    # Only the platform's own programs cancel on purpose without this server's knowing.
    site.report(run_id, type="progress", status="canceled", message=message) if errors else add_event(run_id, Phase.CANCELED, message)

    found, summary, triage = (
        ask(client, run_id, "/infrastructure-errors")["data"], ask(client, run_id, "/summary"), ask(client, run_id, "/triage"))

    assert [error["details"] for error in found] == [{"tests_executed": 2, "tests_expected": 4, "log_line": None}] * errors
    assert summary["infrastructure_error_count"] == triage["infrastructure_error_count"] == errors
    assert [each["reason"] for each in triage["skipped"]] == [reason] * 2


def test_a_run_that_is_not_over_has_skipped_nothing(site: Site, client: ValidatingClient, tests: list[BuiltTest]) -> None:
    run_id = begin(tests, executed=1)

    assert (ask(client, run_id, "/triage")["skipped"], ask(client, run_id, "/infrastructure-errors")["data"]) == ([], [])


def test_a_log_line_that_is_longer_than_it_may_be_is_cut_and_named(
    site: Site, client: ValidatingClient, tests: list[BuiltTest],
) -> None:
    run_id = begin(tests, executed=1)
    site.send(run_id, b"error: " + b"x" * 5000, type="logupload")
    site.report(run_id, type="progress", status="completed", message="")

    (error,) = ask(client, run_id, "/infrastructure-errors")["data"]

    assert (len(error["details"]["log_line"]), error["altered_fields"]) == (1000, ["details"])
