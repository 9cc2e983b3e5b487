"""Jobs in the hands of machines over the API: what comes first, and what is refused."""
from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.jobs.artifact_limit import ArtifactLimit
from api.domain.jobs.claimed_job import JobEnd
from api.domain.jobs.job import JobReason
from api.domain.jobs.junit_report import MAX_FAILED, MAX_TEXT, FailedTest, JobReport
from api.domain.runs.machine import WorkKind
from api.jobs.project.keeping import MAX_NAMES
from api.storage.jobs.incoming_attempts import MAX_ARTIFACTS
from tests.builders import MAIN_REPOSITORY, add_regression_test, minutes
from tests.handlers.site import Client, Site
from tests.handlers.worker.machines import API, SESSION, enrol
from tests.submitted_jobs import add_job

BOTH = (WorkKind.RUN, WorkKind.JOB)
RESULT = {"reason": "exit_code", "exit_code": 0, "log_bytes": 0, "artifacts": [], "junit": None, "left_out": 0, "limits_hit": []}
ONE = sha256(b"one").hexdigest()


def claimed(machine: Client, *kinds: str, holding: Sequence[str] = ()) -> dict[str, Any] | None:
    asked = {"session": SESSION, "holding": [*holding], **({"kinds": list(kinds)} if kinds else {})}
    answer = machine.post(f"{API}/claims", json=asked)
    assert answer.status_code == 200, answer.text
    work: dict[str, Any] | None = answer.json()["work"]
    return work


def kind_of(work: dict[str, Any] | None) -> str | None:
    return None if work is None else str(work["kind"])


@pytest.fixture
def machine(site: Site) -> Client:
    """A machine that has claimed a job."""
    made = enrol(site, kinds=BOTH)
    add_job(site.account(Role.TESTER))
    return made


def a_claim(machine: Client) -> str:
    work = claimed(machine, "job")
    assert work is not None
    return str(work["claim"])


@pytest.mark.parametrize(("job", "kinds"), [(1, ["run", "job"]), (-1, ["job", "run"])])
def test_where_a_run_and_a_job_wait_the_older_comes_first(site: Site, job: int, kinds: list[str]) -> None:
    machine = enrol(site, kinds=BOTH)
    add_regression_test()
    asked = {"repository": MAIN_REPOSITORY, "commit_sha": "c" * 40, "platform": "linux"}
    assert site.as_role(Role.ADMIN).post("/api/v1/runs", json=asked).status_code == 202
    add_job(site.account(Role.TESTER), at=minutes(job))

    given: list[dict[str, Any]] = []
    while (work := claimed(machine, holding=[each["claim"] for each in given])) is not None:
        given.append(work)

    assert [each["kind"] for each in given] == kinds


def test_what_is_not_wanted_now_is_not_given_nor_what_the_machine_may_not_take(site: Site) -> None:
    both, runs = enrol(site, kinds=BOTH), enrol(site, "runs")
    add_job(site.account(Role.TESTER))

    assert [claimed(both, "run"), claimed(runs), claimed(runs, "job")] == [None] * 3
    assert kind_of(claimed(both, "job")) == "job"


def test_a_claim_of_another_machine_is_none(site: Site, machine: Client) -> None:
    claim, other = a_claim(machine), enrol(site, "other", kinds=BOTH)

    answers = [
        other.put(f"{API}/claims/{claim}/log?start=0", content=b"", headers={"Content-Type": "application/octet-stream"}),
        other.get(f"{API}/claims/{claim}/files/{ONE}"), other.get(f"{API}/claims/{claim}/tests")]
    other.put(f"{API}/claims/{claim}/end", json={"result": RESULT})

    assert [answer.status_code for answer in answers] == [404] * 3
    assert [each["claim"] for each in machine.get(f"{API}/claims").json()["claims"]] == [claim]
    assert other.get(f"{API}/claims").json() == {"claims": []}


def test_an_artifact_that_is_not_what_its_hash_says_is_refused(machine: Client) -> None:
    answer = machine.put(
        f"{API}/claims/{a_claim(machine)}/artifacts/{ONE}", content=b"two", headers={"Content-Type": "application/octet-stream"})

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")


@pytest.mark.parametrize(("names", "fault"), [
    (["../out"], "artifacts[0].name"), (["/etc/passwd"], "artifacts[0].name"), (["a//b"], "artifacts[0].name"), (["a", "a"], "artifacts"),
    (["a", "a/b"], "artifacts[1].name"), (["x" * 300], "artifacts[0].name")])
def test_no_artifact_has_a_name_that_leads_elsewhere(machine: Client, names: list[str], fault: str) -> None:
    claim = a_claim(machine)
    machine.put(f"{API}/claims/{claim}/artifacts/{ONE}", content=b"one", headers={"Content-Type": "application/octet-stream"})
    kept = [{"name": name, "kind": "file", "size_bytes": 3, "sha256": ONE} for name in names]

    answer = machine.put(f"{API}/claims/{claim}/end", json={"result": {**RESULT, "artifacts": kept}})

    assert answer.status_code == 400
    assert fault in answer.json()["details"]["fields"]


def largest_end() -> JobEnd:
    """What a machine says of a job that left as much as one may, in letters that JSON writes as two."""
    report = JobReport()
    for _ in range(MAX_FAILED):
        report.keep(FailedTest("", "", '"' * (MAX_TEXT // MAX_FAILED)))
    width = MAX_NAMES // MAX_ARTIFACTS
    artifacts = [
        {"name": f"{number:04}".rjust(width, '"'), "kind": "coverage", "size_bytes": 2**63 - 1, "sha256": ONE}
        for number in range(MAX_ARTIFACTS)]
    return JobEnd(JobReason.PROCESS_LIMIT, -2**31, 0, artifacts, report.as_json(), 2**31 - 1, list(ArtifactLimit))


def test_the_largest_result_of_a_job_is_read_and_a_larger_one_is_not(machine: Client) -> None:
    path, result = f"{API}/claims/{a_claim(machine)}/end", largest_end().as_json()

    fits = machine.put(path, json={"result": result})
    more = machine.put(path, json={"result": {**result, "artifacts": [{**each, "name": '"' * 1024} for each in result["artifacts"]]}})

    # It was read, and then the files were looked for, which nobody sent.
    said = fits.json()["details"]["fields"]
    assert (fits.status_code, len(said), said["artifacts[0].sha256"]) == (400, 100, "No such file of this size was sent.")
    assert (more.status_code, more.json()["details"]["limit"]) == (413, 2 << 20)


def test_a_result_whose_artifacts_or_log_were_not_sent_is_refused(machine: Client) -> None:
    claim = a_claim(machine)
    kept = [{"name": "a", "kind": "file", "size_bytes": 3, "sha256": ONE}]

    answers = [
        machine.put(f"{API}/claims/{claim}/end", json={"result": {**RESULT, **more}})
        for more in ({"artifacts": kept}, {"log_bytes": 5})]

    assert [answer.status_code for answer in answers] == [400, 409]
    assert answers[1].json()["details"]["size"] == 0


@pytest.mark.parametrize("body", [{"run": {"outcome": "completed", "error": None}}])
def test_an_end_of_a_job_says_what_became_of_it(machine: Client, body: dict[str, Any]) -> None:
    assert machine.put(f"{API}/claims/{a_claim(machine)}/end", json=body).status_code == 400
