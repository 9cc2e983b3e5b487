"""Bearer tokens, and the scopes and roles that the document demands."""
from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from connexion.exceptions import OAuthProblem
from connexion.lifecycle import ConnexionRequest
from connexion.operations import AbstractOperation
from connexion.security import ApiKeySecurityHandler, BearerSecurityHandler
from starlette.types import ASGIApp, Receive, Scope, Send

from api.domain.auth.access import Caller
from api.domain.errors import Forbidden, Unauthorized
from api.domain.runs.machine import Machine
from api.specfirst.request_context import RequestContext

# The name of the security scheme of operations for machines.
MACHINE_TOKEN = "machineToken"
Verify = Callable[[ConnexionRequest], Awaitable[dict[str, Any]]]
Authenticate = Callable[[str], Caller | None]
FindMachine = Callable[[str], Machine | None]
_COOKIE = re.compile(rb"[A-Za-z0-9._-]{1,2048}")
# A longer token is not ours; the database is not asked.
_BEARER = re.compile(rb"bearer +([A-Za-z0-9\-._~+/]{1,256}=*)", re.IGNORECASE)


def context_of(scope: Any) -> RequestContext:
    """What is known of the request so far."""
    found: RequestContext = scope["extensions"]["ci.request"]
    return found


def token_of(scope: Scope, context: RequestContext) -> str | None:
    """The one bearer token of the request; none where the header is there twice or is something else."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    context.token_shown = bool(given)
    found = _BEARER.fullmatch(given[0].strip()) if len(given) == 1 else None
    return found.group(1).decode("ascii") if found else None


def cookie_of(scope: Scope, name: str) -> str | None:
    """The value of a cookie; none where it is there twice or is nothing that this server would have set."""
    pairs = (pair.strip().partition(b"=") for key, value in scope["headers"] if key == b"cookie" for pair in value.split(b";"))
    given = [value for key, _, value in pairs if key == name.encode()]
    return given[0].decode("ascii") if len(given) == 1 and _COOKIE.fullmatch(given[0]) else None


async def bearer_info(token: str, request: ConnexionRequest) -> dict[str, Any] | None:
    """Connexion's question for the meaning of the request's token: it was looked up before the limits were counted."""
    return _caller_info(request)


async def machine_info(token: str, request: ConnexionRequest) -> dict[str, Any] | None:
    """Connexion's question for the meaning of a machine's token, which was looked up like a person's."""
    context = context_of(request.scope)
    if context.failure is not None:
        raise context.failure
    return None if context.machine is None else {"sub": context.machine.name}


async def session_info(token: str, request: ConnexionRequest) -> dict[str, Any] | None:
    """Connexion's question for the meaning of the request's session, which was looked up like a token."""
    return _caller_info(request)


def _caller_info(request: ConnexionRequest) -> dict[str, Any] | None:
    context = context_of(request.scope)
    if context.shows_metrics_token or context.is_open:
        return {"sub": None}
    if context.failure is not None:
        raise context.failure
    if context.caller is None:
        return None
    return {"sub": context.caller.user_id}


def _verified_by(info: Callable[..., Awaitable[dict[str, Any] | None]]) -> Verify:
    async def verify(request: ConnexionRequest) -> dict[str, Any]:
        found = await info("", request)
        if found is None:
            raise OAuthProblem
        return found

    return verify


class Bearer(BearerSecurityHandler):  # type: ignore[misc]
    """Connexion's handler for bearer tokens, without its own reading of the header: there is one reading, and it was strict."""

    def _get_verify_func(self, token_info_func: Callable[..., Awaitable[dict[str, Any] | None]]) -> Verify:
        return _verified_by(token_info_func)


class SessionCookie(ApiKeySecurityHandler):  # type: ignore[misc]
    """Connexion's handler for sessions, without its own reading of the cookie."""

    def _get_verify_func(self, api_key_info_func: Callable[..., Awaitable[dict[str, Any] | None]], *_: Any) -> Verify:
        return _verified_by(api_key_info_func)


class PermittedOperation:
    """Lets a caller pass whose token has the scope and whose role is among those that the document names."""

    def __init__(self, next_app: ASGIApp, operation: AbstractOperation) -> None:
        text = operation._operation
        self.next_app = next_app
        self.scope: str | None = text.get("x-required-scope")
        self.roles: frozenset[str] = frozenset(text.get("x-required-roles") or ())
        # Whether the exception holds only the handler can tell, who knows the body and the row.
        self.role_is_for_the_handler = "x-role-exception" in text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with Forbidden, or go on."""
        context = context_of(scope)
        if context.shows_metrics_token or (context.is_open and context.caller is None):
            await self.next_app(scope, receive, send)
            return
        caller = context.caller
        if caller is None:
            raise Unauthorized
        if self.scope and self.scope not in caller.scopes:
            raise Forbidden(
                "Token does not have the required scope for this operation.",
                {"required_scope": self.scope, "token_scopes": sorted(caller.scopes)},
                remedy="Issue a token with details.required_scope by POST /auth/tokens.")
        if self.roles and caller.role not in self.roles and not self.role_is_for_the_handler:
            raise Forbidden(
                "Your role does not permit this operation.",
                {"required_roles": sorted(self.roles), "role": str(caller.role)},
                remedy="Ask somebody with one of details.required_roles.")
        await self.next_app(scope, receive, send)


def permitted(next_app: ASGIApp, operation: AbstractOperation) -> ASGIApp:
    """The step for an operation: none where the document asks for no token, or for a machine's, which has neither scopes nor a role."""
    return PermittedOperation(next_app, operation) if operation.security and not is_for_machines(operation.security) else next_app


def is_for_machines(security: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an operation's `security` asks for a machine's token."""
    return any(MACHINE_TOKEN in scheme for scheme in security)
