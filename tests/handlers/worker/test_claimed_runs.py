"""What machines report of the runs that they have claimed: progress, results, files and ends, each as often as it is sent."""
from __future__ import annotations

import errno
import os
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from api.domain.auth.access import Role
from api.storage.files.paths import test_log_name as log_of_test
from tests.builders import BASELINE, BuiltTest, Output, add_regression_test, add_run, digest_of
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Client, Site
from tests.handlers.worker.machines import BYTES, append, claimed, end, ending, enrol, lacking
from tests.handlers.worker.reports import events, outputs, results, stored

RUNS = "/api/v1/runs"
PRODUCED = b"1\nHello\n"
NO_BUILD = {"merge_base_sha": None, "duration_ms": None}


@pytest.fixture
def machine(site: Site) -> Client:
    return enrol(site)


@pytest.fixture
def run_id(site: Site, test: BuiltTest) -> int:
    """A run of the one test there is, with a pull request."""
    return add_run(tests=[test.regression_id], pull_request=7)


@pytest.fixture
def path(run_id: int, machine: Client) -> str:
    """The path of the claim on it."""
    return claimed(machine)


def progress(stage: str, message: str, **build: Any) -> dict[str, Any]:
    return {"stage": stage, "message": message, "build": NO_BUILD | build}


def shown(site: Site, run_id: int) -> dict[str, Any]:
    answer: dict[str, Any] = site.as_role(Role.ADMIN).get(f"{RUNS}/{run_id}").json()
    return answer


def errors(site: Site, run_id: int) -> list[tuple[str, str]]:
    found = site.as_role(Role.ADMIN).get(f"{RUNS}/{run_id}/infrastructure-errors").json()["data"]
    return [(each["type"], each["message"]) for each in found]


def codes(site: Site, run_id: int) -> tuple[list[str], list[str]]:
    """The codes of a run's infrastructure errors, in their list and in triage."""
    admin = site.as_role(Role.ADMIN)
    listed = admin.get(f"{RUNS}/{run_id}/infrastructure-errors").json()["data"]
    triaged = admin.get(f"{RUNS}/{run_id}/triage").json()["infrastructure_errors"]
    return [each["code"] for each in listed], [each["code"] for each in triaged]


def test_progress_moves_a_run_on_and_is_known_once(site: Site, machine: Client, run_id: int, path: str) -> None:
    said = [progress("preparation", "Building."), progress("testing", "Executing 1 regression tests.", duration_ms=1500),
            progress("testing", "Executing 1 regression tests."), progress("preparation", "Another machine is as far.")]

    answers = [machine.put(f"{path}/progress", json=body) for body in said]

    assert [answer.status_code for answer in answers] == [204] * 4
    assert events(site, run_id)[1:] == [("preparation", "Building."), ("testing", "Executing 1 regression tests.")]
    assert shown(site, run_id)["build_duration_ms"] == 1500


def test_what_is_told_of_the_build_stays(site: Site, machine: Client, run_id: int, path: str) -> None:
    for letter, message in (("a", "first"), ("b", "second")):
        machine.put(f"{path}/progress", json=progress("testing", message, merge_base_sha=letter * 40, duration_ms=ord(letter)))

    assert (shown(site, run_id)["merge_base_sha"], shown(site, run_id)["build_duration_ms"]) == ("a" * 40, ord("a"))


def test_a_batch_of_results_is_kept_once(site: Site, machine: Client, run_id: int, test: BuiltTest, path: str) -> None:
    first = {"results": [ending(test.regression_id, *test.output_ids, exit_code=10)]}
    other = {"results": [ending(test.regression_id, exit_code=3)]}

    answers = [machine.post(f"{path}/results", json=body) for body in (first, first, other)]
    machine.put(f"{path}/end", json=end())

    assert [answer.status_code for answer in answers] == [204] * 3
    assert results(site) == [(test.regression_id, 10, 10, 5)]
    assert [got for _, _, got in outputs(site)] == [None, None]
    assert shown(site, run_id)["status"] == "pass"
    assert events(site, run_id)[-1] == ("completed", "Executed 1 regression tests.")


def test_what_a_test_printed_is_kept_with_its_result_and_the_last_one_stands(
    site: Site, machine: Client, run_id: int, test: BuiltTest, path: str,
) -> None:
    result, kept = ending(test.regression_id, *test.output_ids), site.files / log_of_test(run_id, test.regression_id)
    said = [b"first\n", b"\0\xff" * 4096, b""]

    for log in said:
        assert machine.post(f"{path}/results", json={"results": [result | {"log": b64encode(log).decode()}]}).status_code == 204
        assert kept.read_bytes() == log
    machine.post(f"{path}/results", json={"results": [result | {"log": None}]})

    assert kept.read_bytes() == b""


