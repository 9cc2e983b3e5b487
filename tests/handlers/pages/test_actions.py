"""What the pages' forms do."""
from __future__ import annotations

import pytest

from api.domain.auth.access import Role
from api.domain.jobs.job import JobStatus
from api.jobs.files import JobFiles
from tests.builders import add_finished_run, add_regression_test, add_run
from tests.handlers.baselines import REASON, Case
from tests.handlers.pages.conftest import Reader
from tests.handlers.site import Site
from tests.submitted_jobs import add_job, zip_of


def test_a_run_is_canceled(site: Site, reader: Reader) -> None:
    run_id = add_run()

    answer = reader(Role.ADMIN).post(f"/runs/{run_id}/cancel")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run_id}")
    assert site.as_role(Role.ADMIN).get(f"/api/v1/runs/{run_id}").json()["status"] == "canceled"


def test_a_run_is_run_again(site: Site, reader: Reader) -> None:
    run_id = add_finished_run(add_regression_test())

    answer = reader(Role.ADMIN).post(f"/runs/{run_id}/retry")

    made = int(answer.headers["location"].rpartition("/")[2])
    assert site.as_role(Role.ADMIN).get(f"/api/v1/runs/{made}").json()["source_run_id"] == run_id


def test_who_may_not_sees_no_button_and_is_refused(reader: Reader) -> None:
    run_id = add_run()
    holder = reader(Role.USER)

    shown, answer = holder.get(f"/runs/{run_id}").text, holder.post(f"/runs/{run_id}/cancel")

    assert answer.status_code == 403
    assert "/cancel" in shown or "Cancel" not in shown


def test_what_cannot_be_done_is_told_on_a_page(reader: Reader) -> None:
    run_id = add_finished_run(add_regression_test())

    answer = reader(Role.ADMIN).post(f"/runs/{run_id}/retry?failed_only=true")

    assert answer.status_code in (409, 422)
    assert "<h1>" in answer.text


def test_an_output_is_proposed_as_baseline(site: Site, reader: Reader, case: Case) -> None:
    path = f"/runs/{case.run_id}/tests/{case.test.regression_id}"
    holder = reader(Role.CONTRIBUTOR)

    offered = "Propose as the new baseline" in holder.get(path).text
    answer = holder.post(f"{path}/propose", params={"output_id": case.test.output_id}, data={"reason": REASON})

    assert offered and answer.status_code == 303
    assert site.as_role(Role.ADMIN).get("/api/v1/baseline-approvals").json()["data"][0]["reason"] == REASON


def test_a_proposal_of_an_output_that_is_not_there_is_refused(reader: Reader, case: Case) -> None:
    path = f"/runs/{case.run_id}/tests/{case.test.regression_id}/propose"

    answers = [reader(Role.CONTRIBUTOR).post(f"{path}{query}", data={"reason": REASON}) for query in ("", "?output_id=4711")]

    assert {answer.status_code for answer in answers} == {404}


def test_a_job_that_waits_is_cancelled_from_its_page(site: Site, reader: Reader) -> None:
    job_id = add_job(site.account(Role.TESTER), JobStatus.QUEUED)
    holder = reader(Role.TESTER)

    offered = f"/view/jobs/{job_id}/cancel" in holder.get(f"/view/jobs/{job_id}").text
    answer = holder.post(f"/view/jobs/{job_id}/cancel")

    assert offered and (answer.status_code, answer.headers["location"]) == (303, f"/view/jobs/{job_id}")
    assert site.as_role(Role.TESTER).get(f"/jobs/{job_id}").json()["status"] == "cancelled"


def test_a_job_that_is_over_is_run_again_from_its_page(site: Site, reader: Reader) -> None:
    job_id = add_job(site.account(Role.TESTER), JobStatus.COMPLETED)
    project = JobFiles(site.files).project(job_id)
    project.parent.mkdir(parents=True, exist_ok=True)
    project.write_bytes(zip_of())
    holder = reader(Role.TESTER)

    offered = f"/view/jobs/{job_id}/rerun" in holder.get(f"/view/jobs/{job_id}").text
    answer = holder.post(f"/view/jobs/{job_id}/rerun")

    made = answer.headers["location"].rpartition("/")[2]
    assert offered and answer.status_code == 303
    assert site.as_role(Role.TESTER).get(f"/jobs/{made}").json()["rerun_of"] == job_id


@pytest.mark.parametrize(("role", "status"), [(Role.TESTER, 404), (Role.USER, 403)])
def test_a_job_of_somebody_else_is_neither_cancelled_nor_run_again(site: Site, reader: Reader, role: Role, status: int) -> None:
    job_id = add_job(site.account(Role.ADMIN), JobStatus.QUEUED)
    holder = reader(role)

    answers = [holder.post(f"/view/jobs/{job_id}/{action}") for action in ("cancel", "rerun")]

    assert [answer.status_code for answer in answers] == [status, status]
    assert site.as_role(Role.ADMIN).get(f"/jobs/{job_id}").json()["status"] == "queued"


def test_who_may_not_submit_jobs_is_offered_no_button(site: Site, reader: Reader) -> None:
    job_id = add_job(site.account(Role.USER), JobStatus.QUEUED)

    assert "<form method=\"post\" action=\"/view" not in reader(Role.USER).get(f"/view/jobs/{job_id}").text
