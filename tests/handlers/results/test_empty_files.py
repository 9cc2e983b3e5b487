"""A file of 0 bytes is a file: taken from a worker, stored, compared, shown, handed out and approved."""
from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from typing import Any

import pytest

from api.domain.auth.access import Role
from contract.client import ValidatingClient
from tests.builders import MAIN_REPOSITORY, BuiltTest, Output, add_regression_test, add_run
from tests.handlers.baselines import REASON
from tests.handlers.site import Client, Site

RUNS = "/api/v1/runs"
EMPTY = sha256(b"").hexdigest()
TEXT = b"1\n00:00:01,000 --> 00:00:02,000\nHello\n"


@pytest.fixture
def client(site: Site) -> Client:
    """Somebody who may see everything, and decide."""
    return site.as_role(Role.ADMIN)


def stored(site: Site, content: bytes) -> str:
    digest = sha256(content).hexdigest()
    (site.files / "TestResults" / f"{digest}.srt").write_bytes(content)
    return digest


def run_with_empty_output(site: Site, client: ValidatingClient, test: BuiltTest, *, content: bytes = b"") -> int:
    """A finished run whose worker sent this file as the test's output, told over the workers' protocol."""
    body = {"repository": MAIN_REPOSITORY, "commit_sha": "a" * 40, "platform": "linux", "regression_test_ids": [test.regression_id]}
    run_id: int = client.post(RUNS, json=body).json()["run_id"]
    ids = {"test_id": test.regression_id}
    answers = [
        site.report(run_id, type="progress", status="testing", message=""),
        site.send(run_id, content, type="upload", test_file_id=test.output_id, **ids),
        site.report(run_id, type="finish", exitCode=0, runTime=1, **ids),
        site.report(run_id, type="progress", status="completed", message="")]
    assert [answer.text for answer in answers] == ["OK"] * 4
    return run_id


def of_output(client: Client, run_id: int, test: BuiltTest, what: str, **query: Any) -> Any:
    ids = {"regression_id": test.regression_id, "output_id": test.output_id}
    return client.get(f"{RUNS}/{run_id}/samples/{test.sample_id}/{what}", params=ids | query)


def result(client: Client, run_id: int) -> dict[str, Any]:
    [found] = client.get(f"{RUNS}/{run_id}/samples").json()["data"]
    shown: dict[str, Any] = found
    return shown


def test_an_empty_output_is_stored_and_differs_from_a_baseline_with_text(site: Site, client: Client) -> None:
    test = add_regression_test(outputs=[Output(stored(site, TEXT))])

    run_id = run_with_empty_output(site, client, test)

    found = result(client, run_id)
    assert (site.files / "TestResults" / f"{EMPTY}.srt").read_bytes() == b""
    assert (found["status"], found["outputs"][0]["status"], found["outputs"][0]["actual_hash"]) == ("fail", "diff_mismatch", EMPTY)
    assert found["result_message"] == f"Output {test.output_id} differs from its baseline."