def test_what_tests_printed_is_not_kept_without_their_results(site: Site, machine: Client, test: BuiltTest, path: str) -> None:
    batch = [ending(test.regression_id) | {"log": "c2FpZA=="}, ending(9999) | {"log": "c2FpZA=="}]

    assert machine.post(f"{path}/results", json={"results": batch}).status_code == 422

    assert stored(site) == []


def test_an_output_that_differs_is_kept_with_its_file_and_the_first_one_stands(
    site: Site, machine: Client, run_id: int, test: BuiltTest, path: str,
) -> None:
    place = f"{path}/tests/{test.regression_id}/outputs/{test.output_id}"

    answers = [machine.put(place, content=content, headers=BYTES) for content in (PRODUCED, PRODUCED, b"another")]

    digest = sha256(PRODUCED).hexdigest()
    assert [answer.status_code for answer in answers] == [204] * 3
    assert outputs(site) == [(test.output_id, BASELINE, digest)]
    assert (site.files / "TestResults" / f"{digest}.srt").read_bytes() == PRODUCED


def test_the_files_of_a_run_get_names_of_the_servers(site: Site, machine: Client, run_id: int, test: BuiltTest, path: str) -> None:
    places = [f"tests/{test.regression_id}/log", *(f"run-files/{kind}" for kind in ("binary", "combined_stdout", "coredump"))]

    answers = [machine.put(f"{path}/{place}", content=content, headers=BYTES) for place in places for content in (b"longer", b"", b"new")]

    assert [answer.status_code for answer in answers] == [204] * 12
    names = [f"LogFiles/{run_id}/{test.regression_id}.txt",
             *(f"test_artifacts/{run_id}/{name}" for name in ("ccextractor", "combined_stdout.log", "coredump"))]
    assert stored(site) == names
    assert {(site.files / name).read_bytes() for name in names} == {b"new"}


def test_a_file_of_no_bytes_is_a_file(site: Site, machine: Client, run_id: int, test: BuiltTest, path: str) -> None:
    answer = machine.put(f"{path}/tests/{test.regression_id}/outputs/{test.output_id}", content=b"", headers=BYTES)

    assert answer.status_code == 204
    assert [got for _, _, got in outputs(site)] == [sha256(b"").hexdigest()]


def test_a_test_or_an_output_that_is_not_the_runs_is_refused_and_nothing_of_its_batch_kept(
    site: Site, machine: Client, run_id: int, test: BuiltTest, path: str,
) -> None:
    other = add_regression_test(outputs=[Output(digest_of("other"))])
    good = ending(test.regression_id, *test.output_ids)
    batches = [[good, ending(other.regression_id)], [good, lacking(9999)], [ending(test.regression_id, other.output_id)]]
    places = [f"tests/{other.regression_id}/log", f"tests/{other.regression_id}/outputs/{other.output_id}",
              f"tests/{test.regression_id}/outputs/{other.output_id}"]

    answers = [
        *(machine.post(f"{path}/results", json={"results": batch}) for batch in batches),
        *(machine.put(f"{path}/{place}", content=b"x", headers=BYTES) for place in places)]

    named = [(answer.status_code, answer.json()["details"]["resource"], answer.json()["details"]["id"]) for answer in answers]
    assert named == [
        (422, "regression_test", other.regression_id), (422, "regression_test", 9999), (422, "output", other.output_id),
        *[(422, "regression_test", other.regression_id)] * 2, (422, "output", other.output_id)]
    assert (results(site), outputs(site), stored(site)) == ([], [], [])


@pytest.mark.parametrize("body", [
    {"results": []}, {"results": [ending(1)] * 101}, {"results": [ending(1) | {"ending": None}]},
    {"results": [ending(1) | {"error": lacking(1)["error"]}]},
    {"results": [lacking(1) | {"error": {"type": "storage", "message": "Gone."}}]},
    {"results": [lacking(1) | {"error": {"type": "mood", "code": "SAMPLE_MISSING", "message": "Gone."}}]},
    {"results": [lacking(1) | {"error": {"type": "storage", "code": "MOOD", "message": "Gone."}}]},
    {"results": [ending(1) | {"surprise": 1}]}, {"results": [ending(1, exit_code=2**31)]},
    {"results": [ending(1), lacking(1)]}, {"results": [ending(1, *[5] * 1000)]},
    *({"results": [ending(1) | {"log": log}]} for log in ("c2F", "c2FpZA=", "c2F pZA==", "said!", "c2FpZA==c2Fp", "AAAA" * 2732))])
