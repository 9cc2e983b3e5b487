"""Loads and asks GitHub for what `api.domain.auth.run_permission` decides by."""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from api.domain.auth.access import Caller
from api.domain.auth.run_permission import Code, PullRequestHead, authorize_run, needs_confirmation, owns_repository
from api.domain.runs.trigger import RunPolicy
from api.integrations.github.identity import GitHub, GitHubSilent, GitHubUser
from api.storage.auth import accounts
from api.storage.database import transaction


def require_permission(
    code: Code, caller: Caller, *, policy: RunPolicy, github: GitHub, triggered_by: Collection[str] = (),
) -> None:
    """Check that the caller may run the code now, with GitHub where needed. Raises Forbidden, Unavailable."""
    caller, confirmed = _refresh_caller(code, caller, policy, github)
    head = _head_now(code, policy, github) if confirmed and needs_confirmation(caller, code) else None
    authorize_run(caller, code, policy, link_confirmed=confirmed, head=head, triggered_by=triggered_by)


def _refresh_caller(code: Code, caller: Caller, policy: RunPolicy, github: GitHub) -> tuple[Caller, bool]:
    """The caller with the GitHub login of now, and whether GitHub could be asked for it where that was necessary."""
    if policy.is_shared(code.repository) and (caller.is_staff or not owns_repository(caller.github_login, code.repository)):
        return caller, True
    account = accounts.load_account(caller.user_id)
    try:
        login = _refresh_login(account, github)
    except GitHubSilent:
        return caller, False
    return replace(caller, github_login=login), True


def _refresh_login(account: accounts.Account, github: GitHub) -> str | None:
    """The login that the account's GitHub user has now; what is learned of them is stored. Raises GitHubSilent."""
    if account.github_number is not None:
        found = github.find_user_by_number(account.github_number)
        if found is not None and found.login != account.github_login:
            _record(account.user_id, found)
        return None if found is None else found.login
    owner = github.owner_of(account.github_token) if account.github_token else None
    if owner is None:
        # The platform, or the operator, has verified a login whose number nobody knows.
        return account.github_login
    _record(account.user_id, owner)
    return owner.login


def _record(user_id: int, user: GitHubUser) -> None:
    with transaction():
        accounts.record_github_login(user_id, user.login, user.number)


def _head_now(code: Code, policy: RunPolicy, github: GitHub) -> PullRequestHead | None:
    try:
        return github.find_pull_request_head(policy.main_repository, code.pull_request or 0)
    except GitHubSilent:
        return None