@pytest.mark.parametrize("format", ["base64", "text"])
def test_an_empty_output_is_shown_and_handed_out(site: Site, client: Client, format: str) -> None:
    test = add_regression_test(outputs=[Output(stored(site, TEXT))])
    run_id = run_with_empty_output(site, client, test)

    shown = of_output(client, run_id, test, "actual", format=format).json()
    downloaded = client.get(shown["download_url"])

    assert (shown["content"], shown["size_bytes"], shown["sha256"], shown["truncated"]) == ("", 0, EMPTY, False)
    assert (downloaded.status_code, downloaded.content, downloaded.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize(("baseline", "got", "kinds", "counts"), [
    (TEXT, b"", {"removed"}, (0, 3, 1)), (b"", TEXT, {"added"}, (3, 0, 1)), (b"", b"\n", {"added"}, (1, 0, 1))])
def test_an_empty_file_is_compared_on_either_side(
    site: Site, client: Client, baseline: bytes, got: bytes, kinds: set[str], counts: tuple[int, int, int],
) -> None:
    test = add_regression_test(outputs=[Output(stored(site, baseline))])
    run_id = run_with_empty_output(site, client, test, content=got)

    found = of_output(client, run_id, test, "diff").json()
    unified = of_output(client, run_id, test, "diff", format="unified").json()
    expected = of_output(client, run_id, test, "expected").json()
    difference = client.get(f"{RUNS}/{run_id}/triage").json()["failures"][0]["first_difference"]

    summary = found["summary"]
    assert (summary["added_lines"], summary["removed_lines"], summary["changed_hunks"]) == counts
    assert {line["kind"] for hunk in found["hunks"] for line in hunk["lines"]} == kinds
    assert unified["unified"].count("\n@@ ") == 1
    assert b64decode(expected["content"]) == baseline
    assert (difference["line"], difference["column"]) == (1, 1)
    assert [difference["expected"] is None, difference["actual"] is None] == [baseline == b"", got == b""]


def test_an_empty_output_equals_an_empty_baseline(site: Site, client: Client) -> None:
    test = add_regression_test(outputs=[Output(EMPTY)])

    run_id = run_with_empty_output(site, client, test)

    assert result(client, run_id)["status"] == "pass"
    assert of_output(client, run_id, test, "actual").status_code == 204
    assert of_output(client, run_id, test, "expected").json()["size_bytes"] == 0
    assert of_output(client, run_id, test, "diff").json()["status"] == "identical"


def test_an_empty_variant_is_as_good_as_the_baseline(site: Site, client: Client) -> None:
    test = add_regression_test(outputs=[Output(stored(site, TEXT), acceptable=(EMPTY,))])

    run_id = run_with_empty_output(site, client, test)

    assert (result(client, run_id)["status"], result(client, run_id)["outputs"][0]["status"]) == ("pass", "match")
    assert of_output(client, run_id, test, "actual").json()["sha256"] == EMPTY


def test_an_empty_output_is_approved_and_expected_from_then_on(site: Site, client: Client) -> None:
    test = add_regression_test(outputs=[Output(stored(site, TEXT))])
    run_id = run_with_empty_output(site, client, test)
    body = {"regression_id": test.regression_id, "output_id": test.output_id, "reason": REASON}

    asked = site.as_role(Role.CONTRIBUTOR).post(f"{RUNS}/{run_id}/samples/{test.sample_id}/baseline-approval", json=body)
    decided = client.post(f"/api/v1/baseline-approvals/{asked.json()['approval_id']}/approve")

    assert (asked.status_code, asked.json()["actual_hash"], decided.status_code) == (202, EMPTY, 200)
    assert result(client, run_with_empty_output(site, client, test))["status"] == "pass"


def test_an_empty_log_is_a_log_without_lines(site: Site, client: Client) -> None:
    test = add_regression_test()
    run_id = add_run(tests=[test.regression_id])

    answer = site.send(run_id, b"", type="logupload")
    (site.files / "LogFiles" / str(run_id)).mkdir()
    (site.files / "LogFiles" / str(run_id) / f"{test.regression_id}.txt").write_bytes(b"")

    pages = [client.get(f"{RUNS}/{run_id}/logs"), client.get(f"{RUNS}/{run_id}/samples/{test.sample_id}/logs")]
    assert answer.text == "OK"
    assert [(page.status_code, page.json()["data"], page.json()["pagination"]["next_cursor"]) for page in pages] == [(200, [], None)] * 2
    assert client.get(f"{RUNS}/{run_id}/samples/{test.sample_id}").json()["output_tail"] == ""


@pytest.mark.parametrize(("kind", "name"), [
    ("combined_stdout", "combined_stdout.log"), ("binary", "ccextractor"), ("coredump", "coredump")])
def test_an_empty_artifact_is_listed_and_handed_out(site: Site, client: Client, kind: str, name: str) -> None:
    run_id = add_run()

    answer = site.send(run_id, b"", type="artifactupload", artifact_type=kind)

    listed = client.get(f"{RUNS}/{run_id}/artifacts").json()["data"]
    [found] = [each for each in listed if each["size_bytes"] == 0]
    assert answer.text == "OK"
    assert (site.files / "test_artifacts" / str(run_id) / name).read_bytes() == b""
    # The one store of this server has it.
    assert (found["storage_status"], client.get(found["download_url"]).content) == ("degraded", b"")
