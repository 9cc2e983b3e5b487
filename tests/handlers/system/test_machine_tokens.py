"""Admins add, list and remove machines over the API, and change their tokens; a token is shown once and stands in no log."""
from __future__ import annotations

import json
import logging

import pytest

from api.domain.auth.access import Role
from api.domain.jobs.job import JobStatus
from api.services.runs.machine_access import SEEN_EVERY
from tests.builders import NOW, add_run
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Client, Site
from tests.submitted_jobs import add_job

MACHINES, OWN = "/api/v1/machines", "/machine-api/v1/machine"
SESSION = "550e8400-e29b-41d4-a716-446655440000"


@pytest.fixture
def admin(site: Site) -> Client:
    return site.as_role(Role.ADMIN)


def add(admin: Client, name: str = "linux-1", **more: object) -> str:
    answer = admin.post(MACHINES, json={"name": name, **more})
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == name
    return str(answer.json()["token"])


def test_a_machine_that_was_added_is_let_in_and_listed_without_its_token(site: Site, admin: Client) -> None:
    token = add(admin, "windows-1", kinds=["run"], platform="windows")
    add(admin)

    known = site.client.as_(token).get(OWN).json()
    listed = admin.get(MACHINES)

    assert known == {"name": "windows-1", "kinds": ["run"], "platform": "windows", "lease_seconds": 60.0}
    at = "2026-11-21T12:00:00Z"
    assert listed.json()["data"] == [
        {"name": "linux-1", "kinds": ["run", "job"], "platform": "linux", "created_at": at, "seen_at": None, "has_unused_token": False,
         "run_ids": [], "job_ids": []},
        {"name": "windows-1", "kinds": ["run"], "platform": "windows", "created_at": at, "seen_at": at, "has_unused_token": False,
         "run_ids": [], "job_ids": []}]
    assert "spcm_" not in listed.text


def test_pages_of_machines_follow_each_other(admin: Client) -> None:
    for number in range(3):
        add(admin, f"linux-{number}")

    first, second = (admin.get(MACHINES, params={"limit": 2, "offset": offset}).json() for offset in (0, 2))

    assert [[each["name"] for each in page["data"]] for page in (first, second)] == [["linux-0", "linux-1"], ["linux-2"]]
    assert (first["pagination"]["next_offset"], second["pagination"]["next_offset"], second["pagination"]["total"]) == (2, None, 3)


def test_what_a_machine_executes_is_listed_until_it_is_over(site: Site, admin: Client) -> None:
    machine, run_id = site.client.as_(add(admin)), add_run()
    add(admin, "linux-2")
    job_id = add_job(site.account(Role.ADMIN), JobStatus.RUNNING, machine="linux-1")
    machine.post("/machine-api/v1/claims", json={"session": SESSION, "kinds": ["run"]})

    during = admin.get(MACHINES).json()["data"]
    admin.post(f"/api/v1/runs/{run_id}/cancel", json={})
    after = admin.get(MACHINES).json()["data"]

    assert [(each["run_ids"], each["job_ids"]) for each in during] == [([run_id], [job_id]), ([], [])]
    assert [(each["run_ids"], each["job_ids"]) for each in after] == [([], [job_id]), ([], [])]


def test_a_name_is_one_machines(admin: Client) -> None:
    add(admin)

    again = admin.post(MACHINES, json={"name": "linux-1"})

    assert (again.status_code, again.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize("body", [
    {}, {"name": ""}, {"name": "-1"}, {"name": "a/b"}, {"name": "a\n"}, {"name": "a" * 61}, {"name": "a", "kinds": []},
    {"name": "a", "kinds": ["run", "run"]}, {"name": "a", "platform": "amiga"}, {"name": "a", "token": "spcm_mine"}])
def test_what_is_no_machine_is_refused(admin: Client, body: dict[str, object]) -> None:
    assert admin.post(MACHINES, json=body).status_code == 400
    assert admin.get(MACHINES).json()["data"] == []


def test_a_new_token_ends_the_old_one_once_it_is_used_and_one_that_nobody_used_ends_with_the_next(site: Site, admin: Client) -> None:
    old = site.client.as_(add(admin))
    old.get(OWN)
    missed, new = (site.client.as_(admin.post(f"{MACHINES}/linux-1/rotate").json()["token"]) for _ in range(2))

    def statuses() -> list[int]:
        return [client.get(OWN).status_code for client in (missed, old, new, old)]

    def is_rotating() -> bool:
        return bool(admin.get(MACHINES).json()["data"][0]["has_unused_token"])

    before = is_rotating()
    assert (statuses(), before, is_rotating()) == ([401, 200, 200, 401], True, False)


def test_a_machine_that_is_removed_is_shut_out_at_once(site: Site, admin: Client) -> None:
    machine = site.client.as_(add(admin))
    before = machine.get(OWN).status_code

    removed = [admin.delete(f"{MACHINES}/linux-1").status_code for _ in range(2)]

    assert (before, machine.get(OWN).status_code, removed) == (200, 401, [204, 404])
    assert admin.post(f"{MACHINES}/linux-1/rotate").status_code == 404


def test_when_a_machine_was_last_heard_of_is_kept_to_ten_seconds(site: Site, admin: Client) -> None:
    machine = site.client.as_(add(admin))
    machine.get(OWN)
    site.clock.now = NOW + SEEN_EVERY
    machine.get(OWN)

    assert admin.get(MACHINES).json()["data"][0]["seen_at"] == "2026-11-21T12:00:10Z"


def test_a_machine_keeps_no_machines(site: Site, admin: Client) -> None:
    machine = site.client.as_(add(admin))

    answers = [machine.get(MACHINES), machine.post(f"{MACHINES}/linux-1/rotate"), machine.delete(f"{MACHINES}/linux-1")]

    assert [answer.status_code for answer in answers] == [401] * 3


def test_who_keeps_machines_stands_in_the_audit_log_and_no_token_in_any(
    site: Site, admin: Client, caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        tokens = [add(admin), admin.post(f"{MACHINES}/linux-1/rotate").json()["token"]]
        admin.post(MACHINES, json={"name": "linux-1"})
        admin.delete(f"{MACHINES}/linux-1")
        admin.delete(f"{MACHINES}/linux-1")

    told = [json.loads(record.getMessage()) for record in caplog.records if record.name == "api.audit"]
    assert [(each["event"], each["outcome"], each["reason"]) for each in told] == [
        ("token_issued", "success", None), ("token_issued", "success", None), ("token_issued", "failure", "conflict"),
        ("token_revoked", "success", None), ("token_revoked", "failure", "not_found")]
    assert {(each["subject"], each["actor_id"]) for each in told} == {("machine:linux-1", site.account(Role.ADMIN))}
    assert [token for token in tokens if token[len("spcm_"):] in caplog.text] == []


def test_changes_are_limited_as_other_writes_are(make_site: MakeSite) -> None:
    admin = make_site(rate_writes=2).as_role(Role.ADMIN)

    add(admin)
    admin.post(f"{MACHINES}/linux-1/rotate")

    assert admin.delete(f"{MACHINES}/linux-1").status_code == 429
    assert [each["name"] for each in admin.get(MACHINES).json()["data"]] == ["linux-1"]
