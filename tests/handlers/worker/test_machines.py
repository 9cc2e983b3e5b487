"""Machines over the API: who they are, what they claim, and what is told to nobody else."""
from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.machine import WorkKind
from api.storage.jobs.agents import list_agents
from api.storage.runs.machines import list_machines
from contract.documents import MACHINES, load_documents
from tests.builders import NOW, add_regression_test, add_run, add_sample, set_maintenance
from tests.counting import counted
from tests.handlers.site import Client, Site
from tests.handlers.worker.machines import API, SESSION, claim, enrol

SAMPLE = b"a sample of captions"
FEW = 10
[DOCUMENT] = [document for document in load_documents() if document.name == MACHINES]


@pytest.fixture
def machine(site: Site) -> Client:
    return enrol(site)


def test_a_machine_is_told_who_it_is(site: Site, machine: Client) -> None:
    assert machine.get(f"{API}/machine").json() == {"name": "linux-1", "kinds": ["run"], "platform": "linux", "lease_seconds": 60.0}
    assert [each.seen_at for each in list_machines()] == [NOW]


@pytest.mark.parametrize("operation", DOCUMENT.operations, ids=lambda operation: operation.operation_id)
def test_only_a_machines_token_opens_the_operations_of_machines_and_no_other(site: Site, operation: Any) -> None:
    path = operation.full_path.replace("{claim}", "run-1-1").replace("{sha256}", "a" * 64).replace("{kind}", "log")
    path = path.replace("{regression_id}", "1").replace("{output_id}", "1")
    strangers = [site.client, site.client.as_("spcm_wrong"), site.as_role(Role.ADMIN)]

    refused = [each.request(operation.method.upper(), path) for each in strangers]

    assert [answer.status_code for answer in refused] == [401] * 3
    assert enrol(site).get("/api/v1/runs").status_code == 401


def test_a_claimed_run_is_told_with_what_its_machine_needs(site: Site, machine: Client) -> None:
    run_id = add_run(commit="c" * 40, branch="master")

    work = claim(machine)

    assert work == {"claim": f"run-{run_id}-1", "kind": "run", "run": {
        "run_id": run_id, "platform": "linux", "repository": "CCExtractor/ccextractor", "commit_sha": "c" * 40,
        "branch": "master", "pull_request": None, "shard": 0, "shards": 1}, "job": None}
    assert site.as_role(Role.ADMIN).get(f"/api/v1/runs/{run_id}").json()["status"] == "running"


def test_an_empty_queue_one_of_another_platform_and_one_in_maintenance_give_nothing(site: Site, machine: Client) -> None:
    assert claim(machine) is None
    add_run(platform="windows")
    assert claim(machine) is None
    add_run()
    set_maintenance("linux")
    assert claim(machine) is None
    assert claim(enrol(site, "jobs", (WorkKind.JOB,)), session=SESSION) is None


def test_an_answer_that_was_lost_is_given_again_and_a_new_process_gives_up_the_run(site: Site, machine: Client) -> None:
    run_id = add_run(tests=[add_regression_test().regression_id])
    first = claim(machine)
    assert first is not None

    again, known = claim(machine), claim(machine, first["claim"])
    anew = claim(machine, session="650e8400-e29b-41d4-a716-446655440000")

    assert (again, known) == (first, None)
    run = site.as_role(Role.ADMIN).get(f"/api/v1/runs/{run_id}").json()
    assert run["status"] == "canceled"
    assert anew is not None and anew["run"]["run_id"] == run["replaced_by"]


def test_claims_are_renewed_while_they_are_held(site: Site, machine: Client) -> None:
    run_id = add_run()
    work = claim(machine)
    assert work is not None

    def states(client: Client) -> list[str]:
        answer = client.post(f"{API}/claims/renew", json={"claims": [work["claim"], "run-9999-1", "job-0000-1"]})
        return [each["state"] for each in answer.json()["claims"]]

    assert states(machine) == ["held", "lost", "lost"]
    assert states(enrol(site, "linux-2")) == ["lost"] * 3
    site.as_role(Role.ADMIN).post(f"/api/v1/runs/{run_id}/cancel", json={})
    assert states(machine) == ["lost"] * 3


