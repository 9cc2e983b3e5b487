"""The middleware that matches the route, authenticates the caller and applies rate limits."""
from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from api.domain.auth.access import Caller
from api.specfirst.access.addresses import rate_limit_key
from api.specfirst.access.local_access import is_local
from api.specfirst.access.rate_limits import ANONYMOUS, MACHINE, PER_ADDRESS, READS, WORKER, WRITES, WRONG, RateLimits
from api.specfirst.access.security import Authenticate, FindMachine, context_of, cookie_of, token_of
from api.specfirst.access.token_lookups import TokenLookups
from api.specfirst.binding.routing import Match, Operation, Routes
from api.specfirst.request_context import InThread, RequestContext
from api.specfirst.responses.headers import CorsHeaders
from api.specfirst.responses.probes import ProbePage

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_JOB_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RunTokenKnown = Callable[[int, str], bool]
LocalCaller = Callable[[], Caller | None]


class Authentication:
    """Counts each request before anything else, so that invalid requests count too."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Routes,
        limits: RateLimits,
        authenticate: Authenticate,
        find_session: Authenticate,
        run_token_known: RunTokenKnown,
        find_machine: FindMachine,
        in_thread: InThread,
        cross_origin: CorsHeaders,
        metrics_token: str = "",
        local_caller: LocalCaller | None = None,
    ) -> None:
        self._app = app
        self._routes = routes
        self._limits = limits
        self._lookups = TokenLookups(authenticate, in_thread)
        self._sessions = TokenLookups(find_session, in_thread)
        self._run_token_known, self._find_machine = run_token_known, find_machine
        self._in_thread = in_thread
        self._cross_origin = cross_origin
        self._metrics_token = metrics_token.encode()
        self._local_caller = local_caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the caller in the request's context; nothing is refused yet."""
        context = context_of(scope)
        match = self._routes.match(scope["path"], scope.get("raw_path") or b"")
        scope["extensions"]["ci.match"] = match
        context.template, context.path, context.query = match.template, scope["path"], scope["query_string"].decode("latin-1")
        # A method that a path has not is described where its others are.
        here = (each for route, _ in match.routes for each in route.targets.values() if isinstance(each, Operation))
        context.document = next((each.document for each in here), "")
        target = match.target(scope["method"])
        if target and isinstance(target[0], ProbePage):
            # Whether the process lives must hang neither on the database, which knows tokens, nor on the store of limits.
            await self._app(scope, receive, send)
            return
        operation = target[0] if target and isinstance(target[0], Operation) else None
        if operation is not None:
            context.operation_id, context.text_errors = operation.operation_id, operation.text_errors
            context.is_page = operation.cookie is not None
            context.is_open = operation.is_public and context.app_context.values.public_results
            context.subject = _subject(target[1] if target else {})
        elif not match.routes:
            context.is_page = _is_browser(scope)
        await self._identify(scope, context, operation)
        bucket, key = await self._bucket(scope, context, operation, target[1] if target else {})
        # A preflight is the browser's doing: it announces a request that will be counted.
        account = f"account-{context.caller.user_id}" if context.caller and key == context.caller.counted_as else None
        await self._count(context, bucket, key, cost=0 if self._cross_origin.preflight(scope) else 1, account=account)
        await self._app(scope, receive, send)

    async def _identify(self, scope: Scope, context: RequestContext, operation: Operation | None) -> None:
        if operation is not None and operation.cookie is not None:
            # A page knows its reader by the session alone, and a session opens pages alone.
            value = cookie_of(scope, operation.cookie)
            if value is not None:
                context.token_lookup = partial(self._sessions.find, value)
                await self._record_caller(context, context.token_lookup())
            return
        token = token_of(scope, context)
        if token is None:
            open_here = operation is not None and operation.local and not context.token_shown
            if self._local_caller is not None and open_here and is_local(scope):
                await self._record_caller(context, self._in_thread(self._local_caller))
            return
        if operation is not None and operation.for_machines:
            [found] = await asyncio.gather(self._in_thread(self._find_machine, token), return_exceptions=True)
            if isinstance(found, BaseException):
                context.failure = found
            else:
                context.machine = found
            return
        if operation is not None and operation.takes_metrics_token and self._is_metrics_token(token):
            context.shows_metrics_token = True
            return
        context.token_lookup = partial(self._lookups.find, token)
        await self._record_caller(context, context.token_lookup())

    @staticmethod
    async def _record_caller(context: RequestContext, looked_up: Awaitable[Caller | None]) -> None:
        # Where the look-up fails, the operations that need no token still work: the failure is raised by those that do.
        [found] = await asyncio.gather(looked_up, return_exceptions=True)
        if isinstance(found, BaseException):
            context.failure = found
        else:
            context.caller = found

    def _is_metrics_token(self, token: str) -> bool:
        return bool(self._metrics_token) and hmac.compare_digest(token.encode(), self._metrics_token)

    async def _bucket(
        self, scope: Scope, context: RequestContext, operation: Operation | None, parameters: Mapping[str, Any],
    ) -> tuple[str, str]:
        named = operation.bucket if operation else None
        address = context.network = rate_limit_key(context.address)
        if named == WORKER:
            run_id, token = parameters["run_id"], parameters["token"]
            [known] = await asyncio.gather(self._in_thread(self._run_token_known, run_id, token), return_exceptions=True)
            if isinstance(known, BaseException):
                context.failure = known
            else:
                context.run_token_known = known
            return (WORKER, str(run_id)) if known is True else (WRONG, address)
        if named in PER_ADDRESS:
            return str(named), address
        if context.machine is not None:
            return MACHINE, context.machine.name
        if context.caller is not None:
            return named or (READS if scope["method"] in _READING else WRITES), context.caller.counted_as
        return (WRONG if context.token_shown else ANONYMOUS), address

    async def _count(self, context: RequestContext, bucket: str, key: str, *, cost: int, account: str | None) -> None:
        count = partial(self._limits.count, context, bucket, key, cost=cost, account=account)
        if self._limits.blocking:
            await self._in_thread(count)
        else:
            count()


def _is_browser(scope: Scope) -> bool:
    """Whether a person looks for a page: programs that ask for JSON, or for anything, do not name HTML."""
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])

def _subject(parameters: Mapping[str, Any]) -> dict[str, int | str]:
    """The run or the job that a path names, for the log; text that is no id of ours stays out of it."""
    return {
        name: value for name, value in parameters.items()
        if (name == "run_id" and isinstance(value, int)) or (name == "job_id" and _JOB_ID.fullmatch(str(value)))}


def match_of(scope: Any) -> Match:
    """The routes that the request's path belongs to."""
    found: Match = scope["extensions"]["ci.match"]
    return found
