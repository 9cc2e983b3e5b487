"""Makes middlewares that act per operation, and passes validated arguments between them."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware
from connexion.operations import AbstractOperation
from starlette.types import ASGIApp

_ARGUMENTS = "ci.arguments"

Step = Callable[[ASGIApp, AbstractOperation], ASGIApp]


def middleware_of(step: Step) -> Callable[[ASGIApp], ASGIApp]:
    """Make a middleware for Connexion's stack. It calls `step(next_app, operation)` once to make each operation's application."""

    class Api(RoutedAPI[ASGIApp]):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.add_paths()

        def make_operation(self, operation: AbstractOperation) -> ASGIApp:
            return step(self.next_app, operation)

    class Middleware(RoutedMiddleware[Api]):  # type: ignore[misc]
        api_cls = Api

    return Middleware


def arguments_of(scope: Any) -> dict[str, Any]:
    """The validated keyword arguments for the handler. Raises KeyError for a request that was not validated."""
    found: dict[str, Any] = scope["extensions"][_ARGUMENTS]
    return found


def hand_over(scope: Any, arguments: dict[str, Any]) -> None:
    """Store the validated arguments in the scope, for `arguments_of`."""
    scope["extensions"][_ARGUMENTS] = arguments
