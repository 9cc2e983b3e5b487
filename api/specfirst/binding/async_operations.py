"""Operations that run on the event loop: streams, uploads and long polls."""
from __future__ import annotations

from collections.abc import Awaitable, Callable

from connexion.operations import AbstractOperation
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.specfirst.binding.operation_middleware import arguments_of


class AsyncOperation:
    """Calls an async function with the request and the validated arguments. The function returns a Starlette response."""

    def __init__(self, operation: AbstractOperation) -> None:
        self._function: Callable[..., Awaitable[Response]] = operation.function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the function and send the response that it returns."""
        response = await self._function(request=Request(scope, receive), **arguments_of(scope))
        await response(scope, receive, send)


def native(next_app: ASGIApp, operation: AbstractOperation) -> ASGIApp:
    """Make the application for an operation: an AsyncOperation if it has x-native-async, otherwise `next_app`, which leads to Flask."""
    return AsyncOperation(operation) if operation._operation.get("x-native-async") else next_app
