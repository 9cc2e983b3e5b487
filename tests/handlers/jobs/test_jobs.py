"""Jobs as their owners see them: the list, one job, and the end of it."""
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from api.domain.auth.access import Role, Scope
from api.domain.jobs.job import JobReason, JobStatus
from api.jobs.wakeup.wakeup import LocalWakeup
from api.storage.jobs.tables import JobRow
from contract.client import ValidatingClient
from tests.builders import NOW, add_user
from tests.examples import examples
from tests.handlers.site import Site
from tests.submitted_jobs import add_job

NOBODYS = "550e8400-e29b-41d4-a716-446655440000"
ALL = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


@pytest.fixture
def owner(site: Site) -> int:
    """The account whose jobs are asked for."""
    return site.account(Role.TESTER)


@pytest.fixture
def client(site: Site, owner: int) -> ValidatingClient:
    """A client of that account."""
    return site.as_user(owner)


def ids(answer: Any) -> list[str]:
    return [each["job_id"] for each in answer.json()]


def test_a_finished_job_is_shown_as_its_clients_know_it(owner: int, client: ValidatingClient) -> None:
    job_id = add_job(owner, JobStatus.COMPLETED, exit_code=1)

    shown = client.get(f"/jobs/{job_id}").json()

    assert shown == {
        "job_id": job_id, "status": "completed", "success": False, "start_time": "2026-11-21T12:00:01Z",
        "end_time": "2026-11-21T12:01:00Z", "reason": "exit_code", "exit_code": 1, "attempt": 1, "priority": 0,
        "created_at": "2026-11-21T12:00:00Z", "queue_position": None, "repeat_reason": None, "rerun_of": None, "tests": None,
        "failed_tests": None, "project": None, "commit": None, "branch": None, "label": None, "orders": {}}


def test_a_waiting_job_tells_its_place_in_the_queue_and_no_outcome(owner: int, client: ValidatingClient) -> None:
    add_job(add_user(), at=NOW - timedelta(seconds=1))
    add_job(add_user(), at=NOW + timedelta(seconds=1), priority=3)
    job_id = add_job(owner)

    shown = client.get(f"/jobs/{job_id}").json()

    assert (shown["queue_position"], shown["attempt"]) == (3, 0)
    assert {shown[name] for name in ("success", "reason", "exit_code", "start_time", "end_time")} == {None}


@pytest.mark.parametrize("ask", [
    lambda client, job_id: client.get(f"/jobs/{job_id}"),
    lambda client, job_id: client.delete(f"/jobs/{job_id}"),
    lambda client, job_id: client.get(f"/jobs/{job_id}/logs"),
    lambda client, job_id: client.get(f"/jobs/{job_id}/artifacts"),
    lambda client, job_id: client.get(f"/jobs/{job_id}/artifacts/junit.xml"),
], ids=["get", "cancel", "logs", "artifacts", "artifact"])
def test_a_strangers_job_is_not_found_and_neither_is_one_that_there_is_not(site: Site, ask: Any) -> None:
    strangers = add_job(add_user(), JobStatus.RUNNING)
    client = site.as_role(Role.TESTER)

    answers = [ask(client, job_id) for job_id in (strangers, NOBODYS, "no-uuid")]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert {(answer.json()["code"], answer.json()["message"]) for answer in answers} == {("not_found", "Job not found.")}


def test_an_admin_sees_and_cancels_every_job(site: Site) -> None:
    job_id = add_job(add_user(), JobStatus.RUNNING)
    admin = site.as_role(Role.ADMIN)

    assert admin.get(f"/jobs/{job_id}").status_code == 200
    assert ids(admin.get("/jobs")) == [job_id]
    assert admin.delete(f"/jobs/{job_id}").status_code == 202


def test_a_job_is_sent_again_only_when_it_changed(owner: int, client: ValidatingClient) -> None:
    job_id = add_job(owner)
    known = {"If-None-Match": client.get(f"/jobs/{job_id}").headers["ETag"]}

    unchanged = client.get(f"/jobs/{job_id}", headers=known)
    client.delete(f"/jobs/{job_id}")
    changed = client.get(f"/jobs/{job_id}", headers=known)

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (changed.status_code, changed.json()["status"]) == (200, "cancelled")


def test_the_list_is_a_bare_array_of_ones_own_jobs_newest_first(site: Site, owner: int, client: ValidatingClient) -> None:
    add_job(add_user())
    mine = [add_job(owner, status, at=NOW + timedelta(seconds=number)) for number, status in enumerate(ALL)]

    answer = client.get("/jobs")

    assert ids(answer) == mine[::-1]
    assert answer.headers["X-Total-Count"] == "5"
    assert answer.json()[0] | {"orders": {}} == client.get(f"/jobs/{mine[-1]}").json()