@pytest.mark.parametrize("kinds", [(WorkKind.RUN,), (WorkKind.RUN, WorkKind.JOB)])
def test_a_machine_that_takes_no_jobs_is_not_listed_as_one_that_does(site: Site, kinds: tuple[WorkKind, ...]) -> None:
    condition = {"slots": 1, "running": 0, "sandbox": "bubblewrap", "trouble": None, "missing": []}

    answer = enrol(site, "linux-2", kinds).post(f"{API}/claims/renew", json={"claims": [], "condition": condition})

    assert answer.status_code == 200
    assert [each.name for each in list_agents()] == ["linux-2"] * (WorkKind.JOB in kinds)


def test_claims_that_a_machine_does_not_have_cost_nothing(site: Site, machine: Client) -> None:
    run_id = add_run()
    assert claim(machine) is not None
    names = [f"run-{run_id}-{fence}" for fence in range(2, 514)]

    with counted() as cost:
        answer = machine.post(f"{API}/claims/renew", json={"claims": names})

    assert {each["state"] for each in answer.json()["claims"]} == {"lost"}
    assert cost.statements <= FEW


def test_the_files_of_a_claim_are_its_samples_and_its_executable(site: Site, machine: Client) -> None:
    digest = sha256(SAMPLE).hexdigest()
    test = add_regression_test(sample_id=add_sample(sha=digest))
    (site.files / "TestFiles" / f"{digest}.ts").write_bytes(SAMPLE)
    other = add_sample(sha=sha256(b"other").hexdigest())
    (site.files / "TestFiles" / f"{sha256(b'other').hexdigest()}.ts").write_bytes(b"other")
    add_run(tests=[test.regression_id])
    work = claim(machine)
    assert work is not None and other
    place = f"{API}/claims/{work['claim']}"

    whole, part = machine.get(f"{place}/files/{digest}"), machine.get(f"{place}/files/{digest}", headers={"Range": "bytes=2-7"})
    beyond, foreign = machine.get(f"{place}/files/{digest}", headers={"Range": "bytes=99-"}), machine.get(
        f"{place}/files/{sha256(b'other').hexdigest()}")

    assert (whole.content, part.status_code, part.content) == (SAMPLE, 206, b"sample")
    assert (beyond.status_code, foreign.status_code) == (416, 404)
    assert [each["regression_id"] for each in machine.get(f"{place}/tests").json()["tests"]] == [test.regression_id]
    error = machine.get(f"{place}/executable").json()["error"]
    assert (error["type"], error["code"]) == ("build", "EXECUTABLE_MISSING") and str(site.settings.executables) not in error["message"]


def test_nothing_is_told_of_a_claim_that_is_not_the_machines(site: Site, machine: Client) -> None:
    add_run()
    work = claim(machine)
    assert work is not None
    other = enrol(site, "linux-2")

    answers = [
        client.get(f"{API}/claims/{name}/{part}")
        for client, name in ((other, work["claim"]), (machine, "run-9999-1"), (machine, "no-claim"))
        for part in ("tests", "executable", f"files/{'a' * 64}")]

    assert {answer.status_code for answer in answers} == {404}


def test_a_triggered_run_wakes_a_machine_that_waits(site: Site, machine: Client) -> None:
    add_regression_test()
    trigger = {"repository": "CCExtractor/ccextractor", "commit_sha": "c" * 40, "platform": "linux"}
    tester = site.as_role(Role.TESTER)

    waited, made = site.together(
        lambda: machine.post(f"{API}/claims", json={"session": SESSION, "wait": 30}), lambda: tester.post("/api/v1/runs", json=trigger))

    assert waited.json()["work"]["run"]["run_id"] == made.json()["run_id"]


def test_a_question_for_work_ends_after_its_time(machine: Client) -> None:
    assert machine.post(f"{API}/claims", json={"session": SESSION, "wait": 1}).json() == {"work": None}
