"""When no project is taken: without a sandbox, over the limits of an account, with a full disk, without the right."""
from __future__ import annotations

import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from api.domain.auth.access import Role, Scope
from api.specfirst.validation import bodies
from api.storage.jobs.tables import JobRow
from api.streaming import project_upload
from contract.client import ValidatingClient
from tests.builders import add_token
from tests.handlers.conftest import MakeSite
from tests.handlers.jobs.submitting import ASYNC, add_agent, assert_nothing_is_left, kept_files, submit
from tests.handlers.site import Site
from tests.specfirst.asking import ask


def test_a_project_whose_sender_falls_silent_is_408_and_leaves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_TIMEOUT", 0.3)
    token = add_token(site.account(Role.TESTER), now=site.clock.now)
    half = b'--b\r\nContent-Disposition: form-data; name="file"; filename="p.zip"\r\n\r\n' + b"x" * (2 << 20)

    answer = ask(
        site.app, ASYNC, method="POST", token=token, headers=[("content-type", "multipart/form-data; boundary=b")], body=[half],
        stalls=True)

    assert (answer.status, answer.json["code"], answer.header("connection")) == (408, "request_timeout", "close")
    assert_nothing_is_left(site)


@pytest.mark.parametrize(("web_hook", "status"), [
    ("https://hooks.example.org/ci?job=1", 200), ("https://evil.example.net/", 422), ("https://hooks.example.org.evil.net/", 422),
    ("http://hooks.example.org/", 400), ("ftp://hooks.example.org/", 400), ("https://user@hooks.example.org/", 400),
    ("nonsense", 400), ("", 400)])
def test_a_web_hook_goes_to_a_host_on_the_list_alone(make_site: MakeSite, web_hook: str, status: int) -> None:
    site = make_site(webhook_hosts=("hooks.example.org",), webhook_secret="0123456789abcdef")

    answer = submit(site.as_role(Role.TESTER), web_hook=web_hook)

    assert answer.status_code == status
    assert site.rows(select(JobRow.web_hook)) == ([(web_hook,)] if status == 200 else [])


def test_no_web_hook_is_taken_where_no_host_is_listed(site: Site, client: ValidatingClient) -> None:
    answer = submit(client, web_hook="https://hooks.example.org/")

    assert answer.status_code == 422
    assert_nothing_is_left(site)


def test_jobs_are_refused_while_agents_live_and_none_has_a_sandbox(site: Site, client: ValidatingClient) -> None:
    add_agent("one", None, trouble="no user namespaces")

    refused = submit(client)
    add_agent("one", None, trouble="no user namespaces", silent=timedelta(minutes=5))
    waiting = submit(client)

    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert waiting.status_code == 200


def test_one_agent_with_a_sandbox_is_enough(site: Site, client: ValidatingClient) -> None:
    add_agent("one", None)
    add_agent("two", "bubblewrap")

    assert submit(client).status_code == 200


def test_an_account_whose_jobs_wait_in_numbers_is_told_to_wait_and_others_are_not(make_site: MakeSite) -> None:
    site = make_site(queued_jobs_per_user=2)
    client = site.as_role(Role.TESTER)
    first = submit(client).json()["job_id"]
    submit(client)

    refused, other = submit(client), submit(site.as_role(Role.CONTRIBUTOR))
    client.delete(f"/jobs/{first}")
    again = submit(client)

    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (429, "rate_limited", "60")
    assert (other.status_code, again.status_code) == (200, 200)


def test_of_many_who_come_at_once_no_more_are_kept_than_may_wait(make_site: MakeSite) -> None:
    site = make_site(queued_jobs_per_user=3)
    client = site.as_role(Role.TESTER)

    answers = site.together(*[lambda: submit(client)] * 10)

    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 7
    assert len(kept_files(site)) == len(site.rows(select(JobRow.id))) == 3


def test_projects_leave_room_on_the_disk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_upload, "DISK_RESERVE", 1 << 60)

    answer = submit(site.as_role(Role.TESTER))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert_nothing_is_left(site)


def test_a_disk_that_filled_up_while_a_project_came_in_does_not_take_it(
    site: Site, client: ValidatingClient, monkeypatch: pytest.MonkeyPatch,
) -> None:
    rooms = iter([1 << 40, 0])
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=next(rooms), f_frsize=1))

    answer = submit(client)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert_nothing_is_left(site)


def test_a_server_that_is_told_to_take_no_jobs_takes_none(make_site: MakeSite) -> None:
    site = make_site(jobs="off")

    answer = submit(site.as_role(Role.ADMIN))

    assert (answer.status_code, answer.json()["message"]) == (503, "This server takes no jobs.")
    assert_nothing_is_left(site)


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 200), (Role.TESTER, 200), (Role.CONTRIBUTOR, 200), (Role.USER, 403)])
def test_who_may_submit_goes_by_the_role(site: Site, role: Role, status: int) -> None:
    assert submit(site.as_role(role)).status_code == status


def test_the_roles_that_may_are_configured_and_the_document_says_so(make_site: MakeSite) -> None:
    site = make_site(job_roles=("admin", "user"))

    answers = [submit(site.as_role(role)) for role in (Role.USER, Role.TESTER)]

    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[1].json()["details"]["required_roles"] == ["admin", "user"]
    document = site.client.get("/openapi-jobs.json").json()
    assert document["paths"][ASYNC]["post"]["x-required-roles"] == ["admin", "user"]


def test_submitting_needs_a_token_with_the_scope_for_writing(site: Site) -> None:
    assert submit(site.client).status_code == 401
    assert submit(site.as_role(Role.TESTER, Scope.RUNS_READ)).status_code == 403
    assert_nothing_is_left(site)
