"""Accounts, tokens, the queue and the system's state as the platform's JSON."""
from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from api.domain.auth.access import Caller
from api.domain.auth.token import NewToken, TokenRecord
from api.domain.display_bounds import cut, cut_optional, shown_email
from api.domain.health import Dependency
from api.domain.runs.queue import QueuedRun
from api.domain.runs.run import Platform
from api.storage.auth.accounts import Account
from api.storage.auth.token_records import IssuedToken
from api.storage.catalog.releases import Release

Json = dict[str, Any]

# What the platform calls some of the things that the server depends on.
DEPENDENCIES = {"file_store": "local_storage", "bucket": "gcs"}


def health(status: str, at: datetime, found: Iterable[Dependency]) -> Json:
    """The state of the system and of what it depends on."""
    return {
        "status": status, "checked_at": at, "dependencies": [
            {"name": DEPENDENCIES.get(each.name, each.name), "status": each.status, "message": each.message} for each in found]}


def queued_run(found: QueuedRun) -> Json:
    """A run that waits or is being executed."""
    known = not {"created_at", "queued_at"} & set(found.altered)
    return {
        "run_id": found.run_id, "status": found.status.value, "platform": found.platform.value,
        "queued_at": found.queued_at if known else None, "started_at": found.started_at, "position": found.position}


def about(release: Release | None, last_commit: str | None) -> Json:
    """What is tested here."""
    version, released = (None, None) if release is None else (release.version, release.released)
    return {
        "platform_commit": None, "ccextractor_version": cut_optional(version, 50), "ccextractor_released": released,
        "last_tested_commit": cut_optional(last_commit, 64)}


def maintenance(platform: Platform, disabled: bool) -> Json:
    """Whether runs of a platform wait."""
    return {"platform": platform.value, "disabled": disabled}


def blocked_user(user_id: int, comment: str) -> Json:
    """A GitHub account whose pull requests are not run."""
    return {"user_id": user_id, "comment": cut(comment, 1024)}


def me(caller: Caller, token: TokenRecord) -> Json:
    """Who the caller is, and what the token of the request is good for now."""
    return {
        "user_id": caller.user_id, "name": cut(caller.name, 100), "email": shown_email(caller.email, caller.user_id),
        "role": caller.role.value, "scopes": [scope.value for scope in token.scopes if scope in caller.scopes]}


def github_link(account: Account) -> Json:
    """The GitHub account of an account."""
    return {
        "linked": account.github_token is not None, "github_login": cut_optional(account.github_login, 255), "authorize_url": None}


def user(account: Account) -> Json:
    """An account; one whose role is not known may do as little as a user."""
    return {
        "user_id": account.user_id, "name": cut(account.name, 255), "email": shown_email(account.email, account.user_id),
        "role": "user" if account.role is None else account.role.value, "github_linked": account.github_login is not None,
        "github_login": cut_optional(account.github_login, 255)}


def new_token(token: NewToken) -> Json:
    """A new token, with its value: the one time that it is shown."""
    return {
        "token": token.value, "token_type": "bearer", "token_name": token.name, "scopes": [scope.value for scope in token.scopes],
        "expires_at": token.expires_at}


def token_record(found: IssuedToken) -> Json:
    """What may be shown of a token."""
    return {
        "id": found.record.token_id, "user_id": found.user_id, "token_name": cut(found.record.name, 50),
        "scopes": [scope.value for scope in found.record.scopes], "created_at": found.record.created_at,
        "expires_at": found.record.expires_at, "is_revoked": found.revoked_at is not None, "revoked_at": found.revoked_at}
