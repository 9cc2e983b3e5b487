"""Operations on the reader's session: the way in, and out."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

import flask

from api.domain.auth.access import Caller, Scope
from api.domain.auth.session import LIFE, SECRET_BYTES, NewSession, begin_session
from api.domain.auth.token import usable_scopes
from api.domain.errors import InvalidCredentials
from api.domain.random_source import RandomSource
from api.handlers.auth.own_account import log_in as check_password
from api.handlers.pages.answering import lead_to, show
from api.integrations.github.authorization import GitHubAuthorization
from api.specfirst import request_context
from api.specfirst.responses import audit
from api.specfirst.responses.audit import AuditEvent, audited
from api.specfirst.transport.public_path import path_of
from api.storage.auth import accounts, sessions, tokens
from api.storage.database import transaction

COOKIE = "ci_session"


def login_page(next: str) -> flask.Response:
    """Ask who is reading."""
    return _ask(next)


def log_in(next: str, body: dict[str, Any]) -> flask.Response:
    """Begin a session of whoever knows a password or a token, and lead to the page that was wanted."""
    try:
        begun = _begin_by_token(body["token"].strip()) if body["token"] else _begin_by_password(body["email"], body["password"])
    except InvalidCredentials:
        wrong = "This token is not valid." if body["token"] else "The e-mail or the password is wrong."
        return _ask(next, HTTPStatus.UNAUTHORIZED, wrong)
    return _opened(begun, next)


def log_out() -> flask.Response:
    """End the session."""
    reader = request_context.current.get().caller
    if reader is not None and reader.session is not None:
        with transaction():
            sessions.end_session(reader.session)
    answer = lead_to("/")
    keep_cookie(answer, COOKIE, "", 0)
    return answer


def _ask(wanted: str, status: int = HTTPStatus.OK, wrong: str = "") -> flask.Response:
    has_github = bool(request_context.collaborator(GitHubAuthorization).client_id)
    return show("login.html", status, wanted=wanted, wrong=wrong, has_github=has_github, way_in=None)


def _begin_by_password(email: str, password: str) -> NewSession:
    account = check_password(email, password)
    return _begin(account, tuple(usable_scopes(account.role, list(Scope))), None)


def _begin_by_token(value: str) -> NewSession:
    with audited(AuditEvent.LOGIN) as deed:
        deed.by_caller = False
        caller: Caller | None = tokens.find_caller(value, request_context.now())
        if caller is None:
            raise InvalidCredentials
        deed.actor_id, deed.subject = caller.user_id, audit.user(caller.user_id)
    return _begin(accounts.load_account(caller.user_id), tuple(caller.scopes), caller)


def _begin(account: accounts.Account, scopes: tuple[Scope, ...], shown: Caller | None) -> NewSession:
    if account.role is None:
        raise InvalidCredentials
    token = None if shown is None or shown.token_id is None else tokens.load_token(shown.user_id, shown.token_id)
    secret, now = request_context.collaborator(RandomSource).random_bytes(SECRET_BYTES), request_context.now()
    begun = begin_session(secret, now, until=None if token is None else token.expires_at)
    with transaction():
        sessions.store_session(account, scopes, begun, now, token_id=None if token is None else token.token_id)
    return begun


def start_session(account: accounts.Account, scopes: tuple[Scope, ...], wanted: str) -> flask.Response:
    """Begin a session of an account, and lead to the page that was wanted."""
    return _opened(_begin(account, scopes, None), wanted)


def _opened(begun: NewSession, wanted: str) -> flask.Response:
    answer = lead_to(local_page(wanted))
    keep_cookie(answer, COOKIE, begun.value, round(LIFE.total_seconds()))
    return answer


def local_page(wanted: str) -> str:
    """The page that was wanted, if it is one of this server."""
    is_local = wanted.startswith("/") and not wanted.startswith("//") and wanted.isascii() and wanted.isprintable() and "\\" not in wanted
    return wanted if is_local else "/"


def keep_cookie(answer: flask.Response, name: str, value: str, seconds: int) -> None:
    """Have the browser keep a cookie that no script can read; for no seconds: forget it."""
    public_url = request_context.values().public_url
    answer.set_cookie(
        name, value, max_age=seconds, path=path_of(public_url) or "/", secure=public_url.startswith("https://"), httponly=True,
        samesite="Lax")
