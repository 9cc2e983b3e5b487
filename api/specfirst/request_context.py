"""The context of a request: caller, clock, settings, collaborators."""
from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from starlette.types import Receive, Send

from api.domain.auth.access import Caller
from api.domain.errors import Unauthorized
from api.domain.runs.machine import Machine
from api.specfirst.responses.error_responses import HttpProblem

P = ParamSpec("P")
T = TypeVar("T")
TokenLookup = Callable[[], Awaitable[Caller | None]]


class Stream(Protocol):
    """What follows the head of a stream. It knows all that it needs: the request's own context is gone by then."""

    async def run(self, receive: Receive, send: Send) -> None:
        """Send events until the stream ends or the client disconnects; `receive` and `send` are the server's own."""
        ...


class InThread(Protocol):
    """Runs blocking work in the server's threads."""

    def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Call `work` with the arguments, in a thread."""
        ...


@dataclass(frozen=True)
class Values:
    """The settings that answers depend on; times in seconds, sizes in bytes."""

    public_url: str
    main_repository: str
    allowed_repositories: tuple[str, ...]
    max_wait: int
    max_upload: int
    public_results: bool = False


@dataclass(frozen=True)
class AppContext:
    """The application's context, made once by the factory."""

    values: Values
    clock: Callable[[], datetime]
    in_thread: InThread
    limits_degraded: Callable[[], bool]
    collaborators: Mapping[type[Any], Any] = field(default_factory=dict)


@dataclass(slots=True)
class RequestContext:
    """The state of one request.

    `document` is the name of the document that has the path, empty where none has. `is_page` says that a person asks for a page,
    and `is_open` that the page is shown without a session.
    """

    request_id: str
    app_context: AppContext
    address: str = "-"
    network: str = "-"
    path: str = "/"
    query: str = ""
    template: str | None = None
    operation_id: str | None = None
    document: str = ""
    caller: Caller | None = None
    machine: Machine | None = None
    token_shown: bool = False
    token_lookup: TokenLookup | None = None
    failure: BaseException | None = None
    over_limit: HttpProblem | None = None
    bucket: str | None = None
    shows_metrics_token: bool = False
    subject: Mapping[str, int | str] = field(default_factory=dict)
    run_token_known: bool | None = None
    rate_headers: tuple[tuple[bytes, bytes], ...] = ()
    text_errors: bool = False
    is_page: bool = False
    is_open: bool = False
    headers_alone: bool = False
    row_members: frozenset[str] | None = None
    stream: Stream | None = None


current: ContextVar[RequestContext] = ContextVar("request")


def caller() -> Caller:
    """The user behind the request; raises Unauthorized on an operation that asks for no token and got none."""
    found = current.get().caller
    if found is None:
        raise Unauthorized
    return found


def machine() -> Machine:
    """The machine behind the request; raises Unauthorized where no machine's token came."""
    found = current.get().machine
    if found is None:
        raise Unauthorized
    return found


def token_lookup() -> TokenLookup | None:
    """A function that looks up the request's token again later; None for a request without one."""
    return current.get().token_lookup


def is_anonymous() -> bool:
    """Whether the caller is a program of this machine that needs no token."""
    return current.get().token_lookup is None


def now() -> datetime:
    """The current time, in UTC."""
    return current.get().app_context.clock()


def values() -> Values:
    """The settings that answers depend on."""
    return current.get().app_context.values


def request_id() -> str:
    """The id under which this request stands in the log, and in a problem's details."""
    return current.get().request_id


def asked_for() -> tuple[str, str]:
    """The request's path, which is the documents' whatever a proxy put before it, and its query as it came."""
    context = current.get()
    return context.path, context.query


def client_network() -> str:
    """The client's address as limits count it: one of IPv6 stands for its network."""
    return current.get().network


def collaborator(kind: type[T]) -> T:
    """The collaborator of that class that the application was made with."""
    return cast(T, current.get().app_context.collaborators[kind])


def limits_degraded() -> bool:
    """Whether rate limits are counted per process because their shared store does not answer."""
    return current.get().app_context.limits_degraded()


def is_head_request() -> bool:
    """Whether this is a HEAD request, for which no body need be read."""
    return current.get().headers_alone


def refuse_if_over_limit() -> None:
    """Raise the 429 that was held back, since only the handler can tell which requests are exempt from the bucket."""
    refusal = current.get().over_limit
    if refusal is not None:
        raise refusal


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work, such as a database transaction, off the event loop, in an application context of its own."""
    return await current.get().app_context.in_thread(work, *args, **kwargs)


def detached(work: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Bind work for a thread to the application, without the request, for tasks that outlive it."""
    app_context = current.get().app_context

    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        before = current.set(RequestContext("-", app_context))
        try:
            return await app_context.in_thread(work, *args, **kwargs)
        finally:
            current.reset(before)

    return run
