"""The application factory: settings and collaborators in, the ASGI application out."""
from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import connexion
from connexion.apps.abstract import AbstractApp
from connexion.middleware.context import ContextMiddleware
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.middleware.main import API
from connexion.middleware.security import SecurityMiddleware
from flask import Flask
from starlette.types import ASGIApp, Receive, Scope, Send

from api.config import Settings
from api.installation import LOOKUP_THREADS
from api.mcp.endpoint import PATH as MCP_PATH
from api.mcp.endpoint import McpEndpoint
from api.mcp.tools import tools_of
from api.rendering.pages.refusal import refused_page
from api.rendering.pages.template import compile_templates
from api.services.auth.login_guard import LoginGuard
from api.site.first_looks import FindShown, FirstLooks
from api.site.routes import pages, service_description
from api.specfirst.access.addresses import Addresses
from api.specfirst.access.authentication import Authentication, LocalCaller, RunTokenKnown
from api.specfirst.access.rate_limits import (
    ANONYMOUS,
    DOWNLOADS,
    HEALTH,
    LOGINS,
    MACHINE,
    METRICS,
    READS,
    WORKER,
    WRITES,
    WRONG,
    Rate,
    RateLimits,
)
from api.specfirst.access.security import Authenticate, Bearer, FindMachine, SessionCookie, permitted
from api.specfirst.binding.async_operations import native
from api.specfirst.binding.binding import Functions, check, find_function
from api.specfirst.binding.documents import Document, load, operations, with_roles
from api.specfirst.binding.flask_app import FlaskBackend
from api.specfirst.binding.operation_middleware import middleware_of
from api.specfirst.binding.routing import Endpoint, routes_of
from api.specfirst.binding.shown_runs import ShowsRuns
from api.specfirst.binding.specification import CompiledSpecification
from api.specfirst.request_context import AppContext, RequestContext, Values
from api.specfirst.responses.crash_handler import CrashHandler
from api.specfirst.responses.etags import conditional
from api.specfirst.responses.headers import CorsHeaders, SecurityHeaders
from api.specfirst.responses.metrics import RequestMetrics
from api.specfirst.responses.outer import OuterMiddleware
from api.specfirst.responses.probes import IsReady, always, probe_pages
from api.specfirst.responses.request_id import new_request_id as random_request_id
from api.specfirst.responses.router import Router
from api.specfirst.transport.loop_watch import LoopWatch
from api.specfirst.transport.public_path import path_of, served_at
from api.specfirst.transport.threads import in_thread_of
from api.specfirst.validation.bodies import BodyLimits
from api.specfirst.validation.validation import request_validation, response_validation

_HERE = Path(__file__).parent
CI_DOCUMENT = Document("ci", "CI API", _HERE / "openapi-ci-api.yaml", "/api/v1", ("/api/v1/openapi.json", "/openapi.json"))
WORKER_DOCUMENT = Document("worker", "Worker protocol", _HERE / "openapi-worker.yaml", "", ("/openapi-worker.json",))
PAGES_DOCUMENT = Document("pages", "Pages", _HERE / "openapi-pages.yaml", "", ())
JOBS_DOCUMENT = Document("jobs", "Job service", _HERE / "openapi-jobs.yaml", "", ("/openapi-jobs.json",))
PLATFORM_DOCUMENT = Document(
    "platform", "Sample Platform API", _HERE / "openapi-platform-api.yaml", "/platform/api/v1", ("/openapi-platform-api.json",))
MACHINES_DOCUMENT = Document("machines", "Machines", _HERE / "openapi-machines.yaml", "/machine-api/v1", ("/openapi-machines.json",))
DOCUMENTS = (CI_DOCUMENT, WORKER_DOCUMENT, MACHINES_DOCUMENT, JOBS_DOCUMENT, PAGES_DOCUMENT, PLATFORM_DOCUMENT)

_QUARTER = 15 * 60
# A machine speaks for all that it executes at once, and sends logs while they are written.
MACHINE_SHARES = 100

Hook = Callable[[], AbstractAsyncContextManager[Any]]


