"""Jobs without a token: from this machine itself, where the operator allows it, and nothing else."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.config import ConfigurationError
from api.domain.auth.access import Role
from api.domain.jobs.job import JobStatus
from api.job_service import refuse_beyond_loopback
from api.storage.auth.accounts import find_account, record_disabled
from api.storage.auth.local_account import EMAIL
from api.storage.database import transaction
from tests.builders import add_user
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Client, Site, build_site
from tests.submitted_jobs import add_job, zip_of

HERE = "http://127.0.0.1:8000"


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """A server on loopback that asks for no token there."""
    return make_site(job_allow_anonymous=True, public_url=HERE)


def submit(client: Any, **headers: str) -> Any:
    return client.post(f"{HERE}/submit-async", files={"file": ("project.zip", zip_of())}, headers=headers)


def local_id() -> int:
    account = find_account(EMAIL)
    assert account is not None
    return account.user_id


def test_whoever_is_here_submits_sees_and_cancels_as_one_local_account(site: Site) -> None:
    job_id = submit(site.client).json()["job_id"]

    listed = site.client.get(f"{HERE}/jobs").json()
    cancelled = site.client.delete(f"{HERE}/jobs/{job_id}")

    assert [each["job_id"] for each in listed] == [job_id]
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")


def test_the_jobs_of_others_are_not_the_local_accounts(site: Site) -> None:
    job_id = add_job(add_user(), JobStatus.RUNNING)

    assert site.client.get(f"{HERE}/jobs/{job_id}").status_code == 404
    assert site.client.get(f"{HERE}/jobs").json() == []


def test_a_token_that_is_shown_counts_and_a_wrong_one_is_wrong(site: Site) -> None:
    admin = site.as_role(Role.ADMIN)

    assert submit(admin).status_code == 200
    assert submit(site.client.as_("wrong")).status_code == 401
    assert submit(site.client, Authorization="Basic bG9jYWw6").status_code == 401


@pytest.mark.parametrize("headers", [
    {"X-Forwarded-For": "127.0.0.1"}, {"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_request_that_only_passes_through_this_machine_needs_a_token(site: Site, headers: dict[str, str]) -> None:
    assert submit(site.client, **headers).status_code == 401


def test_a_request_from_elsewhere_needs_a_token(site: Site) -> None:
    elsewhere = Client(site.app, address=("192.0.2.7", 50_000))

    assert submit(elsewhere).status_code == 401


def test_nothing_but_jobs_is_open(site: Site) -> None:
    answers = [site.client.get(f"{HERE}{path}") for path in ("/api/v1/runs", "/api/v1/auth/tokens", "/metrics", "/api/v1/system/queue")]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 401]


def test_the_local_account_can_be_shut_out(site: Site) -> None:
    with transaction():
        record_disabled(local_id(), True)

    assert submit(site.client).status_code == 401


def test_nobody_logs_in_to_the_local_account(site: Site) -> None:
    local_id()

    answers = [
        site.client.post("/api/v1/auth/tokens", json={"email": EMAIL, "password": password, "token_name": "x", "scopes": ["runs:read"]})
        for password in ("*", "local", "!!")]

    assert not any(answer.status_code == 201 for answer in answers)


def test_without_being_switched_on_it_is_off(make_site: MakeSite) -> None:
    site = make_site(public_url=HERE)

    assert submit(site.client).status_code == 401
    assert find_account(EMAIL) is None


@pytest.mark.parametrize("changes", [
    {"public_url": "https://ci.example.org"}, {"public_url": HERE, "trusted_proxies": ("127.0.0.1",)},
    {"public_url": HERE, "job_roles": ("admin",)}])
def test_a_server_that_is_not_for_this_machine_alone_does_not_start(sqlite_path: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="CI_JOB_ALLOW_ANONYMOUS"):
        build_site(tmp_path, sqlite_path, job_allow_anonymous=True, **changes)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "ci.example.org"])
def test_the_command_refuses_to_listen_beyond_loopback(site: Site, host: str) -> None:
    with pytest.raises(ConfigurationError, match="CI_JOB_ALLOW_ANONYMOUS"):
        refuse_beyond_loopback(site.settings, host)


def test_the_local_account_is_made_once(sqlite_path: Path, tmp_path: Path) -> None:
    sites = [build_site(tmp_path, sqlite_path, job_allow_anonymous=True, public_url=HERE) for _ in range(2)]

    with sites[1].app.flask.app_context():
        assert local_id() > 0
