"""An output without a baseline fails no test: it is shown as such, may be proposed, and the rest decides."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from tests.builders import BASELINE, BuiltTest, Output, add_event, add_output, add_regression_test, add_result, add_run, add_sample
from tests.handlers.baselines import GOT, REASON, baseline_of, store_output
from tests.handlers.site import Client, Site

RUNS = "/api/v1/runs"


@pytest.fixture
def client(site: Site) -> Client:
    """Somebody who may see everything, and decide."""
    return site.as_role(Role.ADMIN)


def run_of(test: BuiltTest, *got: str | None, exit_code: int = 0) -> int:
    """A finished run with the test: of each output a hash, None for a match or "" for nothing."""
    run_id = add_run(tests=[test.regression_id])
    add_event(run_id, Phase.TESTING)
    for output_id, digest in zip(test.output_ids, got, strict=True):
        if digest != "":
            add_output(run_id, test.regression_id, output_id, got=digest, expected="")
    add_result(run_id, test.regression_id, exit_code=exit_code)
    add_event(run_id, Phase.COMPLETED)
    return run_id


def views(client: Client, run_id: int) -> dict[str, Any]:
    """What the views of a run with one test say of how it fared."""
    [result] = client.get(f"{RUNS}/{run_id}/samples").json()["data"]
    summary = client.get(f"{RUNS}/{run_id}/summary").json()
    return {
        "run": client.get(f"{RUNS}/{run_id}").json()["status"], "result": result["status"],
        "outputs": [output["status"] for output in result["outputs"]], "counts": (summary["pass_count"], summary["error_count"]),
        "errors": [error["type"] for error in client.get(f"{RUNS}/{run_id}/errors").json()["data"]],
        "triage": [failure["code"] for failure in client.get(f"{RUNS}/{run_id}/triage").json()["failures"]],
        "junit": client.get(f"{RUNS}/{run_id}/junit.xml").text.count("<failure")}


@pytest.mark.parametrize("got", [GOT, ""])
def test_a_test_with_nothing_to_compare_passes_by_the_rest(site: Site, client: Client, got: str) -> None:
    test = add_regression_test(outputs=[Output(), Output("")])

    run_id = run_of(test, None, got)

    assert views(client, run_id) == {
        "run": "pass", "result": "pass", "outputs": ["match", "missing_expected"], "counts": (1, 0), "errors": [], "triage": [], "junit": 0}


@pytest.mark.parametrize(("other", "exit_code", "verdict", "status", "kind", "code"), [
    (GOT, 0, "fail", "diff_mismatch", "diff_mismatch", "OUTPUT_DIFF"),
    ("", 0, "missing_output", "missing_output", "missing_output", "MISSING_OUTPUT"),
    (None, 3, "fail", "match", "exit_code_mismatch", "EXIT_CODE_MISMATCH")])
def test_a_test_fails_by_the_rest_alone(
    site: Site, client: Client, other: str | None, exit_code: int, verdict: str, status: str, kind: str, code: str,
) -> None:
    test = add_regression_test(outputs=[Output(), Output("")])

    run_id = run_of(test, other, GOT, exit_code=exit_code)

    assert views(client, run_id) == {
        "run": "fail", "result": verdict, "outputs": [status, "missing_expected"], "counts": (0, 1), "errors": [kind], "triage": [code],
        "junit": 1}


@pytest.mark.parametrize(
    ("baseline", "got", "proposed"), [("", GOT, True), ("", "", False), (BASELINE, GOT, False), (BASELINE, None, False)])
def test_what_was_written_without_a_baseline_is_proposed(
    client: Client, baseline: str, got: str | None, proposed: bool,
) -> None:
    run_id = run_of(add_regression_test(outputs=[Output(baseline)]), got)

    [result] = client.get(f"{RUNS}/{run_id}/samples").json()["data"]

    assert [output["proposed"] for output in result["outputs"]] == [proposed]


def test_runs_that_differ_in_an_output_without_a_baseline_show_no_change(site: Site, client: Client) -> None:
    test = add_regression_test(outputs=[Output("")])
    base, run_id = run_of(test, GOT), run_of(test, "c" * 64)

    found = client.get(f"{RUNS}/{run_id}/compare", params={"against": base}).json()

    assert (found["passing_count"], found["broken_count"], found["failing_differently_count"]) == (1, 0, 0)


def test_such_an_output_is_proposed_and_approved_and_is_expected_then(site: Site, client: Client) -> None:
    store_output(site)
    sample_id = add_sample()
    test, alike = (add_regression_test(sample_id=sample_id, outputs=[Output("")]) for _ in range(2))
    run_id = run_of(test, GOT)
    body = {"regression_id": test.regression_id, "output_id": test.output_id, "reason": REASON, "apply_to_variants": True}

    asked = site.as_role(Role.CONTRIBUTOR).post(f"{RUNS}/{run_id}/samples/{test.sample_id}/baseline-approval", json=body)
    decided = client.post(f"/api/v1/baseline-approvals/{asked.json()['approval_id']}/approve")

    assert (asked.status_code, asked.json()["expected_hash"], decided.status_code) == (202, "", 200)
    # Other outputs without a baseline have none in common with this one.
    assert [baseline_of(site, each.output_id) for each in (test, alike)] == [GOT, ""]
    assert views(client, run_of(test, "c" * 64))["outputs"] == ["diff_mismatch"]


def test_the_operations_on_its_files_say_what_is_missing(site: Site, client: Client) -> None:
    store_output(site)
    test = add_regression_test(outputs=[Output("")])
    path, ids = f"{RUNS}/{run_of(test, GOT)}/samples/{test.sample_id}", {"regression_id": test.regression_id, "output_id": test.output_id}

    answers = [client.get(f"{path}/{what}", params=ids) for what in ("expected", "actual", "diff")]

    assert [answer.status_code for answer in answers] == [404, 200, 200]
    assert answers[2].json()["status"] == "missing_expected"


def test_a_baseline_whose_file_is_gone_is_a_baseline_for_all_that(site: Site, client: Client) -> None:
    store_output(site)
    test = add_regression_test(outputs=[Output(BASELINE)])

    differing, matching = run_of(test, GOT), run_of(test, BASELINE)

    assert views(client, differing)["outputs"] == ["diff_mismatch"]
    assert views(client, matching)["outputs"] == ["match"]