class Application(connexion.FlaskApp):  # type: ignore[misc]
    """Connexion's application with our layers around it, built as soon as it is made, so that what is wrong shows at once."""

    def __init__(
        self, flask_backend: FlaskBackend, *, functions: Functions, app_context: AppContext, middlewares: Sequence[Any],
        documents: Mapping[Document, Mapping[str, Any]], hooks: Sequence[Hook], pools: Sequence[Executor],
    ) -> None:
        self._middleware_app = flask_backend
        AbstractApp.__init__(
            self, "api", lifespan=_lifespan(hooks, pools), middlewares=list(middlewares), resolver=functions,
            security_map={"bearer": Bearer, "apiKey": SessionCookie})
        self.app = flask_backend.app
        self.app_context = app_context
        stack = self.middleware
        for document, content in documents.items():
            specification = CompiledSpecification(dict(content))
            stack.apis.append(API(specification, base_path=document.base_path, name=document.name, **stack.options.__dict__))
        stack.app, stack.middleware_stack = stack._build_middleware_stack()
        self.unbound_operations = frozenset(functions.unbound)
        self.entrance: ASGIApp = stack

    @property
    def flask(self) -> Flask:
        """The Flask application behind the ordinary operations."""
        return cast(Flask, self._middleware_app.app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope."""
        if scope["type"] == "http":
            answering = self.entrance(scope, receive, send)
            # Behind a stream nothing of its request is kept.
            del scope
            await answering
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self.middleware(scope, receive, send)


def create_app(
    settings: Settings,
    *,
    authenticate: Authenticate,
    find_session: Authenticate = lambda value: None,
    run_token_known: RunTokenKnown = lambda run_id, token: False,
    find_machine: FindMachine = lambda token: None,
    local_caller: LocalCaller | None = None,
    is_outage: Callable[[BaseException], bool] = lambda raised: False,
    is_ready: IsReady = always,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    new_request_id: Callable[[], str] = random_request_id,
    documents: Sequence[Document] = DOCUMENTS,
    find: Callable[[str], Any] = find_function,
    shows_runs: ShowsRuns | None = None,
    flask_setup: Callable[[Flask], None] = lambda flask: None,
    first_shown: FindShown | None = None,
    hooks: Sequence[Hook] = (),
    collaborators: Mapping[type[Any], Any] | None = None,
) -> Application:
    """Make the application; raises what is wrong with documents, bindings or settings.

    `is_outage` tells which exceptions are answered with 503, `is_ready` whether the readiness probe is answered with 200.
    `authenticate`, `find_session`, `run_token_known`, `find_machine` and `local_caller` may block: they are called in threads, in Flask's
    application context.
    `local_caller` is who asks from this machine without a token, for the operations that allow it.
    What `shows_runs` does is done before each operation that shows runs.
    Where there is `first_shown`, the pages are looked at when the server starts, of the run and the test that it finds.
    `hooks` are entered in order when the server starts and left in reverse when it stops; `collaborators` are what
    handlers get by `context.collaborator(kind)`.
    """
    documents = _served(documents, settings.platform_api)
    contents = {document: with_roles(load(document), settings.job_roles) for document in documents}
    texts = [text for document, content in contents.items() for text in operations(document, content)]
    named = {document.name: content for document, content in contents.items()}
    check(texts, named)
    compile_templates()
    requests = ThreadPoolExecutor(settings.threads, "operation")
    lookups = ThreadPoolExecutor(LOOKUP_THREADS, "lookup")
    flask_backend = FlaskBackend("api", requests, shows_runs)
    flask_setup(flask_backend.app)
    given = dict(collaborators or {})
    request_metrics = given.setdefault(RequestMetrics, RequestMetrics(str(os.getpid())))
    watch = LoopWatch(request_metrics)
    limits = RateLimits(_rates(settings), settings.rate_store, clock)
    app_context = AppContext(
        _values(settings), clock, in_thread_of(requests, flask_backend.app), lambda: limits.degraded,
        {LoginGuard: LoginGuard(limits.counters, clock), **given})
    application = Application(
        flask_backend, functions=Functions(find), app_context=app_context, middlewares=_middlewares(settings),
        documents=contents, hooks=(entered := [*hooks, watch.running]), pools=(requests, lookups))
    inner = CrashHandler(application.middleware, is_outage)
    if first_shown is not None:
        entered.append(FirstLooks(inner, app_context, texts, first_shown).running)
    cross_origin = CorsHeaders(settings.cors_origins)
    endpoints = [_mcp(settings, inner, limits, named[CI_DOCUMENT.name])] if CI_DOCUMENT in documents else []
    routes = routes_of(texts, named, [*pages(documents, named, settings.public_url), *probe_pages(is_ready)], endpoints)
    outermost = OuterMiddleware(
        CrashHandler(Authentication(
            Router(application.middleware, cross_origin, settings.public_url),
            routes=routes,
            limits=limits, authenticate=authenticate, find_session=find_session, run_token_known=run_token_known,
            find_machine=find_machine,
            in_thread=in_thread_of(lookups, flask_backend.app), cross_origin=cross_origin,
            metrics_token=settings.metrics_token, local_caller=local_caller), is_outage, refused_page(settings.public_url)),
        app_context=app_context, addresses=Addresses(settings.trusted_proxies), security=SecurityHeaders(settings.public_url),
        cross_origin=cross_origin, service_description=service_description(documents, path_of(settings.public_url)),
        new_request_id=new_request_id, request_metrics=request_metrics, watch=watch)
    application.entrance = served_at(outermost, settings.public_url, routes)
    return application


def _served(documents: Sequence[Document], platform_api: str) -> list[Document]:
    """The documents, the platform's at the path of the settings; without it where that is empty."""
    placed = (replace(each, base_path=platform_api) if each is PLATFORM_DOCUMENT else each for each in documents)
    return [each for each in placed if each.name != PLATFORM_DOCUMENT.name or platform_api]


def _mcp(settings: Settings, inner: ASGIApp, limits: RateLimits, content: Mapping[str, Any]) -> Endpoint:
    """Tools for agents. A call counts as a read, and one that changes something as a write besides."""
    async def count_write(context: RequestContext) -> None:
        assert context.caller is not None, "the endpoint refuses who has no token"
        count = partial(
            limits.count, context, WRITES, context.caller.counted_as, account=f"account-{context.caller.user_id}")
        await context.app_context.in_thread(count)
        if context.over_limit is not None:
            raise context.over_limit

    endpoint = McpEndpoint(
        inner, tools_of(content), CI_DOCUMENT.base_path, settings.public_url, settings.cors_origins, count_write)
    return Endpoint("mcp", "", "POST", secured=True, bucket=READS, text_errors=False, path=MCP_PATH, serve=endpoint)


def _middlewares(settings: Settings) -> list[Any]:
    """Connexion's stack, outermost first; routing, errors and pages are done before it."""
    return [
        SecurityMiddleware,
        middleware_of(permitted),
        middleware_of(conditional),
        request_validation(settings.validation_engine, BodyLimits(
            upload=settings.max_upload, project=settings.job_zip_size, sample=settings.sample_size)),
        response_validation(settings.validation_engine),
        LifespanMiddleware,
        middleware_of(native),
        ContextMiddleware,
    ]


def _rates(settings: Settings) -> dict[str, Rate]:
    per_address = Rate(settings.rate_anonymous)
    return {
        READS: Rate(settings.rate_reads), WRITES: Rate(settings.rate_writes), LOGINS: Rate(settings.rate_logins, _QUARTER),
        ANONYMOUS: per_address, WRONG: per_address, HEALTH: per_address, DOWNLOADS: per_address, METRICS: per_address,
        WORKER: Rate(settings.rate_worker), MACHINE: Rate(MACHINE_SHARES * settings.rate_worker)}


def _values(settings: Settings) -> Values:
    return Values(
        public_url=settings.public_url,
        main_repository=settings.main_repository,
        allowed_repositories=settings.allowed_repositories,
        max_wait=settings.max_wait,
        max_upload=settings.max_upload,
        public_results=settings.public_results,
    )


def _lifespan(hooks: Sequence[Hook], pools: Sequence[Executor]) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with AsyncExitStack() as entered:
            for hook in hooks:
                await entered.enter_async_context(hook())
            yield
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)

    return lifespan
