"""One run: as it is shown, counted, followed and configured, from its trigger on and from old rows."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.storage.database import transaction
from api.storage.platform_tables import RegressionTestRow, SampleRow
from contract.client import ValidatingClient
from contract.documents import load_documents
from tests.builders import (
    MAIN_REPOSITORY,
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
    add_user,
    digest_of,
    minutes,
)
from tests.handlers.site import Site
from tests.platform_writes import change_command

RUNS = "/api/v1/runs"
COMMIT = "0632bff4e382d5f86eff9073b9ddd37f03f9778c"
PARTS = ("", "/summary", "/progress", "/config")


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client of staff."""
    return site.as_role(Role.TESTER)


def show(client: ValidatingClient, run_id: int, part: str = "") -> Any:
    """What a run, or a part of it, is shown as."""
    answer = client.get(f"{RUNS}/{run_id}{part}")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("part", PARTS)
def test_a_run_that_is_not_there_is_not_found(site: Site, client: ValidatingClient, part: str) -> None:
    answer = client.get(f"{RUNS}/4711{part}")

    assert answer.status_code == 404
    assert (answer.json()["details"]["resource"], answer.json()["details"]["id"]) == ("run", 4711)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("run_id", ["0", "2147483648"])
def test_a_number_that_no_run_can_have_is_refused_by_name(site: Site, client: ValidatingClient, part: str, run_id: str) -> None:
    answer = client.get(f"{RUNS}/{run_id}{part}")

    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, ["run_id"])


def test_a_run_tells_its_times_from_its_events(site: Site, client: ValidatingClient) -> None:
    run = show(client, add_finished_run(add_regression_test(), at=minutes(0)))

    assert (run["created_at"], run["queued_at"]) == ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z")
    assert (run["started_at"], run["completed_at"]) == ("2026-11-21T12:05:00Z", "2026-11-21T12:25:00Z")
    assert run["duration_ms"] == 20 * 60 * 1000


def test_a_run_leads_to_all_that_can_be_read_of_it(site: Site, client: ValidatingClient) -> None:
    run_id = add_run()

    links = show(client, run_id)["links"]

    document = next(each for each in load_documents() if each.base_path == "/api/v1")
    readable = {
        "https://ci.example.test" + operation.full_path.replace("{run_id}", str(run_id))
        for operation in document.operations if operation.method == "get"}
    assert set(links.values()) <= readable
    assert {"triage", "compare", "junit", "infrastructure_errors"} <= links.keys()


def test_a_run_that_never_tested_has_no_duration(site: Site, client: ValidatingClient) -> None:
    run_id = add_run()
    add_event(run_id, Phase.PREPARATION)
    add_event(run_id, Phase.CANCELED, "VM quota exceeded", at=minutes(3))

    run = show(client, run_id)

    assert (run["started_at"], run["completed_at"], run["duration_ms"]) == (None, "2026-11-21T12:03:00Z", None)
    assert run["run_errors"] == "yes"


@pytest.mark.parametrize(("phase", "message", "errors"), [
    (None, "", "unknown"), (Phase.TESTING, "", "unknown"), (Phase.COMPLETED, "", "no"), (Phase.CANCELED, "Canceled by ada", "no"),
    (Phase.CANCELED, "git clone failed", "yes")])
def test_a_run_says_whether_the_machinery_failed(
        site: Site, client: ValidatingClient, phase: Phase | None, message: str, errors: str) -> None:
    run_id = add_run()
    if phase is not None:
        add_event(run_id, phase, message)

    assert show(client, run_id)["run_errors"] == errors


def test_a_fork_run_of_the_platforms_names_who_triggered_it(site: Site, client: ValidatingClient) -> None:
    assert show(client, add_run(requester_id=site.account(Role.USER, "ada")))["triggered_by"] == "ada"


