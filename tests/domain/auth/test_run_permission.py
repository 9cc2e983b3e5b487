"""Who may run code now: role and GitHub link, then and now, over the main repository, own and strange forks, and pull requests."""
from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest

from api.domain.auth.access import STAFF, Role
from api.domain.auth.run_permission import Code, PullRequestHead, authorize_run, needs_confirmation, owns_repository
from api.domain.errors import Forbidden, Unavailable
from api.domain.runs.trigger import RunPolicy
from tests.domain.results.judging import caller

MAIN, ALLOWED, OWN, STRANGE = "CCExtractor/ccextractor", "Friend/Tool", "octo/ccextractor", "stranger/ccextractor"
POLICY = RunPolicy(MAIN, (ALLOWED,))
COMMIT, OTHER = "a" * 40, "b" * 40
CONFIRMED = PullRequestHead("Octo/CCExtractor", COMMIT.upper())
# What an account's link may be: its owner's own login, somebody else's, or none.
LINKS = ("octo", "stranger", None)


def every(*values: Iterable[Any]) -> list[tuple[Any, ...]]:
    """All combinations."""
    return list(product(*values))


def verdict(
    role: Role, login: str | None, repository: str, *, pull_request: int | None = None, head: PullRequestHead | None = None,
    triggered_by: tuple[str, ...] = (), link_confirmed: bool = True,
) -> str:
    """What is said to this caller."""
    code = Code(repository, COMMIT, pull_request)
    try:
        authorize_run(
            caller(role, github_login=login), code, POLICY, head=head, triggered_by=triggered_by, link_confirmed=link_confirmed)
    except Forbidden:
        return "forbidden"
    except Unavailable as later:
        assert later.retry_after > 0
        return "later"
    return "may"


@pytest.mark.parametrize(("login", "repository", "owns"), [
    ("octo", "octo/fork", True), ("Octo", "oCTO/fork", True), ("octo", "octopus/fork", False), ("octo", "other/octo", False),
    (None, "octo/fork", False), (None, "/fork", False), ("", "/fork", False), ("octo", "", False)])
def test_a_repository_is_owned_by_the_login_before_its_slash(login: str | None, repository: str, owns: bool) -> None:
    assert owns_repository(login, repository) is owns


@pytest.mark.parametrize(("role", "login", "repository"), every(Role, LINKS, (MAIN, ALLOWED, OWN, STRANGE)))
def test_a_trigger_needs_a_role_for_shared_code_and_the_own_link_for_all_other(role: Role, login: str | None, repository: str) -> None:
    owner = repository.partition("/")[0]

    expected = role in STAFF if repository in (MAIN, ALLOWED) else login == owner

    assert verdict(role, login, repository) == ("may" if expected else "forbidden")


@pytest.mark.parametrize(("then", "now", "link_then", "link_now", "repository"), every(Role, Role, LINKS, LINKS, (MAIN, OWN, STRANGE)))
def test_a_retry_of_ones_own_run_depends_on_now_alone(
    then: Role, now: Role, link_then: str | None, link_now: str | None, repository: str,
) -> None:
    was_allowed = verdict(then, link_then, repository) == "may"

    again = verdict(now, link_now, repository, triggered_by=(link_now,) if was_allowed and link_now else ())

    assert again == verdict(now, link_now, repository)


@pytest.mark.parametrize(("role", "owners_link_now", "repository"), every(Role, LINKS, (OWN, STRANGE)))
def test_staff_retries_the_commit_of_a_fork_whose_owner_triggered_it(role: Role, owners_link_now: str | None, repository: str) -> None:
    vouching = (owners_link_now,) if owners_link_now else ()
    owner = repository.partition("/")[0]

    found = verdict(role, None, repository, triggered_by=vouching)

    assert found == ("may" if role in STAFF and owners_link_now == owner else "forbidden")


@pytest.mark.parametrize("role", Role)
def test_who_triggered_shared_code_before_vouches_for_nobody_without_a_role(role: Role) -> None:
    assert verdict(role, None, MAIN, triggered_by=("ccextractor",)) == ("may" if role in STAFF else "forbidden")


@pytest.mark.parametrize(("role", "head"), every(Role, (
    CONFIRMED, PullRequestHead(OWN, OTHER), PullRequestHead(STRANGE, COMMIT), PullRequestHead(MAIN, COMMIT), PullRequestHead(None, None),
    PullRequestHead(None, COMMIT), PullRequestHead(OWN, None), None)))
def test_a_plain_users_pull_request_is_confirmed_by_github_and_staffs_is_believed(role: Role, head: PullRequestHead | None) -> None:
    found = verdict(role, "octo", OWN, pull_request=7, head=head)

    if role in STAFF or head is CONFIRMED:
        assert found == "may"
    else:
        assert found == ("later" if head is None else "forbidden")


@pytest.mark.parametrize(("role", "repository"), every(Role, (MAIN, STRANGE)))
def test_belonging_to_a_pull_request_permits_no_code(role: Role, repository: str) -> None:
    found = verdict(role, "octo", repository, pull_request=7, head=PullRequestHead(repository, COMMIT))

    assert found == ("may" if role in STAFF and repository == MAIN else "forbidden")


@pytest.mark.parametrize(("role", "login", "repository", "expected"), [
    *[(role, "octo", OWN, "later") for role in Role], *[(role, "octo", STRANGE, "later") for role in Role],
    *[(role, None, MAIN, "may") for role in sorted(STAFF)], (Role.USER, "octo", ALLOWED, "later")])
def test_a_right_that_only_github_could_confirm_waits_for_github(role: Role, login: str | None, repository: str, expected: str) -> None:
    assert verdict(role, login, repository, link_confirmed=False) == expected


def test_staff_needs_no_link_of_its_own_to_retry_an_owners_commit() -> None:
    assert verdict(Role.TESTER, "octo", STRANGE, link_confirmed=False, triggered_by=("Stranger",)) == "may"


@pytest.mark.parametrize(("role", "repository", "pull_request", "needed"), [
    (Role.USER, OWN, 7, True), (Role.USER, OWN, None, False), (Role.TESTER, OWN, 7, False), (Role.USER, STRANGE, 7, False),
    (Role.USER, MAIN, 7, False)])
def test_github_is_asked_about_a_pull_request_only_where_its_word_counts(
    role: Role, repository: str, pull_request: int | None, needed: bool,
) -> None:
    assert needs_confirmation(caller(role, github_login="octo"), Code(repository, COMMIT, pull_request)) is needed


def test_a_refusal_says_what_would_help_and_nothing_from_outside() -> None:
    refused = []
    for repository in (MAIN, "ignore/instructions"):
        with pytest.raises(Forbidden) as caught:
            authorize_run(caller(Role.USER), Code(repository, COMMIT), POLICY)
        refused.append(caught.value)

    assert refused[0].details == {"required_roles": ["admin", "contributor", "tester"], "role": "user"}
    assert refused[1].details == {"main_repository": MAIN, "role": "user"}
    assert "ignore" not in refused[1].message + str(refused[1].remedy)
