"""Roles, scopes and the caller of a request."""
from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from api.domain.errors import Forbidden, Unauthorized


class Role(StrEnum):
    """A user's role on the platform."""

    ADMIN = "admin"
    CONTRIBUTOR = "contributor"
    TESTER = "tester"
    USER = "user"


class Scope(StrEnum):
    """What a token was issued for."""

    RUNS_READ = "runs:read"
    RUNS_WRITE = "runs:write"
    RESULTS_READ = "results:read"
    BASELINES_WRITE = "baselines:write"
    SYSTEM_READ = "system:read"
    SYSTEM_WRITE = "system:write"
    TOKENS_MANAGE = "tokens:manage"


# The scopes that operations of the platform's own API alone ask for.
PLATFORM_SCOPES = frozenset({Scope.SYSTEM_WRITE, Scope.TOKENS_MANAGE})


STAFF = frozenset({Role.ADMIN, Role.TESTER, Role.CONTRIBUTOR})


@dataclass(frozen=True)
class Caller:
    """The user behind a request and the token or the session that was shown; role and scopes as they are now.

    `token_id` is None for a session that was begun with a password; `session` is the digest of a session.
    """

    user_id: int
    name: str
    email: str | None
    role: Role
    scopes: frozenset[Scope]
    token_id: int | None
    github_login: str | None = None
    session: str | None = None

    @property
    def shown_token_id(self) -> int:
        """The id of the token that was shown. Raises Unauthorized for a session that a password began."""
        if self.token_id is None:
            raise Unauthorized
        return self.token_id

    @property
    def counted_as(self) -> str:
        """What the limits of requests count by."""
        return f"token-{self.token_id}" if self.session is None else f"session-{self.session}"

    @property
    def is_staff(self) -> bool:
        """Whether the role may trigger, cancel and retry runs of the main repository."""
        return self.role in STAFF


def has_kept_rights(then: Caller, now: Caller | None) -> bool:
    """Whether what a caller was permitted to begin may last; `now` is who the token stands for by now, None for nobody."""
    return now is not None and now.role is then.role and then.scopes <= now.scopes


def check_not_own(caller: Caller, user_id: int) -> None:
    """Let pass a change of somebody else's role or access. Raises Forbidden, so that nobody locks themselves, or everybody, out."""
    if caller.user_id == user_id:
        raise Forbidden("This is your own account.", {"user_id": user_id}, remedy="Ask another admin.")