def test_an_old_queued_run_is_as_old_as_the_run_before_it(site: Site, client: ValidatingClient) -> None:
    add_finished_run(add_regression_test(), at=minutes(-60))
    queued = add_run()

    assert show(client, queued)["created_at"] == "2026-11-21T11:00:00Z"


@pytest.mark.parametrize(("stored", "shown", "short"), [
    ("abc123", "abc123" + "0" * 34, "abc123"), ("master", "0" * 40, "master"), ("", "0" * 40, ""),
    (COMMIT + "abcdef", "0" * 40, COMMIT[:10]),
    ("a" * 64, "0" * 40, "a" * 10), ("\u00e9\U0001f9ff", "0" * 40, "\u00e9\U0001f9ff")])
def test_a_commit_of_an_odd_form_is_shown_and_said_to_be_altered(
        site: Site, client: ValidatingClient, stored: str, shown: str, short: str) -> None:
    run = show(client, add_run(commit=stored))

    assert (run["commit_sha"], run["commit_short"], run["altered_fields"]) == (shown, short, ["commit_sha"])


def test_a_full_commit_is_shown_as_it_is(site: Site, client: ValidatingClient) -> None:
    run = show(client, add_run(commit=COMMIT.upper()))

    assert (run["commit_sha"], "altered_fields" in run) == (COMMIT.upper(), False)


@pytest.mark.parametrize(("branch", "shown", "altered"), [
    ("", None, None), ("b" * 100, "b" * 100, None), ("b" * 101, "b" * 99 + "…", ["branch"]),
    ("x" * 5000, "x" * 99 + "…", ["branch"]),
    ("feature/\u00fc \U0001f9ff\n", "feature/\u00fc \U0001f9ff\n", None)])
def test_a_branch_of_any_length_is_shown(
        site: Site, client: ValidatingClient, branch: str, shown: str | None, altered: list[str] | None) -> None:
    run = show(client, add_run(branch=branch))

    assert (run["branch"], run.get("altered_fields")) == (shown, altered)


@pytest.mark.parametrize(("repository", "shown"), [
    (MAIN_REPOSITORY, MAIN_REPOSITORY), ("x" * 90 + "/" + "y" * 60, "unknown/unknown"), ("no slash here", "unknown/unknown"),
    ("a/b/c", "unknown/unknown"), ("\u00fc/x", "unknown/unknown")])
def test_a_repository_of_an_odd_form_gets_a_stand_in(site: Site, client: ValidatingClient, repository: str, shown: str) -> None:
    run = show(client, add_run(repository=repository))

    assert run["repository"] == shown
    assert ("repository" in run.get("altered_fields", [])) == (repository != shown)


def test_odd_rows_appear_in_every_list_without_a_crash(site: Site) -> None:
    client = site.as_role(Role.ADMIN)
    for odd in ({"commit": "x"}, {"branch": "b" * 9000}, {"repository": "?"}, {"branch": "\0"}, {"commit": "\n" * 64}):
        add_run(**odd)  # type: ignore[arg-type]

    assert client.get(RUNS).json()["pagination"]["total"] == 5
    assert client.get("/api/v1/branches").json()["pagination"]["total"] == 4
    assert client.get("/api/v1/system/queue").json()["queue_depth"] == 5


def test_events_with_a_status_that_no_worker_knows_are_passed_over(site: Site, client: ValidatingClient) -> None:
    run_id = add_run()
    add_event(run_id, "sleeping")

    assert show(client, run_id)["status"] == "queued"
    assert show(client, run_id, "/progress")["pagination"]["total"] == 1


