"""Operations of the way in by GitHub."""
from __future__ import annotations

from functools import partial

import flask

from api.domain.auth.access import Scope
from api.domain.auth.login_attempt import LIFE, SECRET_BYTES, begin_attempt, resume_attempt
from api.domain.auth.signing import SigningKey
from api.domain.auth.token import usable_scopes
from api.domain.errors import Forbidden, NotFound, Unavailable
from api.domain.random_source import RandomSource
from api.handlers.pages.answering import lead_to
from api.handlers.pages.session import keep_cookie, local_page, start_session
from api.integrations.github.authorization import GitHubAuthorization
from api.integrations.github.identity import GitHubSilent, GitHubUser
from api.services.auth.github_accounts import account_of
from api.specfirst import request_context
from api.specfirst.responses import audit
from api.specfirst.responses.audit import AuditEvent, audited
from api.storage.auth.accounts import Account
from api.storage.database import transact

COOKIE = "ci_github"


def begin_github_login(next: str) -> flask.Response:
    """Send the reader to GitHub, to come back with a code."""
    attempt = begin_attempt(
        request_context.collaborator(RandomSource).random_bytes(SECRET_BYTES), local_page(next), request_context.now())
    answer = lead_to("/")
    answer.headers["Location"] = _application().address(attempt.state, attempt.verifier, _callback())
    keep_cookie(answer, COOKIE, attempt.signed(request_context.collaborator(SigningKey)), round(LIFE.total_seconds()))
    return answer


def finish_github_login(
    state: str, code: str, ci_github: str | None = None, error: str | None = None, error_description: str | None = None,
    error_uri: str | None = None, iss: str | None = None,
) -> flask.Response:
    """Begin a session of whoever comes back from GitHub with a code, and lead to the page that was wanted."""
    key = request_context.collaborator(SigningKey)
    attempt = None if ci_github is None else resume_attempt(key, ci_github, state, request_context.now())
    if attempt is None:
        raise Forbidden("This login was not begun here, or too long ago.", {"reason": "state"}, remedy="Begin it again.")
    with audited(AuditEvent.LOGIN) as deed:
        deed.by_caller = False
        account = _account(_user(code, attempt.verifier))
        deed.actor_id, deed.subject = account.user_id, audit.user(account.user_id)
    answer = start_session(account, tuple(usable_scopes(account.role, list(Scope))), attempt.wanted)
    keep_cookie(answer, COOKIE, "", 0)
    return answer


def _user(code: str, verifier: str) -> GitHubUser:
    try:
        found = _application().find_user(code, verifier, _callback())
    except GitHubSilent as silent:
        raise Unavailable("GitHub does not answer.") from silent
    if found is None:
        raise Forbidden("GitHub does not say who you are.", {"reason": "code"}, remedy="Begin the login again.")
    return found


def _account(user: GitHubUser) -> Account:
    reader = request_context.current.get().caller
    account = transact(partial(account_of, user.login, user.number, None if reader is None else reader.user_id))
    if account.disabled or account.role is None:
        raise Forbidden("This account may not log in.", {"reason": "disabled"})
    return account


def _application() -> GitHubAuthorization:
    found = request_context.collaborator(GitHubAuthorization)
    if not found.client_id:
        raise NotFound("login", "github", remedy="This server knows no application at GitHub; log in with a password.")
    return found


def _callback() -> str:
    return request_context.values().public_url + "/login/github/callback"
