"""Whose code a caller may run: as GitHub tells it now, for triggers, retries and repeats of both."""
from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, cast

import pytest
from sqlalchemy import select

from api.domain.auth.access import Role
from api.integrations.github.identity import GitHub
from api.storage.auth import accounts
from api.storage.database import transaction
from api.storage.platform_tables import TestRow, UserRow
from tests.builders import MAIN_REPOSITORY, add_regression_test, add_run
from tests.handlers.github import GitHubStandIn, connect
from tests.handlers.site import Client, Site

RUNS = "/api/v1/runs"
COMMIT, NEWER = "a" * 40, "b" * 40
FORK = "ada/ccextractor"


@pytest.fixture
def github(site: Site) -> Iterator[GitHubStandIn]:
    """The GitHub that the server asks."""
    add_regression_test()
    stand_in = GitHubStandIn(users={123: "ada"}, heads={7: (FORK, COMMIT)})
    before = connect(site, stand_in)
    yield stand_in
    cast(MutableMapping[type[Any], Any], site.app.app_context.collaborators)[GitHub] = before


def trigger(client: Client, repository: str = FORK, *, key: str | None = None, **changes: Any) -> Any:
    """Ask for a run."""
    body = {"repository": repository, "commit_sha": COMMIT, "platform": "linux"} | changes
    return client.post(RUNS, json=body, headers={} if key is None else {"Idempotency-Key": key})


def retry(client: Client, run_id: int, *, key: str | None = None) -> Any:
    """Ask for the same once more."""
    return client.post(f"{RUNS}/{run_id}/retry", json={}, headers={} if key is None else {"Idempotency-Key": key})


def change_role(user_id: int, role: Role) -> None:
    with transaction():
        accounts.record_role(user_id, role)


def link(user_id: int, login: str | None, number: int | None = None) -> None:
    with transaction():
        accounts.record_github_login(user_id, login, number)


def count_runs(site: Site) -> int:
    return len(site.rows(select(TestRow.id)))


def test_who_lost_the_role_can_no_longer_run_the_main_repositorys_code_by_a_retry(site: Site, github: GitHubStandIn) -> None:
    ada = site.account(Role.TESTER, "ada")
    client = site.as_user(ada)
    run_id = trigger(client, MAIN_REPOSITORY).json()["run_id"]

    change_role(ada, Role.USER)

    assert (retry(client, run_id).status_code, trigger(client, MAIN_REPOSITORY).status_code) == (403, 403)
    assert client.post(f"{RUNS}/{run_id}/cancel", json={}).status_code == 202


def test_who_lost_the_link_can_no_longer_run_the_forks_code_by_a_retry(site: Site, github: GitHubStandIn) -> None:
    ada = site.account(Role.USER, "ada", github_login="ada")
    client = site.as_user(ada)
    run_id = trigger(client).json()["run_id"]

    link(ada, None)

    assert retry(client, run_id).status_code == 403


@pytest.mark.parametrize("role", [Role.ADMIN, Role.CONTRIBUTOR, Role.TESTER])
def test_staff_retries_what_a_forks_owner_triggered_and_its_retries_too(site: Site, github: GitHubStandIn, role: Role) -> None:
    owner = site.as_user(site.account(Role.USER, "ada", github_login="ada"))
    client = site.as_role(role)
    run_id = trigger(owner).json()["run_id"]

    first = retry(client, run_id)
    second = retry(client, first.json()["new_run_id"])

    assert (first.status_code, second.status_code) == (202, 202)
    assert trigger(client).status_code == 403


@pytest.mark.parametrize("lost", ["link", "account"])
def test_an_owner_who_is_none_any_more_vouches_for_nothing(site: Site, github: GitHubStandIn, lost: str) -> None:
    ada = site.account(Role.USER, "ada", github_login="ada")
    run_id = trigger(site.as_user(ada)).json()["run_id"]

    if lost == "link":
        link(ada, "another")
    else:
        with transaction():
            accounts.record_disabled(ada, True)

    assert retry(site.as_role(Role.ADMIN), run_id).status_code == 403


@pytest.mark.parametrize("role", list(Role))
def test_a_run_of_a_strangers_code_is_retried_by_nobody(site: Site, github: GitHubStandIn, role: Role) -> None:
    requester = site.account(role)
    run_id = add_run(requester_id=requester, repository="stranger/ccextractor", commit=COMMIT)

    assert retry(site.as_user(requester), run_id).status_code == 403


def test_a_repository_that_is_no_longer_allowed_is_not_retried(site: Site, github: GitHubStandIn) -> None:
    run_id = add_run(requester_id=site.account(Role.ADMIN), repository="formerly-allowed/ccextractor", commit=COMMIT)

    assert retry(site.as_role(Role.ADMIN), run_id).status_code == 403


@pytest.mark.parametrize("operation", ["trigger", "retry"])
def test_a_repeat_with_a_known_key_is_no_way_around_a_lost_right(site: Site, github: GitHubStandIn, operation: str) -> None:
    ada = site.account(Role.TESTER, "ada")
    client = site.as_user(ada)
    run_id = trigger(client, MAIN_REPOSITORY, key="k").json()["run_id"]
    again = (lambda: trigger(client, MAIN_REPOSITORY, key="k")) if operation == "trigger" else (lambda: retry(client, run_id, key="r"))
    while_allowed, repeated = again(), again()

    change_role(ada, Role.USER)

    assert (while_allowed.status_code, repeated.status_code, again().status_code) == (202, 202, 403)


