"""What a job is of, who sent it, how it is found by that, and how it is run once more."""
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.jobs.job import JobStatus
from api.jobs.files import JobFiles
from api.storage.jobs.tables import JobRow
from contract.client import ValidatingClient
from tests.builders import NOW, add_user
from tests.handlers.conftest import MakeSite
from tests.handlers.jobs.submitting import assert_nothing_is_left, submit
from tests.handlers.site import Site
from tests.submitted_jobs import add_job, zip_of

COMMIT = "3f1c0de5a1b2c3d4e5f60718293a4b5c6d7e8f90"
IDENTITY = {"project": "sums", "commit": f"{COMMIT}+", "branch": "feature/größe", "label": "nightly"}
NOBODYS = "550e8400-e29b-41d4-a716-446655440000"


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """Who may submit projects."""
    return site.as_role(Role.TESTER)


def ids(answer: Any) -> list[str]:
    return [each["job_id"] for each in answer.json()]


def test_a_job_is_of_what_its_sender_says(client: ValidatingClient) -> None:
    job_id = submit(client, **IDENTITY).json()["job_id"]

    shown = client.get(f"/jobs/{job_id}").json()

    assert {name: shown[name] for name in IDENTITY} == IDENTITY


def test_every_field_that_is_wrong_is_named_at_once(site: Site, client: ValidatingClient) -> None:
    answer = submit(client, project="", commit="main", branch="a\nb", label="x" * 101, priority="high", color="red")

    assert answer.status_code == 400
    assert set(answer.json()["details"]["fields"]) == {"project", "commit", "branch", "label", "priority", "color"}
    assert_nothing_is_left(site)


@pytest.mark.parametrize(("query", "found"), [
    ({"project": "sums"}, [0, 1]), ({"project": "Sums"}, []), ({"branch": "main"}, [0]), ({"label": "nightly"}, [1]),
    ({"commit": "3f1c"}, [0, 1]), ({"commit": "3F1C0DE5"}, [0, 1]), ({"commit": f"{COMMIT}+"}, [1]), ({"commit": "1c0d"}, []),
    ({"project": "sums", "branch": "main"}, [0]), ({"project": "%"}, [])])
def test_jobs_are_found_by_what_they_are_of(site: Site, query: dict[str, str], found: list[int]) -> None:
    owner = site.account(Role.TESTER)
    made = [
        add_job(owner, project="sums", branch="main", commit=COMMIT), add_job(owner, project="sums", label="nightly", commit=f"{COMMIT}+"),
        add_job(owner)]
    add_job(add_user(), project="sums", branch="main", label="nightly", commit=COMMIT)

    assert set(ids(site.as_user(owner).get("/jobs", params=query))) == {made[each] for each in found}


@pytest.mark.parametrize("query", [{"project": ""}, {"commit": "abc"}, {"commit": "main"}, {"label": "x" * 101}, {"owner_id": 0}])
def test_a_filter_that_no_job_can_have_is_refused(client: ValidatingClient, query: dict[str, Any]) -> None:
    assert client.get("/jobs", params=query).status_code == 400


def test_admins_are_told_whose_a_job_is_and_find_jobs_by_that(site: Site) -> None:
    owner, admin = add_user("ada"), site.as_role(Role.ADMIN)
    job_id = add_job(owner)
    add_job(add_user())

    listed = admin.get("/jobs", params={"owner_id": owner}).json()

    assert [(each["job_id"], each["owner"]) for each in listed] == [(job_id, {"user_id": owner, "name": "ada"})]
    assert admin.get(f"/jobs/{job_id}").json() == listed[0] | {"orders": {}}


def test_others_are_not_told_and_see_nobodys_jobs_but_their_own(site: Site) -> None:
    owner, stranger = site.account(Role.TESTER), add_user()
    job_id = add_job(owner)
    add_job(stranger)
    client = site.as_user(owner)

    assert "owner" not in client.get(f"/jobs/{job_id}").json()
    assert ids(client.get("/jobs", params={"owner_id": stranger})) == []


def test_a_jobs_project_is_run_once_more(site: Site, client: ValidatingClient) -> None:
    first = submit(client, **IDENTITY, priority="-3").json()["job_id"]

    answer = client.post(f"/jobs/{first}/rerun")

    again = answer.json()
    assert (answer.status_code, again["rerun_of"], again["status"], again["priority"]) == (202, first, "queued", -3)
    assert {name: again[name] for name in IDENTITY} == IDENTITY
    assert JobFiles(site.files).project(again["job_id"]).read_bytes() == zip_of()


def test_a_job_whose_project_was_removed_is_not_run_once_more(site: Site, client: ValidatingClient) -> None:
    job_id = submit(client).json()["job_id"]
    client.delete(f"/jobs/{job_id}")

    answer = client.post(f"/jobs/{job_id}/rerun")

    assert (answer.status_code, answer.json()["details"]["resource"]) == (404, "project")
    assert [job["job_id"] for job in client.get("/jobs").json()] == [job_id]


def test_a_strangers_job_is_run_once_more_by_admins_alone(site: Site, client: ValidatingClient) -> None:
    job_id = submit(client).json()["job_id"]

    answers = [site.as_role(role).post(f"/jobs/{job_id}/rerun") for role in (Role.CONTRIBUTOR, Role.ADMIN)]

    assert [answer.status_code for answer in answers] == [404, 202]
    assert client.post(f"/jobs/{NOBODYS}/rerun").status_code == 404


def test_an_account_whose_files_take_all_the_room_that_they_may_sends_no_more(make_site: MakeSite) -> None:
    site = make_site(job_quota=1 << 20)
    owner = site.account(Role.TESTER)
    client = site.as_user(owner)
    waiting = submit(client).json()["job_id"]
    add_job(owner, JobStatus.COMPLETED, kept_bytes=(1 << 20) - 50)

    answers = [submit(client), client.post(f"/jobs/{waiting}/rerun"), submit(site.as_role(Role.CONTRIBUTOR))]

    assert [answer.status_code for answer in answers] == [422, 422, 200]
    assert (answers[0].json()["details"]["rule"], answers[0].json()["details"]["limit"]) == ("quota", 1 << 20)
    assert len(site.rows(JobRow.__table__.select())) == 3


def test_files_that_were_removed_with_their_age_take_no_room(make_site: MakeSite) -> None:
    site = make_site(job_quota=1 << 20, job_retention=3600)
    owner = site.account(Role.TESTER)
    add_job(owner, JobStatus.COMPLETED, at=NOW - timedelta(hours=2), kept_bytes=1 << 20)

    assert submit(site.as_user(owner)).status_code == 200
