"""API tokens: their format, what is stored of them, and which scopes a role can use."""
from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.domain.auth.access import Role, Scope
from api.domain.errors import Forbidden

PREFIX = "spci_"
PREFIX_LENGTH = 16
SECRET_BYTES = 32
REVIEWERS = frozenset({Role.ADMIN, Role.CONTRIBUTOR})
ADMINS = frozenset({Role.ADMIN})
SCOPE_ROLES = {Scope.BASELINES_WRITE: REVIEWERS, Scope.SYSTEM_WRITE: ADMINS, Scope.TOKENS_MANAGE: ADMINS}
_SCOPES = {scope.value: scope for scope in Scope}


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token as it is issued: `value` is shown once, `digest` and `prefix` are kept. Times are UTC."""

    value: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime

    @property
    def digest(self) -> str:
        """What is stored in place of the value."""
        return token_digest(self.value)

    @property
    def prefix(self) -> str:
        """The part of the value by which its owner recognizes it."""
        return self.value[:PREFIX_LENGTH]


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is kept of an issued token."""

    token_id: int
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime


def token_digest(value: str) -> str:
    """SHA-256 (hex) of the whole value; 256 random bits need no slow hash."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def parse_scopes(text: str) -> tuple[Scope, ...]:
    """The scopes that a stored JSON array names, each once and as it is spelled; none where it is anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    named = (_SCOPES.get(each) for each in found if isinstance(each, str)) if isinstance(found, list) else ()
    return tuple(dict.fromkeys(scope for scope in named if scope is not None))


def usable_scopes(role: Role | None, scopes: Collection[Scope]) -> frozenset[Scope]:
    """The scopes that mean something for a role now, which may have changed since the token was issued; none without a role."""
    return frozenset(scope for scope in scopes if role is not None and role in SCOPE_ROLES.get(scope, Role))


def _roles_of(scopes: Collection[Scope]) -> frozenset[Role]:
    """The roles that have a use for all of these scopes."""
    return frozenset.intersection(*(SCOPE_ROLES[scope] for scope in scopes))


def issue_token(
    secret: bytes, name: str, role: Role | None, scopes: Collection[Scope], *, days: int, now: datetime,
) -> NewToken:
    """A new token from 32 random bytes. Raises Forbidden for a scope that the role can never use, and for who has no known role."""
    if role is None:
        raise Forbidden(
            "Your account has no role that is known here.", {"required_roles": sorted(Role)},
            remedy="Ask an administrator to give your account one of these roles.")
    useless = sorted(set(scopes) - usable_scopes(role, scopes))
    if useless:
        raise Forbidden(
            "Your role can never use one of the requested scopes.",
            {"scopes": [scope.value for scope in useless], "required_roles": sorted(_roles_of(useless)), "role": role.value},
            remedy="Request the token without these scopes.")
    now = now.replace(microsecond=0)
    value = PREFIX + base64.urlsafe_b64encode(secret).decode().rstrip("=")
    return NewToken(value, name, tuple(sorted(set(scopes))), now, now + timedelta(days=days))