def test_a_summary_counts_every_test_once(site: Site, client: ValidatingClient) -> None:
    tests = [add_regression_test() for _ in range(5)]
    run_id = add_run(tests=[test.regression_id for test in tests], requester_id=add_user("ada"))
    add_event(run_id, Phase.TESTING, at=minutes(1))
    add_passed_result(run_id, tests[0])
    add_passed_result(run_id, tests[1])
    add_result_with_output(run_id, tests[2], got=digest_of("other"), exit_code=3)
    add_result(run_id, tests[3].regression_id)
    running = show(client, run_id, "/summary")
    add_event(run_id, Phase.COMPLETED, at=minutes(2))

    over = show(client, run_id, "/summary")

    assert over == {
        "run_id": run_id, "status": "incomplete", "total_samples": 5, "pass_count": 2, "fail_count": 1, "skipped_count": 1,
        "missing_output_count": 1, "pending_count": 0, "error_count": 3, "infrastructure_error_count": 1, "duration_ms": 60_000,
        "completed_at": "2026-11-21T12:02:00Z", "triggered_by": "ada"}
    assert running == over | {
        "status": "running", "skipped_count": 0, "pending_count": 1, "infrastructure_error_count": 0, "duration_ms": None,
        "completed_at": None}


def test_an_acceptable_variant_is_as_good_as_the_baseline(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(outputs=[Output(acceptable=(digest_of("variant"),))])
    run_id = add_run(tests=[test.regression_id])
    add_result_with_output(run_id, test, got=digest_of("variant"))
    add_event(run_id, Phase.COMPLETED)

    assert show(client, run_id, "/summary")["pass_count"] == 1


def test_an_ignored_output_may_be_missing_or_different(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(outputs=[Output(), Output(ignored=True), Output(ignored=True)])
    run_id = add_run(tests=[test.regression_id])
    add_output(run_id, test.regression_id, test.output_ids[0])
    add_output(run_id, test.regression_id, test.output_ids[1], got=digest_of("other"))
    add_result(run_id, test.regression_id)
    add_event(run_id, Phase.COMPLETED)

    assert show(client, run_id)["status"] == "pass"


def test_progress_starts_with_the_moment_the_run_was_queued(site: Site, client: ValidatingClient) -> None:
    run_id = add_finished_run(add_regression_test())

    events = show(client, run_id, "/progress")["data"]

    assert [(event["status"], event["step"]) for event in events] == [
        ("queued", 0), ("preparation", 1), ("testing", 2), ("completed", None)]
    assert [event["timestamp"][11:16] for event in events] == ["12:00", "12:00", "12:05", "12:25"]


@pytest.mark.parametrize("status", ["queued", "preparation", "testing", "completed", "canceled"])
def test_progress_is_narrowed_to_a_status(site: Site, client: ValidatingClient, status: str) -> None:
    run_id = add_finished_run(add_regression_test())

    answer = client.get(f"{RUNS}/{run_id}/progress", params={"status": status}).json()

    assert [event["status"] for event in answer["data"]] == ([status] if status != "canceled" else [])
    assert answer["pagination"]["total"] == len(answer["data"])


def test_progress_comes_in_pages(site: Site, client: ValidatingClient) -> None:
    run_id = add_finished_run(add_regression_test())

    page = client.get(f"{RUNS}/{run_id}/progress", params={"limit": 2, "offset": 1}).json()

    assert [event["status"] for event in page["data"]] == ["preparation", "testing"]
    assert page["pagination"] == {"limit": 2, "offset": 1, "total": 4, "next_offset": 3}


def test_a_long_message_is_cut_and_said_to_be(site: Site, client: ValidatingClient) -> None:
    run_id = add_run()
    add_event(run_id, Phase.TESTING, "m" * 9000)

    event = show(client, run_id, "/progress")["data"][1]

    assert (len(event["message"]), event["altered_fields"]) == (500, ["message"])


def test_the_configuration_tells_what_is_executed_and_where(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(command="-out=srt -latin1", input_type="stdin", output_type="stdout", expected_exit_code=10)
    made = client.post(RUNS, json={"repository": MAIN_REPOSITORY, "commit_sha": COMMIT, "platform": "linux"}).json()

    config = show(client, made["run_id"], "/config")

    assert config == {
        "run_id": made["run_id"], "matrix_total": 1, "regression_test_ids": [test.regression_id], "regression_test_ids_total": 1,
        "command_defaults": ["--no-progress-bar"],
        "environment": {
            "environment_id": "linux-latest", "platform": "linux", "active": True, "runner_label": None,
            "average_duration_ms": None},
        "matrix": [{
            "regression_id": test.regression_id, "sample_id": test.sample_id, "command": "-out=srt -latin1", "input_type": "stdin",
            "output_type": "stdout", "expected_exit_code": 10}]}


def test_the_configuration_stays_when_definitions_change(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(command="-before")
    run_id = client.post(RUNS, json={"repository": MAIN_REPOSITORY, "commit_sha": COMMIT, "platform": "linux"}).json()["run_id"]
    before = show(client, run_id, "/config")

    change_command(test, "-after")

    assert show(client, run_id, "/config") == before
    assert before["matrix"][0]["command"] == "-before"


def test_a_configuration_of_more_than_500_tests_says_how_many_there_are(site: Site, client: ValidatingClient) -> None:
    add_many_tests(503)
    run_id = client.post(RUNS, json={"repository": MAIN_REPOSITORY, "commit_sha": COMMIT, "platform": "linux"}).json()["run_id"]

    config = show(client, run_id, "/config")

    assert len(config["matrix"]) == len(config["regression_test_ids"]) == 500
    assert config["matrix_total"] == config["regression_test_ids_total"] == 503
    assert config["altered_fields"] == ["matrix", "regression_test_ids"]
    assert show(client, run_id, "/summary")["total_samples"] == 503


def add_many_tests(number: int) -> None:
    """So many active regression tests, in one transaction."""
    sample_id = add_sample()
    with transaction() as current:
        current.add_all(RegressionTestRow(
            sample_id=sample_id, command="-out=srt", input_type="file", output_type="file", expected_rc=0, active=True)
            for _ in range(number))


def test_a_definition_that_breaks_the_documents_bounds_is_shown_cut(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(command="c" * 5000, input_type="i" * 50, expected_exit_code=None)
    run_id = add_run()

    entry = show(client, run_id, "/config")["matrix"][0]

    assert (entry["regression_id"], len(entry["command"]), entry["expected_exit_code"]) == (test.regression_id, 500, 0)


def test_a_run_over_a_sample_that_is_gone_keeps_its_set(site: Site, client: ValidatingClient) -> None:
    test: BuiltTest = add_regression_test()
    add_regression_test()
    run_id = client.post(RUNS, json={"repository": MAIN_REPOSITORY, "commit_sha": COMMIT, "platform": "linux"}).json()["run_id"]

    with transaction() as current:
        current.delete(current.get_one(SampleRow, test.sample_id))

    assert show(client, run_id, "/config")["matrix_total"] == 2


@pytest.mark.parametrize("part", PARTS)
def test_a_client_that_has_the_newest_version_gets_no_body(site: Site, client: ValidatingClient, part: str) -> None:
    run_id = add_run()
    first = client.get(f"{RUNS}/{run_id}{part}")

    same = client.get(f"{RUNS}/{run_id}{part}", headers={"If-None-Match": first.headers["ETag"]})
    weak = client.get(f"{RUNS}/{run_id}{part}", headers={"If-None-Match": f'"x", W/{first.headers["ETag"]}'})
    other = client.get(f"{RUNS}/{run_id}{part}", headers={"If-None-Match": '"x"'})

    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (weak.status_code, other.status_code) == (304, 200)


@pytest.mark.parametrize("part", PARTS[:3])
def test_the_version_changes_with_the_run(site: Site, client: ValidatingClient, part: str) -> None:
    run_id = add_run()
    first = client.get(f"{RUNS}/{run_id}{part}").headers["ETag"]

    add_event(run_id, Phase.TESTING)

    assert client.get(f"{RUNS}/{run_id}{part}", headers={"If-None-Match": first}).status_code == 200