@pytest.mark.parametrize("query", [
    {"status": "done"}, {"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"offset": -1}, {"offset": 2**31}, {"created_after": "yesterday"},
    {"created_after": "2026-02-30T10:00:00Z"}, {"q": "a" * 37}, {"state": "queued"}])
def test_a_filter_that_is_none_is_refused(client: ValidatingClient, query: dict[str, Any]) -> None:
    answer = client.get("/jobs", params=query)

    assert answer.status_code == 400
    assert set(answer.json()["details"]["fields"]) == set(query)


job_shapes = st.tuples(st.sampled_from(ALL), st.integers(0, 3), st.sampled_from([-1, 0, 5]), st.booleans())
queries = st.fixed_dictionaries({}, optional={
    "status": st.sampled_from([status.value for status in ALL]), "limit": st.integers(1, 8), "offset": st.integers(0, 8),
    "created_after": st.integers(-1, 3).map(lambda seconds: (NOW + timedelta(seconds=seconds)).isoformat()),
    "q": st.sampled_from(["", "0", "00000001", "A", "%", "_", "8000"])})


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(job_shapes, max_size=7), queries, st.booleans())
def test_the_list_holds_what_a_plain_list_would(site: Site, shapes: list[Any], query: dict[str, Any], is_admin: bool) -> None:
    site.database.empty()
    site.accounts.clear()
    mine, other = site.account(Role.ADMIN if is_admin else Role.TESTER), add_user("other", role=Role.TESTER)
    made = [
        (NOW + timedelta(seconds=second), add_job(mine if own else other, status, at=NOW + timedelta(seconds=second), priority=priority),
         status, priority, own)
        for status, second, priority, own in shapes]
    queue = [each[1] for each in sorted(made, key=lambda each: (-each[3], each[0], each[1])) if each[2] is JobStatus.QUEUED]

    answer = site.as_user(mine).get("/jobs", params=query)

    after = query.get("created_after", "")
    kept = [
        each for each in sorted(made, key=lambda each: each[:2], reverse=True)
        if (is_admin or each[4]) and query.get("status", each[2].value) == each[2].value and query.get("q", "").lower() in each[1]
        and (not after or each[0].isoformat() > after)]
    offset = query.get("offset", 0)
    assert ids(answer) == [each[1] for each in kept[offset:][:query.get("limit")]]
    assert answer.headers["X-Total-Count"] == str(len(kept))
    places = {each["job_id"]: each["queue_position"] for each in answer.json()}
    assert places == {job_id: queue.index(job_id) + 1 if job_id in queue else None for job_id in places}


def test_the_list_takes_the_same_number_of_statements_however_long_it_is(site: Site, owner: int, client: ValidatingClient) -> None:
    counts = []
    for _ in range(2):
        for status in ALL * 4:
            add_job(owner, status)
        with site.database.counted() as statements:
            client.get("/jobs")
        counts.append(len(statements))

    assert counts[0] == counts[1] <= 6


def test_a_waiting_job_is_cancelled_at_once_and_a_second_time_nothing_changes(owner: int, client: ValidatingClient) -> None:
    job_id = add_job(owner)

    answers = [client.delete(f"/jobs/{job_id}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert (answers[0].json()["status"], answers[0].json()["reason"], answers[0].json()["success"]) == ("cancelled", "cancelled", False)


def test_a_running_job_is_asked_to_stop_and_shown_as_running_until_it_has(site: Site, owner: int, client: ValidatingClient) -> None:
    job_id = add_job(owner, JobStatus.RUNNING)

    answer = client.delete(f"/jobs/{job_id}")

    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert site.rows(select(JobRow.cancel_requested)) == [(True,)]


@pytest.mark.parametrize(("status", "reason"), [
    (JobStatus.COMPLETED, JobReason.EXIT_CODE), (JobStatus.FAILED, JobReason.LOST), (JobStatus.CANCELLED, JobReason.CANCELLED)])
def test_a_job_that_is_over_stays_as_it_is(owner: int, client: ValidatingClient, status: JobStatus, reason: JobReason) -> None:
    job_id = add_job(owner, status, reason=reason)
    before = client.get(f"/jobs/{job_id}").json()

    answer = client.delete(f"/jobs/{job_id}")

    assert (answer.status_code, answer.json() | {"orders": {}}) == (202, before)


def test_a_cancel_rings_for_the_agents(site: Site, owner: int, client: ValidatingClient) -> None:
    job_id = add_job(owner, JobStatus.RUNNING)

    with LocalWakeup(site.settings.work_dir / "wakeups").listen() as listener:
        client.delete(f"/jobs/{job_id}")

        assert listener.wait(60)


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 202), (Role.TESTER, 202), (Role.CONTRIBUTOR, 202), (Role.USER, 403)])
def test_who_may_cancel_goes_by_the_role(site: Site, role: Role, status: int) -> None:
    job_id = add_job(site.account(role))

    assert site.as_role(role).delete(f"/jobs/{job_id}").status_code == status


def test_reading_needs_the_scope_for_reading_and_cancelling_the_one_for_writing(site: Site, owner: int) -> None:
    job_id = add_job(owner)
    reader, writer = site.as_user(owner, Scope.RUNS_READ), site.as_user(owner, Scope.RUNS_WRITE)

    assert [reader.get(f"/jobs/{job_id}").status_code, reader.delete(f"/jobs/{job_id}").status_code] == [200, 403]
    assert [writer.get(f"/jobs/{job_id}").status_code, writer.delete(f"/jobs/{job_id}").status_code] == [403, 202]


def test_without_a_token_nothing_is_told(site: Site, owner: int) -> None:
    job_id = add_job(owner)

    answers = [site.client.get("/jobs"), site.client.get(f"/jobs/{job_id}"), site.client.delete(f"/jobs/{job_id}")]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
