"""Whether a caller may run code now, for triggers, retries and runs of pull requests alike."""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from api.domain.auth.access import STAFF, Caller
from api.domain.errors import Forbidden, Unavailable
from api.domain.runs.trigger import RunPolicy

RETRY_AFTER = 30


@dataclass(frozen=True, slots=True)
class Code:
    """What would be executed: a commit of a repository (`owner/name`), and the pull request that it is said to belong to."""

    repository: str
    commit_sha: str
    pull_request: int | None = None


@dataclass(frozen=True, slots=True)
class PullRequestHead:
    """What GitHub says of a pull request of the main repository; None for one that is not there, or whose fork is gone."""

    repository: str | None
    commit_sha: str | None


def owns_repository(github_login: str | None, repository: str) -> bool:
    """Whether the repository's owner is this GitHub login; GitHub's names are compared without case."""
    return bool(github_login) and repository.partition("/")[0].lower() == (github_login or "").lower()


def needs_confirmation(caller: Caller, code: Code) -> bool:
    """Whether GitHub has to confirm that the code belongs to its pull request: staff is believed."""
    return code.pull_request is not None and not caller.is_staff and owns_repository(caller.github_login, code.repository)


def authorize_run(
    caller: Caller, code: Code, policy: RunPolicy, *, link_confirmed: bool = True, head: PullRequestHead | None = None,
    triggered_by: Collection[str] = (),
) -> None:
    """Let pass who may run this code now, by the role and the GitHub login that the caller has now.

    `link_confirmed` is False where GitHub could not be asked whether the login is still the caller's. `head` is what GitHub
    says of the pull request, None where it was not or could not be asked. `triggered_by` are the GitHub logins, as of now,
    of those who have triggered this commit of this repository before; a retry names them, a trigger does not.

    Raises Forbidden: a run builds and executes that code, so nobody, staff included, runs a stranger's. Raises Unavailable
    where only GitHub could tell.
    """
    _check_repository(caller, code.repository, policy, link_confirmed, triggered_by)
    # Belonging to a pull request permits no code; it is asked in addition.
    if code.pull_request is not None and not caller.is_staff:
        _check_belonging(code, head)


def _check_repository(
    caller: Caller, repository: str, policy: RunPolicy, link_confirmed: bool, triggered_by: Collection[str],
) -> None:
    shared = policy.is_shared(repository)
    if shared and caller.is_staff:
        return
    if link_confirmed and owns_repository(caller.github_login, repository):
        return
    if caller.is_staff and any(owns_repository(login, repository) for login in triggered_by):
        return
    if not link_confirmed:
        raise _github_silent()
    if not shared:
        raise Forbidden(
            "You may run code of the main repository or of your own fork only.",
            {"main_repository": policy.main_repository, "role": caller.role.value},
            remedy="Use the main repository, or a fork owned by the GitHub account linked to yours.")
    raise Forbidden(
        "Your role may not run code of this repository.",
        {"required_roles": sorted(STAFF), "role": caller.role.value},
        remedy="Ask an administrator for a role, or trigger a run of your own fork.")


def _check_belonging(code: Code, head: PullRequestHead | None) -> None:
    if head is None:
        raise _github_silent()
    told = (head.repository or "").lower(), (head.commit_sha or "").lower()
    if told != (code.repository.lower(), code.commit_sha.lower()):
        raise Forbidden(
            "GitHub does not confirm that this commit of this repository is the head of the pull request.",
            {"pull_request": code.pull_request},
            remedy="Name the pull request's newest commit and the repository that it comes from, or leave pull_request out.")


def _github_silent() -> Unavailable:
    return Unavailable("GitHub has to be asked whether you may run this code, and does not answer.", retry_after=RETRY_AFTER)
