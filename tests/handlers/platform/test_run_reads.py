"""Runs, results, errors and files, in the words of the platform."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role, Scope
from api.domain.runs.run import Phase
from api.storage.platform_tables import VersionRow
from contract.client import ValidatingClient
from tests.builders import (
    BASELINE,
    MAIN_REPOSITORY,
    NOW,
    BuiltTest,
    Output,
    add_event,
    add_finished_run,
    add_output,
    add_passed_result,
    add_regression_test,
    add_result,
    add_result_with_output,
    add_run,
    add_sample,
    digest_of,
    minutes,
    save,
)
from tests.handlers.outputs import stored
from tests.handlers.site import Site

BASE = "/platform/api/v1"
GOT, VARIANT = digest_of("got"), digest_of("variant")


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client of somebody who may only look."""
    return site.as_role(Role.USER)


def ask(client: ValidatingClient, path: str, **query: Any) -> Any:
    """The content of an answer that is one."""
    answer = client.get(BASE + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def add_failed_run(test: BuiltTest, *, exit_code: int = 0, got: str = GOT, expected: str = BASELINE) -> int:
    """A run of one test, which gave another output or ended otherwise."""
    run_id = add_run(tests=[test.regression_id])
    add_event(run_id, Phase.TESTING, at=NOW)
    add_result_with_output(run_id, test, got=got, expected=expected, exit_code=exit_code)
    add_event(run_id, Phase.COMPLETED, at=minutes(5))
    return run_id


def test_a_run_of_a_pull_request_leads_there(client: ValidatingClient) -> None:
    run_id = add_run(pull_request=2264, branch="fix")

    shown = ask(client, f"/runs/{run_id}")

    assert shown["test_type"] == "pr" and shown["pr_number"] == 2264
    assert shown["github_link"] == f"https://github.com/{MAIN_REPOSITORY}/pull/2264"


def test_a_list_of_runs_is_that_of_the_release_that_is_asked_for(client: ValidatingClient) -> None:
    commit = digest_of("release")[:40]
    save(VersionRow(version="0.94", released=NOW.date(), commit=commit))
    of_release, _ = add_run(commit=commit), add_run()

    listed = ask(client, "/runs", ccx_version="0.94")
    unknown = ask(client, "/runs", ccx_version="0.1")

    assert [run["run_id"] for run in listed["data"]] == [of_release]
    assert unknown == {"data": [], "meta": {}, "pagination": {"limit": 50, "offset": 0, "total": 0, "next_offset": None}}


@pytest.mark.parametrize("after", [
    "2026-01-01", "2026-01-01T00:00", "2026-01-01 00:00:00.5", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+0100"])
def test_a_date_needs_neither_a_time_nor_a_zone(client: ValidatingClient, after: str) -> None:
    run_id = add_finished_run(add_regression_test())

    assert [run["run_id"] for run in ask(client, "/runs", created_after=after)["data"]] == [run_id]


def test_a_day_that_no_calendar_has_is_refused(client: ValidatingClient) -> None:
    answer = client.get(BASE + "/runs", params={"created_before": "2026-02-30"})

    assert answer.status_code == 400 and "created_before" in answer.json()["details"]["fields"]


def test_a_result_is_found_by_its_regression_test(client: ValidatingClient) -> None:
    add_sample()
    test = add_regression_test(sample_id=add_sample("news.ts"), categories=["DVB", "Broken"], outputs=[Output(acceptable=(VARIANT,))])
    run_id = add_failed_run(test, got=VARIANT)

    shown = ask(client, f"/runs/{run_id}/samples/{test.regression_id}")

    assert (shown["sample_id"], shown["sample_name"], shown["status"]) == (test.sample_id, "news.ts", "pass")
    assert shown["categories"] == ["DVB", "Broken"]
    assert [output["status"] for output in shown["outputs"]] == ["pass"]


def test_a_result_of_a_test_that_the_run_has_not_is_not_found(client: ValidatingClient) -> None:
    run_id, other = add_finished_run(add_regression_test()), add_regression_test()

    assert client.get(f"{BASE}/runs/{run_id}/samples/{other.regression_id}").status_code == 404


def test_an_output_that_did_not_come_is_not_listed(client: ValidatingClient) -> None:
    test = add_regression_test()
    run_id = add_run(tests=[test.regression_id])
    add_event(run_id, Phase.TESTING)
    add_result(run_id, test.regression_id)
    add_event(run_id, Phase.COMPLETED)

    found = ask(client, f"/runs/{run_id}/samples", status="missing_output")["data"]

    assert [(result["regression_test_id"], result["outputs"]) for result in found] == [(test.regression_id, [])]


def test_a_crash_is_told_as_an_exit_code_and_a_difference_by_its_output(client: ValidatingClient) -> None:
    test = add_regression_test()
    run_id = add_failed_run(test, exit_code=139)

    found = ask(client, f"/runs/{run_id}/errors")["data"]

    output = test.output_ids[0]
    assert [(error["error_id"], error["type"], error["severity"]) for error in found] == [
        (f"err_{run_id}_{test.regression_id}_rc", "exit_code_mismatch", "error"),
        (f"err_{run_id}_{test.regression_id}_{output}", "diff_mismatch", "warning")]


def test_groups_of_errors_come_in_the_order_of_the_errors(client: ValidatingClient) -> None:
    tests = [add_regression_test(), add_regression_test()]
    run_id = add_run(tests=[test.regression_id for test in tests])
    add_event(run_id, Phase.TESTING)
    add_result_with_output(run_id, tests[0], got=GOT)
    add_result_with_output(run_id, tests[1], got=GOT, exit_code=5)
    add_event(run_id, Phase.COMPLETED)

    found = ask(client, f"/runs/{run_id}/error-summary")["data"]

    assert [(group["key"], group["count"], group["sample_ids"]) for group in found] == [
        ("diff_mismatch", 2, [tests[0].sample_id, tests[1].sample_id]), ("exit_code_mismatch", 1, [tests[1].sample_id])]


def test_an_output_that_is_its_baseline_leads_there(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test()
    run_id = add_finished_run(test)
    place = f"{BASE}/runs/{run_id}/samples/{test.sample_id}/regression-tests/{test.regression_id}/outputs/{test.output_ids[0]}"

    answer = client.get(f"{place}/actual", params={"format": "text"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "expected?format=text")


def test_a_difference_is_shown_in_both_forms(site: Site, client: ValidatingClient) -> None:
    expected, actual = stored(site, b"1\nHello\n"), stored(site, b"1\nHullo\n")
    test = add_regression_test(outputs=[Output(expected)])
    run_id = add_failed_run(test, got=actual, expected=expected)
    place = f"/runs/{run_id}/samples/{test.sample_id}/regression-tests/{test.regression_id}/outputs/{test.output_ids[0]}/diff"

    structured, unified = ask(client, place), ask(client, place, format="unified")

    lines = [(line["kind"], line["text"]) for hunk in structured["hunks"] for line in hunk["lines"]]
    assert lines == [("context", "1"), ("removed", "Hello"), ("added", "Hullo")]
    assert unified["content"] == "--- expected\n+++ actual\n@@ -1,2 +1,2 @@\n 1\n-Hello\n+Hullo"


def test_files_of_a_run_are_its_own_and_those_of_outputs_that_were_reported(client: ValidatingClient) -> None:
    test, silent = add_regression_test(), add_regression_test()
    run_id = add_run(tests=[test.regression_id, silent.regression_id])
    add_event(run_id, Phase.TESTING)
    add_output(run_id, test.regression_id, test.output_ids[0], got=GOT)
    add_passed_result(run_id, silent)
    add_event(run_id, Phase.COMPLETED)

    found = ask(client, f"/runs/{run_id}/artifacts")["data"]

    place, other = f"{run_id}_{test.regression_id}_{test.output_ids[0]}", f"{run_id}_{silent.regression_id}_{silent.output_ids[0]}"
    assert [file["artifact_id"] for file in found] == [
        f"binary_{run_id}", f"coredump_{run_id}", f"combined_stdout_{run_id}", f"buildlog_{run_id}", f"expected_{place}",
        f"actual_{place}", f"expected_{other}"]


def test_progress_is_what_workers_told(client: ValidatingClient) -> None:
    run_id = add_finished_run(add_regression_test())

    found = ask(client, f"/runs/{run_id}/progress")["data"]

    assert found and "queued" not in {event["status"] for event in found}


def test_a_log_is_for_who_may_read_the_system(site: Site) -> None:
    run_id = add_finished_run(add_regression_test())

    assert site.as_role(Role.USER, Scope.RUNS_READ).get(f"{BASE}/runs/{run_id}/logs").status_code == 403