def test_results_that_the_document_does_not_know_are_refused(machine: Client, path: str, body: dict[str, Any]) -> None:
    answer = machine.post(f"{path}/results", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")


def test_a_run_of_which_some_tests_could_not_be_executed_is_incomplete_and_tells_why(site: Site, machine: Client) -> None:
    tests = [add_regression_test() for _ in range(3)]
    run_id = add_run(tests=[test.regression_id for test in tests])
    path = claimed(machine)
    said = [lacking(tests[0].regression_id), lacking(tests[0].regression_id, "Said again.", "EXECUTABLE_INVALID"),
            ending(tests[1].regression_id), lacking(tests[2].regression_id, "The command cannot be read.", "COMMAND_INVALID")]

    answers = [machine.post(f"{path}/results", json={"results": [each]}) for each in said]
    ended = machine.put(f"{path}/end", json=end())

    assert [answer.status_code for answer in (*answers, ended)] == [204] * 5
    assert events(site, run_id)[-1] == ("completed", "Executed 1 of 3 regression tests. The sample is not in the store.")
    assert shown(site, run_id)["status"] == "incomplete"
    assert errors(site, run_id) == [("storage", "The worker ended after 1 of 3 tests.")]
    assert codes(site, run_id) == (["SAMPLE_MISSING"], ["SAMPLE_MISSING"])


def test_a_run_of_which_no_test_could_be_executed_is_canceled_with_the_first_error(
    site: Site, machine: Client, run_id: int, test: BuiltTest, path: str,
) -> None:
    machine.post(f"{path}/results", json={"results": [lacking(test.regression_id, "Git failed.", "FETCH_FAILED")]})
    machine.put(f"{path}/end", json=end())

    assert (shown(site, run_id)["status"], errors(site, run_id)) == ("canceled", [("checkout", "Git failed.")])


@pytest.mark.parametrize(("code", "kind"), [
    ("COMMIT_NOT_FOUND", "checkout"), ("MERGE_CONFLICT", "merge"), ("BUILD_FAILED", "build"), ("RUN_TIME_LIMIT", "worker"),
    ("SERVER_UNREACHABLE", "web_server"), ("DISK_FULL", "storage")])
def test_an_error_has_the_type_and_the_code_that_are_told_whatever_its_words(
    site: Site, machine: Client, run_id: int, path: str, code: str, kind: str,
) -> None:
    machine.put(f"{path}/end", json=end("gave_up", "PR closed, build failed, no space left on device", code))

    assert errors(site, run_id) == [(kind, "PR closed, build failed, no space left on device")]
    assert codes(site, run_id) == ([code], [code])


@pytest.mark.parametrize(("at", "said", "place"), [
    ("results", {"results": [lacking(1) | {"error": {"type": "build", "code": "DISK_FULL", "message": "Full."}}]}, "results[0].error.code"),
    ("end", {"run": {"outcome": "gave_up", "error": {"type": "build", "code": "DISK_FULL", "message": "Full."}}}, "run.error.code")])
def test_a_code_of_another_type_is_refused(machine: Client, path: str, at: str, said: dict[str, Any], place: str) -> None:
    answer = machine.request("PUT" if at == "end" else "POST", f"{path}/{at}", json=said)

    assert (answer.status_code, [*answer.json()["details"]["fields"]]) == (400, [place])


def test_an_end_is_taken_once(site: Site, machine: Client, run_id: int, path: str) -> None:
    said = [end("gave_up", "no such commit", "COMMIT_NOT_FOUND"), end("gave_up", "another"), end(), end("lost", "late")]

    answers = [machine.put(f"{path}/end", json=body) for body in said]

    assert [answer.status_code for answer in answers] == [204] * 4
    assert (errors(site, run_id), shown(site, run_id)["replaced_by"]) == ([("checkout", "no such commit")], None)


def test_a_lost_run_is_queued_anew(site: Site, machine: Client, run_id: int, path: str) -> None:
    machine.put(f"{path}/end", json=end("lost", "The worker was lost: it could not renew its lease."))

    told = shown(site, run_id)
    assert (told["status"], errors(site, run_id)) == ("canceled", [("worker", "The worker was lost: it could not renew its lease.")])
    assert claimed(machine).endswith(f"/run-{told['replaced_by']}-1")


@pytest.mark.parametrize("body", [
    end("gave_up"), end("lost"), end("completed", "but why"), {"attempt": "lost"}, {"run": end()["run"], "attempt": "lost"}, {}])
def test_an_end_that_says_half_of_it_or_too_much_is_refused(site: Site, machine: Client, path: str, body: dict[str, Any]) -> None:
    assert machine.put(f"{path}/end", json=body).status_code == 400


def calls(machine: Client, path: str, test: BuiltTest) -> list[int]:
    """How everything is answered that is only taken of a run that goes on."""
    return [answer.status_code for answer in (
        machine.put(f"{path}/progress", json=progress("testing", "late")),
        machine.post(f"{path}/results", json={"results": [ending(test.regression_id)]}),
        machine.put(f"{path}/tests/{test.regression_id}/outputs/{test.output_id}", content=b"x", headers=BYTES))]


def files(machine: Client, path: str, test: BuiltTest) -> list[int]:
    """How files are answered."""
    return [machine.put(f"{path}/{place}", content=b"x", headers=BYTES).status_code for place in (
        f"tests/{test.regression_id}/log", "run-files/combined_stdout", "run-files/coredump")] + [append(machine, path, b"x")[0]]


def test_of_a_run_that_a_person_canceled_its_machine_may_still_send_the_files(
    site: Site, machine: Client, run_id: int, test: BuiltTest, path: str,
) -> None:
    site.as_role(Role.ADMIN).post(f"{RUNS}/{run_id}/cancel", json={})
    before = events(site, run_id)

    late, sent = calls(machine, path, test), files(machine, path, test)
    machine.put(f"{path}/end", json=end("gave_up", "The run is over."))

    assert (late, sent, files(machine, path, test)) == ([404] * 3, [204] * 3 + [200], [404] * 4)
    assert (events(site, run_id), results(site), outputs(site)) == (before, [], [])


def test_a_claim_that_is_another_machines_or_none_takes_nothing(site: Site, machine: Client, test: BuiltTest, path: str) -> None:
    other = enrol(site, "linux-2")
    nobody, job = path.replace("-1", "-2"), f"{path.rpartition('/')[0]}/job-550e8400-e29b-41d4-a716-446655440000-1"

    answers = [
        each for client, place in ((other, path), (machine, nobody), (machine, job)) for ask in (calls, files)
        for each in ask(client, place, test)]

    assert set(answers) == {404}
    assert (results(site), outputs(site), stored(site)) == ([], [], [])


def test_a_file_that_is_too_large_is_refused_and_forgotten(make_site: MakeSite) -> None:
    site = make_site(max_upload=100_000)
    test = add_regression_test()
    run_id = add_run(tests=[test.regression_id])
    machine = enrol(site)
    path = claimed(machine)

    answers = [machine.put(f"{path}/run-files/coredump", content=b"x" * size, headers=BYTES) for size in (100_000, 100_001)]

    assert [answer.status_code for answer in answers] == [204, 413]
    assert (site.files / "test_artifacts" / str(run_id) / "coredump").stat().st_size == 100_000


@pytest.mark.parametrize(("place", "failing"), [
    ("outputs", "fsync"), ("outputs", "link"), ("run-files/coredump", "fsync"), ("run-files/coredump", "replace")])
def test_a_file_that_the_disk_does_not_take_is_asked_for_again_and_leaves_nothing(
    site: Site, machine: Client, test: BuiltTest, path: str, monkeypatch: pytest.MonkeyPatch, place: str, failing: str,
) -> None:
    where = f"{path}/{place}" if place != "outputs" else f"{path}/tests/{test.regression_id}/outputs/{test.output_id}"

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, failing, full)
        refused = machine.put(where, content=b"content", headers=BYTES)
    before = (outputs(site), stored(site))
    again = machine.put(where, content=b"content", headers=BYTES)

    assert (refused.status_code, refused.json()["message"]) == (503, "The file store's disk is full.")
    assert int(refused.headers["Retry-After"]) > 0
    assert (before, again.status_code, len(stored(site))) == (([], []), 204, 1)


def test_what_two_processes_of_a_machine_say_at_once_is_kept_once(site: Site, machine: Client, test: BuiltTest, path: str) -> None:
    body = {"results": [ending(test.regression_id, *test.output_ids)]}

    answers = site.together(*[lambda: machine.post(f"{path}/results", json=body)] * 6)

    assert [answer.status_code for answer in answers] == [204] * 6
    assert (len(results(site)), len(outputs(site))) == (1, 2)