@pytest.mark.parametrize(("head", "status"), [
    ((FORK, COMMIT), 202), (("ADA/CCExtractor", COMMIT.upper()), 202), ((FORK, NEWER), 403), ((MAIN_REPOSITORY, COMMIT), 403),
    ((None, COMMIT), 403), (None, 403)])
def test_a_plain_users_pull_request_is_what_github_confirms(
    site: Site, github: GitHubStandIn, head: tuple[str | None, str] | None, status: int,
) -> None:
    client = site.as_user(site.account(Role.USER, "ada", github_login="ada"))
    github.heads = {} if head is None else {7: head}

    answer = trigger(client, pull_request=7)

    assert answer.status_code == status
    assert count_runs(site) == (status == 202)


def test_a_pull_request_that_moved_on_is_not_retried_by_a_plain_user(site: Site, github: GitHubStandIn) -> None:
    client = site.as_user(site.account(Role.USER, "ada", github_login="ada"))
    run_id = trigger(client, pull_request=7).json()["run_id"]

    github.heads[7] = FORK, NEWER

    assert retry(client, run_id).status_code == 403


@pytest.mark.parametrize("role", [Role.ADMIN, Role.CONTRIBUTOR, Role.TESTER])
def test_staff_is_believed_what_a_pull_request_is_and_runs_it_as_the_main_repositorys(
        site: Site, github: GitHubStandIn, role: Role) -> None:
    client = site.as_role(role)

    mains, forks = trigger(client, MAIN_REPOSITORY, pull_request=8), trigger(client, FORK, pull_request=7)

    assert (mains.status_code, forks.status_code) == (202, 403)
    assert github.asked == []


def test_a_plain_user_waits_for_github_and_makes_no_run_meanwhile(site: Site, github: GitHubStandIn) -> None:
    client = site.as_user(site.account(Role.USER, "ada", github_login="ada"))
    github.away = True

    answer = trigger(client, pull_request=7)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert count_runs(site) == 0
    assert trigger(client).status_code == 202


def test_the_number_of_a_login_is_learned_with_the_users_own_token(site: Site, github: GitHubStandIn) -> None:
    ada = site.account(Role.USER, "ada", github_token="gho_ada")
    github.tokens = {"gho_ada": 123}

    answer = trigger(site.as_user(ada))

    account = accounts.load_account(ada)
    assert answer.status_code == 202
    assert (account.github_login, account.github_number) == ("ada", 123)


def test_a_renamed_login_is_followed(site: Site, github: GitHubStandIn) -> None:
    ada = site.account(Role.USER, "ada")
    link(ada, "ada", 123)
    github.users[123] = "ada-two"

    old, new = trigger(site.as_user(ada)), trigger(site.as_user(ada), "Ada-Two/ccextractor")

    assert (old.status_code, new.status_code) == (403, 202)
    assert (accounts.load_account(ada).github_login, accounts.load_account(ada).github_number) == ("ada-two", 123)


def test_a_login_that_somebody_else_has_by_now_is_not_inherited(site: Site, github: GitHubStandIn) -> None:
    ada, mallory = site.account(Role.USER, "ada"), site.account(Role.USER, "mallory", github_token="gho_mallory")
    link(ada, "ada", 123)
    github.users, github.tokens = {123: "ada-two", 999: "ada"}, {"gho_mallory": 999}

    hers, his = trigger(site.as_user(ada)), trigger(site.as_user(mallory))

    assert (hers.status_code, his.status_code) == (403, 202)


def test_a_github_account_that_is_gone_owns_nothing(site: Site, github: GitHubStandIn) -> None:
    ada = site.account(Role.USER, "ada")
    link(ada, "ada", 123)
    github.users = {}

    assert trigger(site.as_user(ada)).status_code == 403


def test_a_link_that_only_github_can_confirm_waits_for_it(site: Site, github: GitHubStandIn) -> None:
    ada = site.account(Role.USER, "ada")
    link(ada, "ada", 123)
    github.away = True

    answer = trigger(site.as_user(ada))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_a_login_that_the_platform_linked_anew_counts_without_the_old_number(site: Site, github: GitHubStandIn) -> None:
    ada = site.account(Role.USER, "ada")
    link(ada, "old", 5)
    with transaction() as current:
        row = current.get_one(UserRow, ada)
        row.github_login, row.github_token = "ada", "gho_ada"
    github.tokens = {"gho_ada": 123}

    answer = trigger(site.as_user(ada))

    assert answer.status_code == 202
    assert accounts.load_account(ada).github_number == 123


def test_github_is_not_asked_where_the_role_decides(site: Site, github: GitHubStandIn) -> None:
    tester = site.account(Role.TESTER)
    link(tester, "tester", 5)

    statuses = [trigger(site.as_user(tester), MAIN_REPOSITORY).status_code, trigger(site.as_role(Role.USER), MAIN_REPOSITORY).status_code]

    assert statuses == [202, 403]
    assert github.asked == []
