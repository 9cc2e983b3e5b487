"""Errors of a run's tests, errors of the machinery around it, and their counts in groups."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.infrastructure import EventOrigin
from api.domain.runs.infrastructure_code import InfrastructureType
from api.domain.runs.run import Phase
from api.storage.database import transaction
from api.storage.results.results import record_result_time
from api.storage.runs.progress import record_event
from contract.client import ValidatingClient
from tests.builders import (
    NOW,
    Output,
    add_event,
    add_output,
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

GOT = digest_of("got")


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client of somebody who may look at everything."""
    return site.as_role(Role.TESTER)


def listed(client: ValidatingClient, run_id: int, kind: str = "errors", **query: Any) -> list[dict[str, Any]]:
    """A whole page of errors, of infrastructure errors, or of groups."""
    answer = client.get(f"/api/v1/runs/{run_id}/{kind}", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["pagination"]["total"] == len(answer.json()["data"])
    return list(answer.json()["data"])


def finish(run_id: int, at: int = 25) -> int:
    add_event(run_id, Phase.COMPLETED, at=minutes(at))
    return run_id


def start(*tests: int) -> int:
    run_id = add_run(tests=tests)
    add_event(run_id, Phase.TESTING, at=minutes(5))
    return run_id


def test_each_reason_is_an_item_test_by_test(site: Site, client: ValidatingClient) -> None:
    sample = add_sample(sha=digest_of("s"))
    test = add_regression_test(sample_id=sample, outputs=[Output(), Output(suffix="_2", extension=".txt")])
    run_id = start()
    add_output(run_id, test.regression_id, test.output_ids[1], got=GOT)
    add_result(run_id, test.regression_id, exit_code=10)
    finish(run_id)
    shared = {"run_id": run_id, "sample_id": sample, "regression_id": test.regression_id, "attribution": "regression",
              "occurred_at": "2026-11-21T12:25:00Z"}
    first, second = test.output_ids

    assert listed(client, run_id) == [
        {**shared, "error_id": f"{run_id}-{test.regression_id}-exit_code_mismatch", "type": "exit_code_mismatch",
         "code": "EXIT_CODE_MISMATCH", "severity": "error", "message": "Exit code 10, expected 0.", "location": None},
        {**shared, "error_id": f"{run_id}-{test.regression_id}-missing_output-{first}", "type": "missing_output",
         "code": "MISSING_OUTPUT", "severity": "error", "message": f"Output {first} was not written.",
         "location": {"output_id": first, "filename": f"{digest_of('s')}.srt"}},
        {**shared, "error_id": f"{run_id}-{test.regression_id}-diff_mismatch-{second}", "type": "diff_mismatch",
         "code": "OUTPUT_DIFF", "severity": "warning", "message": f"Output {second} differs from its baseline.",
         "location": {"output_id": second, "filename": f"{digest_of('s')}_2.txt"}}]


@pytest.mark.parametrize(("exit_code", "attribution", "words"), [
    (139, "regression", "The program crashed with a segmentation fault (exit code 139)."),
    (-11, "regression", "The program crashed with a segmentation fault (exit code -11)."),
    (-1073741819, "regression", "The program crashed with a segmentation fault (exit code -1073741819)."),
    (134, "regression", "The program aborted itself (exit code 134)."),
    (136, "regression", "The program crashed (exit code 136)."),
    (-15, "regression", "The program was ended by a signal (exit code -15)."),
    (-1073741676, "regression", "The program crashed (exit code -1073741676)."),
    (-25, "regression", "The program wrote a file beyond its size limit (exit code -25)."),
    (-24, "infrastructure", "The program ran into its time limit (exit code -24)."),
    (124, "infrastructure", "The program ran into its time limit (exit code 124)."),
    (137, "infrastructure", "The program was killed, as a memory limit does (exit code 137).")])
def test_a_crash_is_told_apart_from_a_wrong_exit_code(
    site: Site, client: ValidatingClient, exit_code: int, attribution: str, words: str,
) -> None:
    test = add_regression_test(outputs=[])
    run_id = start()
    add_result(run_id, test.regression_id, exit_code=exit_code)

    found = listed(client, run_id)

    assert [(item["type"], item["severity"], item["attribution"], item["message"]) for item in found] == [
        ("test_failure", "critical", attribution, words)]


def test_a_test_that_hit_a_limit_is_in_both_lists_under_one_name(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(outputs=[])
    run_id = start()
    add_result(run_id, test.regression_id, exit_code=-1, runtime_ms=600_000)
    finish(run_id)

    errors, infrastructure = listed(client, run_id), listed(client, run_id, "infrastructure-errors")
    summary = client.get(f"/api/v1/runs/{run_id}/summary").json()

    assert infrastructure == [{**errors[0], "type": "worker", "location": None}]
    assert (summary["error_count"], summary["infrastructure_error_count"]) == (1, 1)


@pytest.mark.parametrize(("query", "expected"), [
    ({"type": "diff_mismatch"}, ["diff_mismatch"]), ({"severity": "error"}, ["exit_code_mismatch", "missing_output"]),
    ({"severity": "info"}, []), ({"type": "test_failure"}, []), ({"sample_id": 2147483647}, []),
    ({"type": "missing_output", "severity": "warning"}, [])])
def test_errors_are_found_by_type_severity_and_sample(
    site: Site, client: ValidatingClient, query: dict[str, Any], expected: list[str],
) -> None:
    differing, wrong = add_regression_test(), add_regression_test()
    run_id = start()
    add_result_with_output(run_id, differing, got=GOT)
    add_result(run_id, wrong.regression_id, exit_code=1)

    found = [item["type"] for item in listed(client, run_id, **query)]
    of_sample = {item["regression_id"] for item in listed(client, run_id, sample_id=wrong.sample_id)}

    assert found == expected
    assert of_sample == {wrong.regression_id}


def test_a_run_without_failures_has_no_errors(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test()
    run_id = start()
    add_passed_result(run_id, test)
    finish(run_id)

    assert [listed(client, run_id, kind) for kind in ("errors", "infrastructure-errors", "error-summary")] == [[], [], []]


def test_a_failure_happened_when_its_worker_told_of_it(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(outputs=[])
    run_id = add_run()
    site.report(run_id, type="progress", status="testing", message="")
    site.clock.advance(minutes=3)
    site.report(run_id, type="finish", test_id=test.regression_id, exitCode=1, runTime=5)
    site.clock.advance(minutes=3)
    site.report(run_id, type="progress", status="completed", message="")

    assert [item["occurred_at"] for item in listed(client, run_id)] == ["2026-11-21T12:03:00Z"]


def test_a_time_noted_before_the_platform_restarted_the_run_tells_nothing(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(outputs=[])
    run_id = start()
    with transaction():
        record_result_time(run_id, test.regression_id, minutes(-60))
    add_result(run_id, test.regression_id, exit_code=1)
    finish(run_id)

    assert [item["occurred_at"] for item in listed(client, run_id)] == ["2026-11-21T12:25:00Z"]


@pytest.mark.parametrize(("message", "kind", "shown"), [
    ("Build failed: make error 2", "build", "Build failed: make error 2"),
    ("VM instance provisioning failed: quota exceeded", "vm_provisioning", "VM instance provisioning failed: quota exceeded"),
    ("git clone of fork failed", "checkout", "git clone of fork failed"),
    ("Merge conflict with master", "merge", "Merge conflict with master"),
    ("worker timeout after 120 minutes", "worker", "worker timeout after 120 minutes"),
    ("disk full on storage", "storage", "disk full on storage"), ("", "worker", "No reason was given."),
    ("[queue] Waited for a day.", "queue", "Waited for a day.")])
def test_what_ended_a_run_is_an_infrastructure_error_of_its_kind(
    site: Site, client: ValidatingClient, message: str, kind: str, shown: str,
) -> None:
    run_id = add_run()
    event = add_event(run_id, Phase.CANCELED, message, at=minutes(12))

    assert listed(client, run_id, "infrastructure-errors") == [{
        "error_id": f"{run_id}-event-{event}", "run_id": run_id, "sample_id": None, "regression_id": None, "type": kind,
        "severity": "critical", "attribution": "infrastructure", "message": shown, "location": None,
        "occurred_at": "2026-11-21T12:12:00Z"}]


@pytest.mark.parametrize("message", ["Canceled by admin via API: superseded", "cancelled by bob", "PR closed"])
def test_a_persons_cancel_is_no_error(site: Site, client: ValidatingClient, message: str) -> None:
    run_id = add_run()
    add_event(run_id, Phase.CANCELED, message)

    assert listed(client, run_id, "infrastructure-errors") == []


def add_stack(*lines: str) -> int:
    """A run that ended with a stack trace."""
    run_id = add_run()
    with transaction():
        record_event(run_id, Phase.CANCELED, "Build failed", at=NOW, origin=EventOrigin(InfrastructureType.BUILD, lines))
    return run_id


@pytest.mark.parametrize("role", [Role.ADMIN, Role.CONTRIBUTOR])
def test_stacks_are_shown_to_those_who_may_see_them_without_the_deployments_folders(site: Site, role: Role) -> None:
    run_id = add_stack("Traceback", '  File "/srv/app/venv/worker.py", line 3, in build', r"  C:\ci\build\make.exe failed")

    shown = listed(site.as_role(role), run_id, "infrastructure-errors", include_stack=True)

    assert shown[0]["stack"] == ["Traceback", '  File "…/worker.py", line 3, in build', "  …/make.exe failed"]


def test_a_stack_that_was_not_asked_for_is_absent(site: Site) -> None:
    run_id = add_stack("Traceback")

    assert "stack" not in listed(site.as_role(Role.ADMIN), run_id, "infrastructure-errors")[0]


def test_of_a_long_stack_the_end_is_shown(site: Site) -> None:
    run_id = add_stack(*(f"frame {number}" for number in range(80)), "x" * 3000)

    shown = listed(site.as_role(Role.ADMIN), run_id, "infrastructure-errors", include_stack=True)[0]

    assert shown["altered_fields"] == ["stack"]
    assert (len(shown["stack"]), shown["stack"][0], len(shown["stack"][-1])) == (50, "frame 31", 2000)


@pytest.mark.parametrize("role", [Role.TESTER, Role.USER])
@pytest.mark.parametrize("run_id", [None, 99])
def test_stacks_are_refused_to_everybody_else_whether_there_is_a_run_or_not(site: Site, role: Role, run_id: int | None) -> None:
    path = f"/api/v1/runs/{run_id or add_stack('Traceback')}/infrastructure-errors"

    answer = site.as_role(role).get(path, params={"include_stack": "true"})

    assert (answer.status_code, answer.json()["details"]["required_roles"]) == (403, ["admin", "contributor"])


@pytest.mark.parametrize(("query", "expected"), [
    ({"type": "build"}, 1), ({"type": "worker"}, 0), ({"severity": "critical"}, 1), ({"severity": "warning"}, 0)])
def test_infrastructure_errors_are_found_by_type_and_severity(
    site: Site, client: ValidatingClient, query: dict[str, str], expected: int,
) -> None:
    run_id = add_run()
    add_event(run_id, Phase.CANCELED, "Build failed")

    assert len(listed(client, run_id, "infrastructure-errors", **query)) == expected


@pytest.fixture
def failing(site: Site) -> tuple[int, dict[str, int]]:
    """A run with three failing tests, and the numbers of its samples and tests by name."""
    shared = add_sample()
    one = add_regression_test(sample_id=shared, categories=["DVB", "Teletext"])
    two = add_regression_test(sample_id=shared, categories=["DVB"])
    three = add_regression_test()
    run_id = start()
    for test in (one, two):
        add_result_with_output(run_id, test, got=GOT)
    add_result(run_id, three.regression_id, exit_code=139)
    finish(run_id)
    return run_id, {
        "shared": shared, "own": three.sample_id, "one": one.regression_id, "two": two.regression_id, "three": three.regression_id}


@pytest.mark.parametrize(("grouping", "expected"), [
    ("type", [
        ("diff_mismatch", 2, "warning", ["shared"]), ("missing_output", 1, "error", ["own"]), ("test_failure", 1, "critical", ["own"])]),
    ("severity", [("warning", 2, "warning", ["shared"]), ("critical", 1, "critical", ["own"]), ("error", 1, "error", ["own"])]),
    ("category", [("DVB", 2, "warning", ["shared"]), ("uncategorized", 2, "critical", ["own"]), ("Teletext", 1, "warning", ["shared"])]),
    ("sample_id", [("shared", 2, "warning", ["shared"]), ("own", 2, "critical", ["own"])]),
    ("regression_id", [("three", 2, "critical", ["own"]), ("one", 1, "warning", ["shared"]), ("two", 1, "warning", ["shared"])])])
def test_errors_are_counted_in_groups_the_biggest_first(
    client: ValidatingClient, failing: tuple[int, dict[str, int]], grouping: str, expected: list[tuple[str, int, str, list[str]]],
) -> None:
    run_id, numbers = failing

    found = listed(client, run_id, "error-summary", group_by=grouping)

    assert found == [
        {"key": str(numbers.get(key, key)), "count": count, "severity": severity, "sample_ids": [numbers[each] for each in samples],
         "sample_ids_total": len(samples), "first_seen_at": "2026-11-21T12:25:00Z", "last_seen_at": "2026-11-21T12:25:00Z"}
        for key, count, severity, samples in expected]


def test_the_severity_is_regarded_before_the_groups_are_made(client: ValidatingClient, failing: tuple[int, dict[str, int]]) -> None:
    run_id, numbers = failing

    found = listed(client, run_id, "error-summary", group_by="sample_id", severity="critical")

    assert [(group["key"], group["count"]) for group in found] == [(str(numbers["own"]), 1)]


def test_groups_come_in_pages(client: ValidatingClient, failing: tuple[int, dict[str, int]]) -> None:
    page = client.get(f"/api/v1/runs/{failing[0]}/error-summary", params={"limit": 1, "offset": 1}).json()

    assert [group["key"] for group in page["data"]] == ["missing_output"]
    assert page["pagination"] == {"limit": 1, "offset": 1, "total": 3, "next_offset": 2}


@pytest.mark.parametrize("kind", ["errors", "infrastructure-errors", "error-summary"])
def test_an_unknown_run_has_no_errors_to_show(site: Site, client: ValidatingClient, kind: str) -> None:
    answer = client.get(f"/api/v1/runs/99/{kind}")

    assert (answer.status_code, answer.json()["details"]["resource"]) == (404, "run")


@pytest.mark.parametrize("kind", ["errors", "infrastructure-errors", "error-summary"])
def test_errors_take_the_same_number_of_statements_however_many_there_are(site: Site, client: ValidatingClient, kind: str) -> None:
    counts = []
    for number in (1, 9):
        tests = [add_regression_test() for _ in range(number)]
        run_id = start(*(test.regression_id for test in tests))
        for test in tests:
            add_result(run_id, test.regression_id, exit_code=124)
        finish(run_id)
        listed(client, run_id, kind)
        with site.database.counted() as statements:
            listed(client, run_id, kind)
        counts.append(len(statements))

    assert counts[0] == counts[1] <= 12
